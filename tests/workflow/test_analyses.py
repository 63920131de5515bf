"""Every analysis on the real networks of the smoke study, each against a plain computation of its
own: singular values of activations, branches whose last batch normalisation is set to zero."""

import itertools
import re
import shutil

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch
import yaml
from repatlas import load_study
from repatlas.catalogue import ANALYSES
from repatlas.models.registry import build
from repatlas.stores import ActivationStore

from ..documented import axes, not_there, unexplained
from .conftest import SMOKE, start, write_config

# The worker that has the finished smoke study: its networks are used again.
pytestmark = pytest.mark.xdist_group("workflow")

PAIR = [{"depth": 8}, {"depth": 14}]


@pytest.fixture(scope="module")
def folder(smoke, tmp_path_factory):
    """The results of a study of the smoke networks, one of them with checkpoints besides, in a copy
    of the smoke study's folder."""
    here = tmp_path_factory.mktemp("analyses")
    for name in ("results", ".snakemake"):
        shutil.copytree(smoke[0] / name, here / name, symlinks=True)
    training = yaml.safe_load(SMOKE.read_text())["training"]
    config = write_config(
        tmp_path_factory.mktemp("study") / "analyses.yaml",
        study="analyses",
        training=training,
        overrides=[
            {"where": {"depth": 8, "seed": 0}, "set": {"checkpoints": {"steps": [0, 10]}}},
        ],
        analyses=list(ANALYSES),
        analysed=[{"seed": 0}],
        predictions={"pairs": [PAIR], "class_groups": {"round": [0, 6, 8, 9]}},
    )
    outcome = start(here, config)
    assert outcome.code == 0, outcome.output
    # The three networks without checkpoints are those of the smoke study.
    assert outcome.jobs["train_with_checkpoints"] == 1
    assert "train" not in outcome.jobs
    return here / "results"


@pytest.fixture(scope="module")
def study(folder):
    return load_study(folder / "studies/analyses")


@pytest.fixture(scope="module")
def run(study):
    """The network of depth 14 that is analysed."""
    runs = study.runs
    return runs.loc[(runs["depth"] == 14) & (runs["seed"] == 0), "run"].item()


@pytest.fixture(scope="module")
def activations(folder, run):
    """Activations of that network: name of a layer -> (batches, examples, features), float64."""
    (path,) = (folder / "activations").glob(f"{run}--*.zarr")
    store = ActivationStore(path)
    names = [layer.name for layer in store.layers]
    n_batches = store.n_examples // store.batch_size

    def read(layer):
        batches = (store.read_batch(names.index(layer), k) for k in range(n_batches))
        return np.stack([b.reshape(store.batch_size, -1).astype(float) for b in batches])

    return read


LAYERS = ["relu", "stage2.block1.relu2", "stage3.block2.relu1"]


def test_every_table_and_figure_of_the_analyses_is_there(study):
    tables = {path.name for path in (study.folder / "tables").iterdir()}
    assert {table for analysis in ANALYSES.values() for table in analysis.tables} <= tables
    figures = {path.stem for path in (study.folder / "figures").glob("*.png")}
    assert {
        "best_matches",
        "block_deletion",
        "cka_without_pc1",
        "dominant_images",
        "dominant_projections",
        "dominant_removal",
        "dynamics_blocks",
        "dynamics_component",
        "dynamics_to_final",
        "dynamics_within",
        "first_component",
        "linear_probes",
        "pc1_share",
        "prediction_classes",
        "prediction_disagreement",
        "prediction_examples",
        "sparsity",
    } <= figures


def first_component(batches):
    """(u1, share of the variance) of the activations of all batches, by singular values."""
    x = np.concatenate(batches)
    u, s, _ = np.linalg.svd(x - x.mean(0), full_matrices=False)
    return u[:, 0], s[0] ** 2 / (s @ s)


def test_first_components_and_sparsity_are_those_of_the_activations(study, run, activations):
    table = study.table("principal_components")
    table = table[table["run"] == run].set_index("layer")
    similarity = study.table("pc_similarity")
    similarity = similarity[similarity["run"] == run].set_index(["layer_a", "layer_b"])["value"]
    directions = {}
    for layer in LAYERS:
        x = activations(layer)
        directions[layer], share = first_component(x)
        assert table.loc[layer, "pc1_share"] == pytest.approx(share, rel=1e-5)
        assert table.loc[layer, "zero_share"] == pytest.approx((x == 0).mean(), abs=1e-6)
    for a, b in itertools.combinations(LAYERS, 2):
        expected = (directions[a] @ directions[b]) ** 2
        assert similarity[a, b] == pytest.approx(expected, abs=1e-4)


def without_first(x):
    x = x - x.mean(0)
    u, s, vt = np.linalg.svd(x, full_matrices=False)
    return x - s[0] * np.outer(u[:, 0], vt[0])


def hsic(x, y):
    """Song's unbiased HSIC of two sets of features, by Szekely and Rizzo's U-centred matrices."""
    n = len(x)
    centred = []
    for features in (x, y):
        k = features @ features.T
        np.fill_diagonal(k, 0)
        rows = k.sum(0) / (n - 2)
        k = k - rows[:, None] - rows[None, :] + k.sum() / ((n - 1) * (n - 2))
        np.fill_diagonal(k, 0)
        centred.append(k)
    return (centred[0] * centred[1]).sum()


def test_similarity_without_the_first_component_is_that_of_what_is_left(study, run, activations):
    table = study.table("cka_without_pc1")
    table = table[table["run"] == run].set_index(["layer_a", "layer_b"])["value"]
    for a, b in itertools.combinations(LAYERS, 2):
        sums = np.zeros(3)
        for x, y in zip(activations(a), activations(b), strict=True):
            x, y = without_first(x), without_first(y)
            sums += hsic(x, y), hsic(x, x), hsic(y, y)
        expected = sums[0] / np.sqrt(sums[1] * sums[2])
        assert table[a, b] == pytest.approx(expected, abs=1e-5)


def test_dominant_examples_have_the_largest_projections(folder, study, run, activations):
    table = study.table("dominant_examples")
    table = table[table["run"] == run].sort_values("rank")
    (layer,) = table["layer"].unique()
    u1, _ = first_component(activations(layer))
    store = ActivationStore(next((folder / "activations").glob(f"{run}--*.zarr")))
    largest = np.argsort(-np.abs(u1))[: len(table)]
    assert len(table) == round(0.01 * store.n_examples)
    # Positions in the test set: the digits' probe is the whole of it, in the order of the set.
    probe = np.array(
        yaml.safe_load(next(folder.glob("data/*/probe-512.json")).read_text())["indices"]
    )
    assert table["example"].tolist() == probe[largest].tolist()


def test_deleted_branches_are_branches_that_add_nothing(folder, study, run):
    spec = yaml.safe_load((folder / f"runs/{run}/spec.json").read_text())
    data = next((folder / "data").glob("digits-*"))
    images = np.load(data / "test_images.npy")
    labels = np.load(data / "test_labels.npy")
    weights = torch.load(folder / f"runs/{run}/model.pt", weights_only=True)
    table = study.table("block_deletion")
    table = table[table["run"] == run]
    assert len(table) == 3 * (3 + 2)
    runs = study.runs.set_index("run")
    for row in table.itertuples():
        network = build(spec["model"], images.shape[1:], 10, None).eval()
        network.load_state_dict(weights)
        for k in range(int(row.n_deleted)):
            block = network.get_submodule(f"stage{row.stage}.block{int(row.first_block) + k}")
            block.bn2.weight.data.zero_()
            block.bn2.bias.data.zero_()
        with torch.no_grad():
            found = network(torch.from_numpy(images).float() / 255).argmax(1).numpy()
        assert row.test_accuracy == pytest.approx((found == labels).mean(), abs=2 / len(labels))
        if row.n_deleted == 0:
            assert row.test_accuracy == runs.loc[run, "test_accuracy"]


def test_linear_probes_read_more_from_later_layers(study):
    table = study.table("linear_probes")
    assert table["accuracy"].between(0.1, 1).all()
    table = table[table["position"] == "after"]
    by_depth = table.groupby("run")["accuracy"].agg(["first", "last"])
    accuracy = study.runs.set_index("run")["test_accuracy"]
    # The classes are at least as linear in the last block as the network's own classifier says.
    assert (by_depth["last"] > accuracy.loc[by_depth.index] - 0.05).all()
    assert len(by_depth) == 2


def test_best_matches_are_the_largest_values_of_the_rows(study):
    table = study.table("best_matches")
    runs = study.runs
    depth = {d: runs.loc[runs["depth"] == d, "run"].tolist() for d in (8, 14)}
    part = table[(table["depth"] == 8) & (table["other_depth"] == 14)].set_index("layer")
    # In unlike seeds.
    matrices = [study.similarity(a, b) for a, b in zip(depth[8], depth[14][::-1], strict=True)]
    assert (part["n"] == 2).all()
    for layer in part.index:
        best = [matrix.loc[layer].max() for matrix in matrices]
        assert part.loc[layer, "value_mean"] == pytest.approx(np.mean(best))
        found = [matrix.loc[layer].idxmax() for matrix in matrices]
        assert found.count(part.loc[layer, "match"]) == max(map(found.count, found))


def test_dynamics_begin_with_the_initialisation_and_end_with_the_network(study):
    table = study.table("dynamics")
    assert table["run"].nunique() == 1
    assert sorted(table["step"].unique())[:2] == [0, 10]
    final = table[table["final"]]
    assert final["cka_to_final"].to_numpy() == pytest.approx(1)
    first = table[table["step"] == 0]
    assert (first["cka_to_final"] < 1).sum() > len(first) / 2
    blocks = study.table("dynamics_blocks").sort_values("step")
    accuracy = blocks["probe_accuracy"].to_numpy()
    assert accuracy[0] < 0.3 < accuracy[-1]


def test_predictions_of_two_seeds_are_described_and_not_tested(study):
    examples = study.table("prediction_examples")
    labels = examples.drop_duplicates("example").set_index("example")["label"].sort_index()
    for group, part in examples.groupby("group"):
        runs = study.runs.loc[study.runs["group"] == group, "run"]
        right = [(study.logits(r).to_numpy().argmax(1) == labels).to_numpy() for r in runs]
        expected = np.mean(right, axis=0)
        np.testing.assert_allclose(part.sort_values("example")["accuracy"], expected)
    classes = study.table("prediction_classes")
    assert len(classes) == 10
    assert classes["p"].isna().all()
    assert all(re.fullmatch(r"not tested: n=2", reason) for reason in classes["reason"])


def test_every_number_stands_beside_its_design(study):
    for analysis in ANALYSES.values():
        # An image is the same for every network.
        for name in set(analysis.tables) - {"dividing_images.parquet"}:
            columns = study.table(name.rsplit(".", 1)[0]).columns
            assert {"depth", "depth_a"} & set(columns), name


def test_every_column_is_explained_and_every_one_explained_is_there(study):
    tables = {
        path.name: pq.read_schema(path).names
        if path.suffix == ".parquet"
        else pd.read_csv(path, nrows=0).columns.tolist()
        for path in (study.folder / "tables").iterdir()
    }
    assert {"layer_similarity.parquet", "dynamics_similarity.parquet"} <= set(tables)
    further = axes(study.config)
    assert not [c for file, columns in tables.items() for c in unexplained(file, columns, further)]
    assert not not_there(tables)


def test_captions_say_how_many_networks(study):
    for name in ("block_deletion", "linear_probes", "pc1_share", "best_matches"):
        caption = (study.folder / f"figures/{name}.txt").read_text()
        assert re.search(r"n = \d+|\d+ (networks|pairs|seeds)", caption), caption


def test_tables_are_plain_numbers(study):
    table = pd.read_parquet(study.folder / "tables/pc_similarity.parquet")
    assert table["value"].dropna().between(0, 1 + 1e-9).all()
