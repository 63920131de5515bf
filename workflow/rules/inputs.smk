"""From wildcards to paths and parameters: every function that the rules use.

Needs: STUDY, CONFIG and GRID (common.smk). Gives: functions, and the constants that they look things
up in (the tiles by their names, their code, the files of a figure, the pages of the record).
"""

# --- data and networks ----------------------------------------------------------------------------


def dataset_spec(wildcards):
    return canonical_json(STUDY.datasets[wildcards.dataset])


def dataset_fingerprint(wildcards):
    # The user's own files: images by name and size, arrays by checksum. Adding an image remakes the
    # set, touching one does not.
    return canonical_json(fingerprint(STUDY.datasets[wildcards.dataset]) or {})


def data_code(wildcards):
    return with_own(code_digest("repatlas.cli.data"), STUDY.datasets[wildcards.dataset]["source"])


def with_own(code, name):
    # The user's own code counts for what is made with it, and for nothing else.
    return f"{code}-{own_digest(name)}" if is_own(name) else code


def run_spec(wildcards):
    return canonical_json(STUDY.by_name[wildcards.run].spec)


def run_dataset(wildcards):
    return f"results/data/{STUDY.by_name[wildcards.run].dataset}/manifest.json"


def run_threads(wildcards):
    return STUDY.by_name[wildcards.run].spec["training"]["threads"]


def named(runs):
    # As a regular expression, for a rule that is for these networks alone.
    return "|".join(map(re.escape, runs)) or "(?!)"


def trained_runs(with_checkpoints):
    # Those that are trained here, and saved on their way or not.
    trained = [run for run in STUDY.runs if not run.checkpoint]
    return named(
        r.name for r in trained if ("checkpoints" in r.spec["training"]) == with_checkpoints
    )


def run_checkpoint(wildcards):
    return str(Path(STUDY.by_name[wildcards.run].checkpoint).expanduser())


def network_code(entry):
    # The code of a rule that builds a network. Its digest is taken once a rule, not once a job.
    rule_code = code_digest(entry)

    def code(wildcards):
        architecture = STUDY.by_name[wildcards.run].spec["model"]["architecture"]
        return with_own(rule_code, architecture)

    return code


def network_files(name):
    return [f"results/runs/{run}/{name}" for run in STUDY.by_name]


# --- read-out -------------------------------------------------------------------------------------


def extraction_outputs():
    # One rule for Grams and activations, because one forward pass makes both. What is kept is a
    # matter of outputs alone: switching it on adds a store, switching it off reruns nothing.
    stem = "{run}--{probe}"
    outputs = {
        "grams": directory(f"results/grams/{stem}.zarr"),
        "manifest": f"results/grams/{stem}.manifest.json",
    }
    if STUDY.settings.keep_activations:
        outputs["activations"] = directory(f"results/activations/{stem}.zarr")
        outputs["activations_manifest"] = f"results/activations/{stem}.manifest.json"
    return outputs


def kept_store(wildcards):
    if not STUDY.settings.keep_activations:
        return ""
    return f"results/activations/{wildcards.run}--{wildcards.probe}.zarr"


def probe_inputs(wildcards):
    plan = STUDY.probes[wildcards.run]
    folder = f"results/data/{plan.dataset}"
    return {"dataset": f"{folder}/manifest.json", "probe": f"{folder}/probe-{plan.size}.json"}


def probe_plan(wildcards):
    plan = STUDY.probes[wildcards.run]
    return canonical_json({"batch_size": plan.batch_size, "passes": plan.passes, "taps": plan.taps})


def gram_manifests():
    return [f"results/grams/{run}--{plan.id}.manifest.json" for run, plan in STUDY.probes.items()]


# --- similarity -----------------------------------------------------------------------------------

TILES = {(tile.measure, tile.name): tile for tile in STUDY.tiles}
TILE_CODE = code_digest("repatlas.cli.similarity")


def tile_inputs(wildcards):
    tile = TILES[wildcards.measure, wildcards.tile]
    kind = "activations" if from_activations(tile.measure) else "grams"
    stems = [f"results/{kind}/{run}--{STUDY.probes[run].id}" for run in tile.runs]
    return {
        # A folder's time says nothing about its content; the manifest's checksum does.
        "stores": [ancient(f"{stem}.zarr") for stem in stems],
        "manifests": [f"{stem}.manifest.json" for stem in stems],
    }


def tile_spec(wildcards):
    tile = TILES[wildcards.measure, wildcards.tile]
    spec = {"runs": tile.runs, "pairs": tile.pairs, "layers": tile.layers}
    return canonical_json({**spec, "options": tile.options or None, "own": tile.own})


def tile_code(wildcards):
    tile = TILES[wildcards.measure, wildcards.tile]
    return with_own(TILE_CODE, tile.own or "")


def tile_mem_mb(wildcards, attempt):
    # An estimate from the sizes. Attempts are more than one where a profile has retries.
    estimate = tile_bytes(STUDY, TILES[wildcards.measure, wildcards.tile]) / 1e6
    return attempt * max(2000, round(estimate))


def tile_files():
    return [f"results/similarity/{measure}/{name}.parquet" for measure, name in TILES]


# --- analyses -------------------------------------------------------------------------------------


def analysis_artifacts(name):
    # What the analysis makes of each network of the study.
    return [f"results/{STUDY.artifact(name, run)}" for run in STUDY.analysed(name)]


def analysis_options(name):
    return canonical_json(STUDY.analysis_options(name))


def run_with_data(wildcards):
    folder = f"results/runs/{wildcards.run}"
    return {
        "status": f"{folder}/status.json",
        "weights": f"{folder}/model.pt",
        "dataset": run_dataset(wildcards),
    }


def linear_probe_memory(wildcards, attempt):
    return attempt * round(probe_memory(STUDY, wildcards.run) / 1e6)


def dynamics_plan(wildcards):
    plan = STUDY.probes[wildcards.run]
    own = plan.dataset == STUDY.by_name[wildcards.run].dataset
    return canonical_json({"batch_size": plan.batch_size, "own_labels": own})


def gram_store(wildcards):
    stem = f"results/grams/{wildcards.run}--{STUDY.probes[wildcards.run].id}"
    # A folder's time says nothing about its content; the manifest's checksum does.
    return {"grams": ancient(f"{stem}.zarr"), "manifest": f"{stem}.manifest.json"}


def components_of_run(wildcards):
    return f"results/{STUDY.artifact('principal_components', wildcards.run)}"


def probed_datasets():
    folders = sorted({plan.dataset for plan in STUDY.probes.values()})
    return [f"results/data/{folder}/manifest.json" for folder in folders]


def analysis_tables(name):
    return [study_path("tables", table) for table in ANALYSES[name].tables]


def tables_of_analyses():
    return [table for name in STUDY.analyses for table in analysis_tables(name)]


def comparison_options():
    # What neither tables nor the networks' records tell of how the study measures.
    options = {"linear_probes": STUDY.analysis_options("linear_probes")}
    if STUDY.settings.probe.dataset:
        (folder,) = {plan.dataset for plan in STUDY.probes.values()}
        options["probe"] = STUDY.datasets[folder]
    return canonical_json(options)


def tables_of_own_analyses():
    return [study_path("tables", f"{name}.csv") for name in STUDY.own_analyses]


def kept_manifests():
    stems = [f"{run}--{plan.id}" for run, plan in STUDY.probes.items()]
    kept = STUDY.settings.keep_activations
    return [f"results/activations/{stem}.manifest.json" for stem in stems if kept]


def own_analysis(wildcards):
    return STUDY.own_analyses[wildcards.analysis]


def own_analysis_code(wildcards):
    return with_own(code_digest("repatlas.cli.own_analysis"), own_analysis(wildcards))


# --- tables and figures ---------------------------------------------------------------------------

FIGURE_KINDS = (".png", ".pdf", ".svg", ".parquet", ".txt")


def study_path(*parts):
    return str(Path("results", "studies", STUDY.name, *parts))


def grid_with(*parts, analyses=()):
    # The networks, and what else a table is made from: a measure more is nothing to a table of
    # networks, nor an analysis more to that of another.
    def grid(wildcards):
        content = {name: WHOLE_GRID[name] for name in ("runs", "design", *parts)}
        content["artifacts"] = {name: WHOLE_GRID["artifacts"][name] for name in analyses}
        return recorded("grid", content)

    return grid


def study_folder(wildcards):
    return study_path()


def tables_folder(wildcards):
    return study_path("tables")


def explored_tables(wildcards, input):
    # By name, since tables of analyses that the study no longer names may lie beside them.
    return [Path(table).stem for table in input]


def report_folder(wildcards):
    return study_path("report")


def study_log(name):
    return f"results/logs/studies/{STUDY.name}/{name}.log"


def study_benchmark(name):
    return f"results/benchmarks/studies/{STUDY.name}/{name}.jsonl"


def layer_matching_tables():
    ranked = "layer_matching" in STUDY.figures
    return rules.layer_matching_table.output if ranked else []


def study_tables():
    return [
        *rules.network_tables.output,
        *rules.similarity_tables.output,
        *layer_matching_tables(),
        *tables_of_analyses(),
        *tables_of_own_analyses(),
        *rules.comparison_table.output,
        *rules.cost_table.output,
    ]


def figure_outputs():
    # Named by kind: png, pdf, svg, parquet (the plotted data) and txt (the caption).
    return {kind[1:]: study_path("figures", f"{{figure}}{kind}") for kind in FIGURE_KINDS}


def study_figures():
    return [path for kind in FIGURE_KINDS for path in study_figure_files(kind)]


def study_figure_names(wildcards):
    return list(STUDY.figures)


def study_figure_files(kind):
    return [study_path("figures", f"{name}{kind}") for name in STUDY.figures]


def study_results():
    return [
        *study_tables(),
        *study_figures(),
        *rules.record.output,
        *rules.explorer.output,
        *rules.provenance.output,
        *rules.report_pages.output,
    ]


def figure_tables(wildcards):
    tables = STUDY.figure_tables(wildcards.figure)
    return [study_path("tables", table) for table in tables]


def figure_settings(wildcards):
    return canonical_json(STUDY.figure_settings(wildcards.figure))


# --- report ---------------------------------------------------------------------------------------

# Pages on the study as a whole, by their files' names.
RECORD_PAGES = {
    "cost": "Cost of the run",
    "configuration": "Configuration",
    "software": "Software and hardware",
}


def page_in_report(name, category, **labels):
    # Snakemake looks for captions beside the rule file, hence the whole path.
    caption = str(Path(study_path("report", f"{name}.rst")).resolve())
    path = study_path("report", f"{name}.html")
    return report(path, caption=caption, category=category, labels=labels)


def pages_in_report():
    tables = [Path(table).stem for table in study_tables()]
    return [
        *(
            page_in_report(f"figures/{name}", "Figures", figure=FIGURES[name].title, file=name)
            for name in STUDY.figures
        ),
        *(page_in_report(f"tables/{name}", "Tables", table=name) for name in tables),
        *(page_in_report(name, "The run", page=title) for name, title in RECORD_PAGES.items()),
    ]


def captions_in_report():
    return [str(Path(page).with_suffix(".rst")) for page in pages_in_report()]
