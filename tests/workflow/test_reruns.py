"""The rerun contract: dry runs on the finished smoke study name exactly what would be made."""

import os
import re
import shutil
import time

import pytest
import yaml
from repatlas.study import Study

from .conftest import ROOT, SMOKE, start, write_config

# One worker runs the workflow, so that the finished smoke study is made once.
pytestmark = pytest.mark.xdist_group("workflow")

CONTENT = yaml.safe_load(SMOKE.read_text())
GRID = {"dataset": "digits", "fraction": 0.25, "depth": [8, 14], "width": 1, "seed": [0, 1]}
# The two architectures, as `short` names them.
D8, D14 = "d8-w1-f0.25", "d14-w1-f0.25"

# The report shows all settings.
RECORD = {"record of the study", "pages of the report"}
# What tells of the whole study, whatever is new in it.
LAST = {*RECORD, "cost of every job", "provenance"}
OF_NETWORKS = {"tables of networks", "figure accuracy", "figure learning_curves"}
OF_NETWORKS |= {"tables of block deletions", "figure block_deletion"}
OF_PAIRS = {"tables of similarities", "the paper's own values beside these"}
OF_PAIRS |= {"best matches of layers", "figure best_matches"}
OF_PAIRS |= {f"figure {name}" for name in ("within_by_depth", "across_seeds", "block_metrics")}
OF_PAIRS |= {"figure across_architectures"}
TABLES = LAST | OF_NETWORKS | OF_PAIRS | {"explorer"}


def networks(*names):
    """Training, read-out and deletions of networks such as `d8-w1-f0.25-s2`."""
    verbs = ("training", "reading out", "deleting blocks of")
    return {f"{verb} {name}" for name in names for verb in verbs}


def tiles(*pairs, measure="cka_minibatch"):
    """Tiles of pairs of architectures such as `d8-w1-f0.25`."""
    return {f"{measure} of {a} {b}" for a, b in pairs}


def short(message):
    """A job's message without data set, model and digests."""
    message = re.sub(r"digits-resnet-|-[0-9a-f]{8}\b", "", message)
    return message.replace("--", " ").rstrip(" -")


def planned(outcome):
    """What a dry run would make: short messages, and a check that none was lost by shortening."""
    assert outcome.code == 0, outcome.output
    found = {short(message) for message in outcome.planned}
    assert len(found) == sum(outcome.jobs.values()), outcome.output
    return found


def of_depth_14(**changes):
    return {"overrides": [{"where": {"depth": 14}, "set": changes}]}


RETRAINED_14 = networks(f"{D14}-s0", f"{D14}-s1") | tiles((D14, D14), (D8, D14)) | TABLES

# Name of the change: changed keys of the study, and exactly what it makes anew.
CONTRACT = {
    "numbers written otherwise": (
        {"grid": {**GRID, "width": 1.0, "fraction": 0.250}},
        set(),
    ),
    "values in another order": ({"grid": {**GRID, "depth": [14, 8]}}, RECORD),
    "a hyper-parameter of one architecture": (of_depth_14(l2=0.002), RETRAINED_14),
    # Snakemake compares parameters as a set: one that swaps two values looks unchanged to it.
    "two hyper-parameters swapped": (of_depth_14(momentum=0.001, l2=0.9), RETRAINED_14),
    "a seed": (
        {"grid": {**GRID, "seed": [0, 1, 2]}},
        networks(f"{D8}-s2", f"{D14}-s2") | tiles((D8, D8), (D14, D14), (D8, D14)) | TABLES,
    ),
    "a depth": (
        {"grid": {**GRID, "depth": [8, 14, 20]}},
        networks("d20-w1-f0.25-s0", "d20-w1-f0.25-s1")
        | tiles(*[(d, "d20-w1-f0.25") for d in (D8, D14, "d20-w1-f0.25")])
        | TABLES,
    ),
    "a width": (
        {"include": [{"depth": 8, "width": 2}]},
        networks("d8-w2-f0.25-s0", "d8-w2-f0.25-s1")
        | tiles((D8, "d8-w2-f0.25"), ("d8-w2-f0.25", "d8-w2-f0.25"), ("d8-w2-f0.25", D14))
        | TABLES
        | {"figure within_by_width"},
    ),
    "a fraction": (
        {"include": [{"depth": 8, "fraction": 0.5}]},
        networks("d8-w1-f0.5-s0", "d8-w1-f0.5-s1")
        | tiles((D8, "d8-w1-f0.5"), ("d8-w1-f0.5", "d8-w1-f0.5"), (D14, "d8-w1-f0.5"))
        | TABLES
        | {"figure within_by_fraction"},
    ),
    "a measure": (
        {"measures": ["cka_minibatch", "cka"]},
        tiles((D8, D8), (D14, D14), (D8, D14), measure="cka")
        | LAST
        | OF_PAIRS
        | {
            "explorer",
            "how often each measure finds the same layer again",
            "figure layer_matching",
        },
    ),
    "an analysis": (
        {"analyses": [*CONTENT["analyses"], "predictions"]},
        {"tables of predictions", "the paper's own values beside these"}
        | {f"figure prediction_{name}" for name in ("classes", "disagreement", "examples")}
        | {"figure dividing_examples", "explorer"}
        | LAST,
    ),
    "a network less": (
        {"exclude_runs": [next(n for n in Study(CONTENT).by_name if "-d14-" in n and "-s1-" in n)]},
        tiles((D14, D14), (D8, D14)) | TABLES,
    ),
    "a figure's setting": (
        {"figure_settings": {"within_by_depth": {"layers": "relu"}}},
        RECORD | {"figure within_by_depth"},
    ),
    "the device": ({"device": "cpu"}, RECORD),
    "how many jobs share a GPU": ({"jobs_per_gpu": 4}, RECORD),
    "the title": ({"title": "Another"}, RECORD | {"explorer"}),
    "where downloads lie": ({"data_root": "/x"}, RECORD),
    "activations no longer kept": ({"keep_activations": False}, RECORD),
    "another study of the same networks": ({"study": "other"}, TABLES),
    "another study that shares some": (
        {"study": "other", "grid": {**GRID, "depth": 14, "seed": [0, 1, 2]}},
        None,
    ),
}


@pytest.mark.parametrize("case", CONTRACT)
def test_a_change_makes_exactly_what_it_concerns(smoke, tmp_path, case):
    changes, expected = CONTRACT[case]
    outcome = start(smoke[0], write_config(tmp_path / "study.yaml", **changes), "--dry-run")
    if expected is None:
        assert outcome.of("train") == set(Study({**CONTENT, **changes}).by_name) - set(
            Study(CONTENT).by_name
        )
        return
    assert planned(outcome) == expected
    assert outcome.nothing_to_do == (not expected)


def test_reordering_yaml_and_comments_rerun_nothing(smoke, tmp_path):
    reordered = {
        key: dict(reversed(value.items())) if isinstance(value, dict) else value
        for key, value in reversed(CONTENT.items())
    }
    path = tmp_path / "study.yaml"
    path.write_text("# a comment\n" + yaml.safe_dump(reordered, sort_keys=False))
    assert start(smoke[0], path, "--dry-run").nothing_to_do


def test_touching_files_reruns_nothing(smoke):
    """Every small file that a job reads; large ones are followed by checksums in small ones."""
    patterns = ["runs/*/*", "data/*/*.json", "grams/*.json", "activations/*.json"]
    patterns += ["similarity/*/*.parquet", "studies/smoke/record/*"]
    for pattern in patterns:
        for path in smoke[0].glob(f"results/{pattern}"):
            os.utime(path, (time.time() + 5,) * 2)
    assert start(smoke[0], SMOKE, "--dry-run").nothing_to_do


@pytest.mark.parametrize("arguments", [["--cores", "1"], ["--executor", "slurm", "--jobs", "9"]])
def test_another_number_of_cores_and_another_executor_rerun_nothing(smoke, arguments):
    if "slurm" in arguments:
        pytest.importorskip("snakemake_executor_plugin_slurm")
    assert start(smoke[0], SMOKE, "--dry-run", *arguments).nothing_to_do


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """The workflow's code in another place, to be edited there."""
    folder = tmp_path_factory.mktemp("code")
    shutil.copy(ROOT / "Snakefile", folder)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "workflow", folder / "workflow", ignore=ignored)
    shutil.copytree(ROOT / "envs", folder / "envs")
    return folder


def test_comments_docstrings_and_another_place_rerun_nothing(smoke, copy):
    library = copy / "workflow/repatlas"
    for path in sorted(library.rglob("*.py")):
        text = path.read_text()
        if text.startswith('"""'):
            text = '"""Changed. ' + text[3:]
        path.write_text(text + "\n# a comment\n")
    assert start(smoke[0], SMOKE, "--dry-run", root=copy).nothing_to_do


# Edited module: the jobs that run its code, and all that follows from them.
EVERY = networks(*[f"{d}-s{s}" for d in (D8, D14) for s in (0, 1)])
TILES = tiles((D8, D8), (D14, D14), (D8, D14))
EDITED = {
    "training/optimiser.py": {m for m in EVERY if m.startswith("training")},
    "activations/extract.py": {m for m in EVERY if m.startswith("reading")},
    "similarity/minibatch.py": TILES,
    "activations/trained.py": {m for m in EVERY if not m.startswith("training")},
    "analysis/similarity_tables.py": {"tables of similarities"},
    "analysis/networks.py": {"tables of networks"},
    "analysis/cost.py": {"cost of every job"},
    "analysis/paper.py": {"the paper's own values beside these"},
    "analysis/paper_values.csv": {"the paper's own values beside these"},
    "analysis/provenance.py": {"provenance"},
    # The explorer's maps have the figures' colours.
    "figures/heatmap.py": {m for m in TABLES if m.startswith("figure ")} | {"explorer"},
    "study/manual.py": set(),
}


@pytest.mark.parametrize("module", EDITED)
def test_an_edited_module_reruns_exactly_the_jobs_that_use_it(smoke, copy, module):
    path = copy / "workflow/repatlas" / module
    before = path.read_text()
    path.write_text(before + ("\nEDITED = 1\n" if module.endswith(".py") else "\n"))
    try:
        outcome = start(smoke[0], SMOKE, "--dry-run", root=copy)
    finally:
        path.write_text(before)
    assert outcome.code == 0, outcome.output
    changed = {
        short(message)
        for message, why in outcome.planned.items()
        if "Params have changed" in why or "Code has changed" in why
    }
    assert changed == EDITED[module]
    others = [why for m, why in outcome.planned.items() if short(m) not in changed]
    assert all("updated by another job" in why for why in others)


@pytest.mark.parametrize("path", sorted((ROOT / "config").rglob("*.yaml")), ids=lambda p: p.stem)
def test_every_shipped_study_can_be_planned(tmp_path, path):
    outcome = start(tmp_path, path, "--dry-run")
    assert outcome.code == 0, outcome.output
    trained = sum(outcome.jobs.get(rule, 0) for rule in ("train", "train_with_checkpoints"))
    assert trained == len(Study(yaml.safe_load(path.read_text())).runs)


def test_planning_the_papers_whole_grid_takes_seconds(tmp_path):
    """20 s on two cores by the project's promise; the bound leaves room for a busy machine."""
    began = time.perf_counter()
    outcome = start(tmp_path, ROOT / "config/studies/cifar10-paper.yaml", "--dry-run", "--quiet")
    assert outcome.code == 0, outcome.output
    assert time.perf_counter() - began < 120
