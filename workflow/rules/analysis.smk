"""Tables of the study.

Needs: runs, Gram stores and tiles. Gives: results/studies/<study>/tables/.
"""

TABLES = study_path("tables")


def network_files(name):
    return [f"results/runs/{run}/{name}" for run in STUDY.by_name]


def tile_files():
    return [f"results/similarity/{tile.measure}/{tile.name}.parquet" for tile in STUDY.tiles]


def gram_manifests():
    return [gram_manifest(run) for run in STUDY.by_name]


def study_tables():
    return [
        *rules.network_tables.output,
        *rules.similarity_tables.output,
        *rules.comparison_table.output,
        *rules.cost_table.output,
    ]


rule network_tables:
    input:
        grid=GRID,
        status=network_files("status.json"),
        curves=network_files("curve.csv"),
    output:
        multiext(f"{TABLES}/", "runs.csv", "accuracy.csv", "learning_curves.parquet"),
    log:
        f"results/logs/studies/{STUDY.name}/network_tables.log",
    params:
        code=code_digest("repatlas.cli.network_tables"),
    conda:
        ENVIRONMENT
    message:
        "tables of networks"
    shell:
        "python -m repatlas network_tables --grid {input.grid:q} --runs results/runs"
        " --output $(dirname {output[0]:q}) --log {log:q}"


rule similarity_tables:
    input:
        grid=GRID,
        manifests=gram_manifests(),
        tiles=tile_files(),
    output:
        multiext(
            f"{TABLES}/",
            "layers.parquet",
            "layer_similarity.parquet",
            "block_metrics.csv",
            "block_summary.csv",
            "cross_seed.csv",
        ),
    log:
        f"results/logs/studies/{STUDY.name}/similarity_tables.log",
    params:
        code=code_digest("repatlas.cli.similarity_tables"),
    conda:
        ENVIRONMENT
    message:
        "tables of similarities"
    shell:
        "python -m repatlas similarity_tables --grid {input.grid:q} --grams results/grams"
        " --output $(dirname {output[0]:q}) --log {log:q}"


rule comparison_table:
    input:
        runs=f"{TABLES}/runs.csv",
        blocks=f"{TABLES}/block_metrics.csv",
    output:
        f"{TABLES}/comparison_with_paper.csv",
    log:
        f"results/logs/studies/{STUDY.name}/comparison_table.log",
    params:
        code=code_digest("repatlas.cli.comparison_table"),
    conda:
        ENVIRONMENT
    message:
        "the paper's own values beside these"
    shell:
        "python -m repatlas comparison_table --tables $(dirname {input.runs:q}) --results results"
        " --output {output:q} --log {log:q}"


rule cost_table:
    input:
        grid=GRID,
        status=network_files("status.json"),
        manifests=gram_manifests(),
        tiles=tile_files(),
    output:
        f"{TABLES}/cost.csv",
    log:
        f"results/logs/studies/{STUDY.name}/cost_table.log",
    params:
        code=code_digest("repatlas.cli.cost_table"),
    conda:
        ENVIRONMENT
    message:
        "cost of every job"
    shell:
        "python -m repatlas cost_table --grid {input.grid:q} --benchmarks results/benchmarks"
        " --output {output:q} --log {log:q}"
