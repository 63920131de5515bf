"""Everything on config/EXTENDING.md, run as it stands there."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from repatlas import load_study
from repatlas.study import Study

from ..starting import snakemake

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "config" / "EXTENDING.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"<!-- file: (\S+) -->\n```\w+\n(.*?)```", PAGE, re.DOTALL))
# What the page adds to a study, in the order in which it does.
DATASET, MEASURE, ANALYSIS = (
    yaml.safe_load(text)
    for text in re.findall(r"(?<!-->\n)```yaml\n(.*?)```", PAGE, re.DOTALL)
    if "study:" not in text
)

pytestmark = pytest.mark.xdist_group("own")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the page's files, in which its scripts have been run."""
    folder = tmp_path_factory.mktemp("own")
    for name, text in FILES.items():
        (folder / name).write_text(text)
    subprocess.run([sys.executable, "save_weights.py"], cwd=folder, check=True)
    study = yaml.safe_load(FILES["own-network.yaml"]) | MEASURE | ANALYSIS
    (folder / "own-network.yaml").write_text(yaml.safe_dump(study))
    return folder


def start(folder, study, *arguments):
    done = subprocess.run(
        snakemake("--configfile", study, *arguments),
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def jobs(output):
    """Jobs by rule, from the "Job stats" table."""
    table = re.search(r"Job stats:\n.*?\n-+.*?\n(.*?)\ntotal", output, re.DOTALL)
    return {row.split()[0]: int(row.split()[1]) for row in table[1].splitlines()} if table else {}


@pytest.fixture(scope="module")
def networks(folder):
    """The study of own networks, with the own measure and analysis, finished."""
    code, output = start(folder, "own-network.yaml")
    assert code == 0, output
    return load_study(folder / "results/studies/own-network")


@pytest.fixture(scope="module")
def loaded(folder):
    """The study of saved weights on the own data set, finished."""
    code, output = start(folder, "saved-weights.yaml")
    assert code == 0, output
    return load_study(folder / "results/studies/saved-weights")


def test_own_networks_are_trained_and_told_apart_by_their_arguments(networks):
    runs = networks.runs
    assert sorted(runs["depth"]) == [2, 2, 4, 4]
    assert set(runs["width"]) == {16}
    assert set(runs["status"]) == {"completed"}
    assert set(runs["architecture"]) == {"my_networks.py:SmallNet"}
    # They learn: by chance it would be 10 %.
    assert runs["test_accuracy"].min() > 0.5


def test_their_layers_are_the_runs_of_their_modules(networks):
    deep = networks.runs.query("depth == 4")["run"].iloc[0]
    layers = networks.layers(deep)["layer"].tolist()
    pairs = [(f"convolutions.{k}", f"relu:{k + 1}" if k else "relu") for k in range(4)]
    assert layers == [*(name for pair in pairs for name in pair), "classify"]
    similarity = networks.similarity(deep)
    assert list(similarity.index) == layers
    assert np.allclose(np.diag(similarity), 1)


def test_figures_show_them_by_depth(networks):
    figures = networks.folder / "figures"
    drawn = {path.stem for path in figures.glob("*.png")}
    assert {"within_by_depth", "across_seeds", "across_architectures", "accuracy"} <= drawn
    shown = pd.read_parquet(figures / "within_by_depth.parquet")
    assert set(shown["depth"]) == {2, 4}


def test_the_own_measure_is_the_functions(networks, folder, monkeypatch):
    monkeypatch.syspath_prepend(folder)
    from my_measures import distance_agreement

    run = networks.runs["run"].iloc[0]
    table = networks.comparison(run, measure="distance_agreement")
    store = networks.activations(run)
    for row in table.iloc[[1, 7]].itertuples():
        x, y = (store.read(k).reshape(store.n_examples, -1) for k in (row.index_a, row.index_b))
        assert row.value == pytest.approx(distance_agreement(x.astype(float), y.astype(float)))
    assert (networks.folder / "figures/layer_matching.png").exists(), "two measures are ranked"


def test_the_own_analysis_is_a_table_with_the_design(networks):
    table = networks.table("dead_units")
    assert set(table) == {"run", "group", *networks.design, "layer", "dead"}
    assert len(table) == 2 * 2 + 2 * 4
    assert table["dead"].between(0, 1).all()


def test_loaded_networks_are_those_of_the_files(loaded, folder):
    runs = loaded.runs
    assert set(runs["epochs_done"]) == {0}
    assert runs["depth"].isna().all()
    for row in runs.itertuples():
        weights = torch.load(folder / f"results/runs/{row.run}/model.pt")
        saved = torch.load(folder / f"saved/resnet18-s{row.seed}.pt")
        assert all(torch.equal(weights[key], value) for key, value in saved.items())
    names = loaded.layers(runs["run"].iloc[0])["layer"]
    assert names.str.endswith("relu:2").sum() == 8


def test_loaded_networks_have_figures_too(loaded):
    drawn = {path.stem for path in (loaded.folder / "figures").glob("*.png")}
    assert {"within_by_depth", "across_seeds", "accuracy", "block_metrics"} <= drawn
    assert "learning_curves" not in drawn
    caption = (loaded.folder / "figures/across_seeds.txt").read_text()
    assert "nan" not in caption.lower()


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("my_networks.py", {"train": 4, "extract": 4}),
        ("my_measures.py", {"similarity": 3}),
        ("my_analyses.py", {"own_analysis": 1}),
    ],
)
def test_an_edit_reruns_what_uses_it(networks, folder, file, expected):
    path = folder / file
    text = path.read_text()
    try:
        path.write_text(f"{text}\n# a comment\n")
        code, output = start(folder, "own-network.yaml", "--dry-run")
        assert "Nothing to be done" in output
        path.write_text(f"{text}\nchanged = True\n")
        code, output = start(folder, "own-network.yaml", "--dry-run")
    finally:
        path.write_text(text)
    assert code == 0, output
    found = jobs(output)
    first = ["data", "train", "extract", "similarity", "own_analysis"]
    made = {rule: found[rule] for rule in first if rule in found}
    assert {rule: made.get(rule) for rule in expected} == expected
    upstream = first[: first.index(next(iter(expected)))]
    assert not set(upstream) & set(made)


def test_an_edit_of_the_data_sets_code_makes_it_again(loaded, folder):
    path = folder / "my_data.py"
    text = path.read_text()
    try:
        path.write_text(text.replace("default_rng(0)", "default_rng(1)"))
        _, output = start(folder, "saved-weights.yaml", "--dry-run")
    finally:
        path.write_text(text)
    assert jobs(output)["data"] == 1


def test_other_weights_are_another_network_and_moved_ones_the_same(loaded, folder, monkeypatch):
    monkeypatch.chdir(folder)
    study = yaml.safe_load(FILES["saved-weights.yaml"])
    names = {run.seed: run.name for run in loaded.runs.rename(columns={"run": "name"}).itertuples()}
    Path("moved").mkdir()
    Path("moved/0.pt").write_bytes(Path("saved/resnet18-s0.pt").read_bytes())
    state = torch.load("saved/resnet18-s1.pt")
    state["fc.bias"] += 1
    torch.save(state, "moved/1.pt")
    study["model"]["checkpoint"] = "moved/{seed}.pt"
    found = {run.spec["seed"]: run.name for run in Study(study).runs}
    assert found[0] == names[0]
    assert found[1] != names[1]


def test_the_normalised_network_takes_the_weights_of_torchvisions(folder, monkeypatch):
    from repatlas.models.registry import build
    from repatlas.models.saved import load_saved

    monkeypatch.chdir(folder)
    plain, normalised = (
        build({"architecture": name}, (3, 8, 8), 10, None).eval()
        for name in ("torchvision.models:resnet18", "normalised.py:NormalisedResNet18")
    )
    for network in (plain, normalised):
        load_saved(network, folder / "saved/resnet18-s0.pt", "it")
    x = torch.rand(2, 3, 8, 8)
    mean, spread = (
        torch.tensor(v).view(3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    )
    with torch.no_grad():
        torch.testing.assert_close(normalised(x), plain((x - mean) / spread))


def test_the_page_adds_what_a_study_takes(folder, monkeypatch):
    monkeypatch.chdir(folder)
    study = Study(
        {"study": "x", "grid": {"dataset": "coloured"}, "probe": {"batch_size": 64}} | DATASET
    )
    assert study.shape(study.runs[0].name) == (3, 8, 8)
