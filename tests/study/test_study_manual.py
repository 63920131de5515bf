"""The manual says what is true: its tables, its examples, and what a change reruns."""

import difflib
import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image
from repatlas.catalogue import ANALYSES, MEASURES
from repatlas.study import Study
from repatlas.study.manual import with_tables
from repatlas.study.reruns import COMPARISONS, READ_OUT, RECORD, RERUNS, TRAINING, reruns
from repatlas.study.schema import SECTION_MODELS
from repatlas.study.settings import StudySettings

CONFIG = Path(__file__).resolve().parents[2] / "config"
PAGES = {
    name: (CONFIG / name).read_text(encoding="utf-8")
    for name in ("README.md", "ANALYSES.md", "PROTOCOL.md")
}
TEXT = "".join(PAGES.values())


@pytest.mark.parametrize("page", PAGES)
def test_the_tables_are_those_of_the_model(page):
    there, made = PAGES[page].splitlines(), with_tables(PAGES[page]).splitlines()
    changed = "\n".join(difflib.unified_diff(there, made, page, "made", n=0))
    assert not changed, f"{changed}\nrun: repatlas schema --manual config/{page}"


def test_every_key_and_section_stands_in_a_table():
    marks = set(re.findall(r"<!-- table: (\w+) -->", TEXT))
    catalogues = {"measures", "analyses", "figures", "figure_settings"}
    assert marks == {"study", "datasets", *catalogues, *SECTION_MODELS}


def examples():
    """The YAML examples of the manual that are whole studies."""
    blocks = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    return [block for block in blocks if block.startswith("study:")]


@pytest.fixture
def own_data(tmp_path, monkeypatch):
    """A working folder with the data that the manual's examples name."""
    monkeypatch.chdir(tmp_path)
    for name in ("photos/cat", "photos/dog", "birds/heron", "birds/stork"):
        (tmp_path / name).mkdir(parents=True)
        for number in range(12):
            Image.new("RGB", (40, 30)).save(tmp_path / name / f"{number}.png")
    code = re.search(r"```python\n(.*?)```", TEXT, re.DOTALL)[1]
    exec(compile(code, "config/README.md", "exec"), {})
    assert np.load("rows.npz")["x"].shape == (200, 16, 16)


@pytest.mark.parametrize("text", examples(), ids=lambda text: text.split()[1])
def test_every_example_is_a_valid_study(text, own_data):
    Study(yaml.safe_load(text))


def test_the_examples_are_found():
    assert len(examples()) >= 8


def test_the_worked_grid_has_the_networks_that_its_comments_count():
    text = next(e for e in examples() if e.startswith("study: grid-example"))
    study = Study(yaml.safe_load(text))
    assert len(study.runs) == 3 * 3 * 2 * 3 - 6 + 3
    assert {r.spec["training"]["batch_size"] for r in study.runs if r.design["depth"] == 110} == {
        256
    }


def test_the_message_in_the_manual_is_the_real_one(written):
    file = written(
        "study: mine\ngrid:\n  seed: 0\n  depth: [8, 21]\ntraining:\n  epochs: 3\n"
        "  learning_rate: 1e-3\n"
    )
    with pytest.raises(Exception, match="cannot be used") as error:
        Study(yaml.safe_load(Path(file).read_text()), [file])
    assert str(error.value).replace("study.yaml", "config/studies/mine.yaml") in TEXT


# For every key a value other than the base's; the base makes all of them possible.
BASE = {
    "study": "base",
    "grid": {"depth": [8, 14], "seed": [0, 1, 2]},
    "data": {"dataset": "cifar10", "fraction": 0.5, "random_labels": 0.5},
    "taps": ["relu"],
    "comparisons": {"across_architectures": "all"},
}
OTHER = {
    "study": "other",
    "title": "a title",
    "data_root": "/somewhere",
    "grid": {"depth": [8, 14], "seed": [0, 1, 3]},
    "exclude": [{"depth": 8, "seed": 0}],
    "exclude_runs": [next(iter(Study(BASE).by_name))],
    "include": [{"depth": 20}],
    "overrides": [{"where": {"depth": 8}, "set": {"epochs": 7}}],
    "taps": ["relu", "add"],
    "keep_activations": False,
    "measures": ["cka_minibatch", "cka"],
    "analyses": ["best_matches"],
    "analysed": [{"depth": 8}],
    "figures": ["accuracy"],
    "figure_settings": {"accuracy": {"max_columns": 2}},
    "device": "cpu",
    "jobs_per_gpu": 4,
    "data.dataset": "cifar100",
    "data.fraction": 0.25,
    "data.evaluate_on": "held_out",
    "data.random_labels": 0.25,
    "data.label_seed": 3,
    "model.architecture": "cnn",
    "model.width": 2,
    "model.init": "orthogonal",
    "model.bn_momentum": 0.1,
    "training.epochs": 3,
    "training.batch_size": 64,
    "training.learning_rate": 0.1,
    "training.schedule": "constant",
    "training.momentum": 0,
    "training.l2": 0,
    "training.crop_padding": 2,
    "training.flip": False,
    "training.evaluate_every": 10,
    "training.precision": "tf32",
    "training.threads": 2,
    "training.checkpoints": {"steps": [0, 10], "epochs": [5]},
    "training.pc_penalty": 1,
    "training.pc_threshold": 0.3,
    "training.colour_jitter": 1,
    "dynamics.layers": ["relu"],
    "dynamics.batch_norm": "inference",
    "dynamics.batches": 2,
    "probe.dataset": "cifar100",
    "probe.size": 512,
    "probe.batch_size": 64,
    "probe.passes": 2,
    "measure_options.cka_rbf": {"median_fraction": 0.4},
    "measure_options.svcca": [{"keep": 0.9}, {}],
    "measure_options.pwcca": {"weights": "mean"},
    "measure_options.rsa": {"rdm": "euclidean"},
    "measure_options.linear_regression": {"target": "y"},
    "measure_options.knn_jaccard": {"k": 5},
    "comparisons.across_seeds": False,
    "comparisons.across_architectures": "none",
    "comparisons.layers": ["stage1.*.relu1"],
    "comparisons.seed_pairs": 1,
    "linear_probes.method": "sgd",
    "linear_probes.pool": 2,
    "linear_probes.epochs": 3,
    "linear_probes.batch_size": 64,
    "linear_probes.learning_rate": 0.1,
    "linear_probes.momentum": 0,
    "linear_probes.evaluate_every": 10,
    "principal_components.layers": ["relu"],
    "principal_components.tolerance": 1e-3,
    "principal_components.passes": 8,
    "dominant_examples.layer": "stage2.block1.relu2",
    "dominant_examples.removed": [0.05],
    "dominant_examples.draws": 1,
    "dominant_examples.seed": 1,
    "predictions.pairs": [[{"depth": 8}, {"depth": 14}]],
    "predictions.class_groups": {"vehicles": ["ship", 9]},
    "predictions.least_seeds": 3,
    "predictions.examples": 4,
    "predictions.seed": 1,
}
# `depth` is an axis of the base, so the section's value is never used; `datasets`, and what own
# architectures and files on the disk are needed for, are tested apart.
APART = {"model.depth", "datasets", "model.arguments", "model.checkpoint"}


def names(config):
    """What networks, read-outs, tiles and figures a study comes to."""
    study = Study(config)
    return (
        set(study.by_name),
        {f"{run}--{probe.id}" for run, probe in study.probes.items()},
        {(tile.measure, tile.name) for tile in study.tiles},
        study.figures,
        {study.artifact(name, run) for name in study.settings.analyses for run in study.by_name},
    )


def changed(key):
    """Names under the base and with `key` changed."""
    section, _, field = key.rpartition(".")
    base = BASE | ({"measures": list(MEASURES)} if section == "measure_options" else {})
    base = base | ({"analyses": [section, *ANALYSES[section].needs]} if section in ANALYSES else {})
    if section == "linear_probes" and field not in ("method", "pool"):
        base = base | {"linear_probes": {"method": "sgd"}}
    if section == "dynamics":
        base = base | {"training": {"checkpoints": {"steps": [0]}}}
    if key == "training.pc_threshold":
        base = base | {"training": {"pc_penalty": 1}}
    config = {k: dict(v) if isinstance(v, dict) else v for k, v in base.items()}
    if section:
        config[section] = dict(config.get(section, {})) | {field: OTHER[key]}
    else:
        config[key] = OTHER[key]
    return names(base), names(config)


def test_every_key_is_tried():
    keys = set(StudySettings.model_fields) - set(SECTION_MODELS)
    for section in SECTION_MODELS:
        model = StudySettings.model_fields[section].annotation
        keys |= {f"{section}.{field}" for field in model.model_fields}
    assert keys == set(OTHER) | APART


@pytest.mark.parametrize("key", OTHER)
def test_what_a_change_reruns_is_what_the_manual_says(key):
    before, after = changed(key)
    new_runs, new_readouts, new_tiles = (after[n] - before[n] for n in range(3))
    said = reruns(key)
    if said == TRAINING or said == RERUNS["grid"]:
        assert new_runs or key == "exclude"
    elif said == READ_OUT:
        assert not new_runs
        assert new_readouts
    elif said in (COMPARISONS, RERUNS["measures"], RERUNS["measure_options"]):
        assert not new_runs | new_readouts
        assert new_tiles or key == "comparisons.across_architectures"
    else:
        assert not new_runs | new_readouts | new_tiles
    if said.startswith("the analysis, for every network"):
        assert before[4].isdisjoint(after[4])
    if said == RECORD:
        assert after == before


def test_a_measure_more_leaves_the_tiles_of_the_others():
    before, after = changed("measures")
    assert before[2] < after[2]


@pytest.mark.parametrize("key", ["grid", "include"])
def test_networks_that_a_wider_grid_keeps_are_not_trained_again(key):
    before, after = changed(key)
    assert after[0] & before[0]


def test_a_data_set_of_ones_own_decides_the_networks(tmp_path, small):
    path = str(tmp_path / "a.npz")
    np.savez(path, x=np.zeros((40, 8, 8), np.uint8), y=np.arange(40) % 2)
    small |= {"data": {"dataset": "mine"}, "training": {"batch_size": 8}}
    small["probe"] = {"batch_size": 4}
    small["datasets"] = {"mine": {"source": "npz", "path": path}}
    before = names(small)
    small["datasets"] = {"mine": {"source": "npz", "path": path, "split_seed": 1}}
    assert before[0].isdisjoint(names(small)[0])
    small["datasets"] = {"mine": {"source": "npz", "path": path, "test_fraction": 0.2}}
    assert before == names(small)
