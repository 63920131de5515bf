"""The smoke study from nothing to results, and what its results say."""

import json
import time

import numpy as np
import pandas as pd
import pytest
from repatlas import load_study
from repatlas.analysis.blocks import block_metrics
from repatlas.catalogue import FIGURES
from repatlas.stores import GramStore

from .conftest import SMOKE, start

# One worker runs the workflow, so that the finished smoke study is made once.
pytestmark = pytest.mark.xdist_group("workflow")

STUDY = "results/studies/smoke"


@pytest.fixture
def study(smoke):
    return load_study(smoke[0] / STUDY)


def test_it_takes_at_most_forty_jobs(smoke):
    _, outcome = smoke
    assert outcome.jobs["train"] == 4
    assert sum(outcome.jobs.values()) <= 40


def test_every_figure_and_table_is_there_and_holds_something(smoke):
    folder = smoke[0] / STUDY
    figures = {path.stem for path in (folder / "figures").iterdir()}
    assert {"within_by_depth", "across_seeds", "across_architectures", "accuracy"} <= figures
    assert figures <= set(FIGURES)
    for name in figures:
        for kind in ("png", "pdf", "svg", "parquet", "txt"):
            assert (folder / "figures" / f"{name}.{kind}").stat().st_size > 50
    tables = {path.name for path in (folder / "tables").iterdir()}
    assert tables == {
        "runs.csv",
        "accuracy.csv",
        "learning_curves.parquet",
        "layers.parquet",
        "layer_similarity.parquet",
        "block_metrics.csv",
        "block_summary.csv",
        "cross_seed.csv",
        "comparison_with_paper.csv",
        "best_matches.csv",
        "block_deletion.csv",
        "block_deletion_summary.csv",
        "cost.csv",
    }


def test_a_finished_study_is_a_no_op_within_five_seconds(smoke):
    began = time.perf_counter()
    outcome = start(smoke[0], SMOKE)
    assert outcome.nothing_to_do, outcome.output
    # Five seconds on an idle machine; CPU time does not depend on what else runs.
    assert time.perf_counter() - began < 60


def test_the_networks_learned_something(study):
    assert (study.runs["status"] == "completed").all()
    assert (study.runs["test_accuracy"] > 0.4).all(), "chance is .1"


def test_similarity_within_a_network_is_symmetric_with_ones_on_the_diagonal(study):
    for run in study.runs["run"]:
        matrix = study.similarity(run)
        assert list(matrix.index) == list(matrix.columns)
        np.testing.assert_allclose(matrix, matrix.T, atol=1e-12)
        np.testing.assert_allclose(np.diag(matrix), 1, atol=1e-12)
        # Identical layers (pooling and flattening) differ from 1 by the rounding of float32 Grams.
        assert ((matrix < 1 + 1e-6) & (matrix > -0.2)).all().all()


def test_similarity_equals_its_definition_computed_from_stored_activations(smoke, study):
    """Independent computation: Song's unbiased HSIC, term by term in float64, from activations."""
    run = study.runs["run"].iloc[0]
    other = study.runs["run"].iloc[3]  # of another depth and seed
    from repatlas.stores import ActivationStore

    def open_(name):
        (path,) = (smoke[0] / "results/activations").glob(f"{name}--*.zarr")
        return ActivationStore(path)

    def hsic(k, m):
        n = len(k)
        k, m = k - np.diag(np.diag(k)), m - np.diag(np.diag(m))
        middle = k.sum() * m.sum() / ((n - 1) * (n - 2))
        cross = 2 / (n - 2) * (k.sum(0) @ m.sum(0))
        return ((k * m).sum() + middle - cross) / (n * (n - 3))

    def grams(store, layer):
        index = [item.name for item in store.layers].index(layer)
        for batch in range(store.n_examples // store.batch_size):
            x = store.read_batch(index, batch).reshape(store.batch_size, -1).astype(float)
            x -= x.mean(0)
            yield x @ x.T

    for a, b, one, two in (
        (run, run, "relu", "stage3.block1.relu2"),
        (run, run, "stage2.block1.conv1", "dense"),
        (run, other, "stage2.block1.relu1", "stage3.block2.relu2"),
    ):
        left, right = open_(a), open_(b)
        sums = np.zeros(3)
        for k, m in zip(grams(left, one), grams(right, two), strict=True):
            sums += hsic(k, m), hsic(k, k), hsic(m, m)
        expected = sums[0] / np.sqrt(sums[1] * sums[2])
        assert study.similarity(a, b).loc[one, two] == pytest.approx(expected, abs=1e-6)


def test_block_metrics_are_those_of_the_relu_matrix(study):
    blocks = study.table("block_metrics").set_index("run")
    for run in study.runs["run"]:
        metrics = block_metrics(study.similarity(run, layers="relu").to_numpy())
        assert blocks.loc[run, "fraction_above"] == pytest.approx(metrics.fraction_above)
        assert blocks.loc[run, "longest_run"] == metrics.longest_run


def test_logits_give_the_reported_accuracy(smoke, study):
    labels = np.load(next((smoke[0] / "results/data").glob("*/test_labels.npy")))
    for run, accuracy in study.runs[["run", "test_accuracy"]].itertuples(index=False):
        assert (study.logits(run).to_numpy().argmax(1) == labels).mean() == accuracy


def test_design_columns_stand_on_every_row(study):
    design = ["dataset", "fraction", "architecture", "depth", "width"]
    for name in ("runs", "accuracy", "learning_curves", "layers", "block_metrics", "cross_seed"):
        assert set(design) <= set(study.table(name).columns), name
        assert study.table(name)[design].notna().all().all()
    similarity = study.table("layer_similarity")
    assert {f"{c}_{side}" for c in [*design, "seed"] for side in "ab"} <= set(similarity.columns)


def test_every_value_has_a_standard_error_from_its_eight_batches(study):
    table = study.table("layer_similarity")
    assert (table["n_batches"] == 8).all()
    off = table[(table["run_a"] != table["run_b"])]
    assert (off["se"] > 0).all()
    assert off["se"].median() < 0.1


def test_the_cost_of_every_job_is_there(smoke, study):
    cost = study.table("cost")
    figures = len(list((smoke[0] / STUDY / "figures").glob("*.png")))
    assert cost.groupby("rule").size().to_dict() == {
        "block_deletion": 4,
        "data": 1,
        "extract": 4,
        "probe": 1,
        "similarity": 3,
        "studies": 4 + figures,
        "train": 4,
    }
    assert (cost["seconds"] > 0).all()
    assert cost.loc[cost["rule"] == "train", "peak_memory_mb"].max() < 2000


def test_provenance_says_what_made_it(smoke):
    record = json.loads((smoke[0] / STUDY / "provenance.json").read_text())
    assert record["networks"] == 4
    assert record["packages"]["torch"].startswith("2.")
    assert record["trained_on"][0]["networks"] == 4
    config = json.loads((smoke[0] / STUDY / "config.json").read_text())
    assert config["training"]["momentum"] == 0.9, "defaults are filled in"


def test_stores_name_network_and_probe(smoke, study):
    hashes = set()
    for path in (smoke[0] / "results/grams").glob("*.zarr"):
        store = GramStore(path)
        assert path.name.startswith(store.run)
        hashes.add(store.probe)
    assert len(hashes) == 1


def test_logs_of_all_jobs_are_where_results_readme_says(smoke):
    logs = smoke[0] / "results/logs"
    for rule, count in (("train", 4), ("extract", 4), ("similarity/cka_minibatch", 3)):
        assert len(list((logs / rule).glob("*.log"))) == count


def test_tables_are_readable_without_repatlas(smoke):
    table = pd.read_parquet(smoke[0] / STUDY / "tables/layer_similarity.parquet")
    assert table["value"].between(-0.5, 1 + 1e-6).all()
