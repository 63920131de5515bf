"""The study's tables from constructed artifacts with known content."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from repatlas.analysis import paper
from repatlas.analysis.cost import cost_table
from repatlas.analysis.design import Grid, read_grid
from repatlas.analysis.networks import accuracy_table, curves_table, runs_table
from repatlas.analysis.similarity_tables import (
    block_summary,
    block_table,
    cross_seed_table,
    layer_similarity,
)

KINDS = ["conv", "relu", "relu", "relu"]


def design(width, seed, **more):
    base = {"dataset": "cifar10", "fraction": 0.0625, "architecture": "resnet", "depth": 38}
    return {**base, "width": width, "seed": seed, **more}


def status(accuracy, state="completed", reason=""):
    return {
        "status": state,
        "reason": reason,
        "epochs": 300,
        "steps": 7200,
        "train_examples": 3125,
        "parameters": 10,
        "train_loss": 0.1 if accuracy else None,
        "train_accuracy": 0.9 if accuracy else None,
        "test_loss": 1.0 if accuracy else None,
        "test_accuracy": accuracy,
    }


def tile_rows(run_a, run_b, matrix):
    n = len(matrix)
    rows = [
        {
            "run_a": run_a,
            "run_b": run_b,
            "index_a": i,
            "index_b": j,
            "layer_a": f"l{i}",
            "layer_b": f"l{j}",
            "kind_a": KINDS[i],
            "kind_b": KINDS[j],
            "value": matrix[i][j],
            "se": 0.01,
            "n_batches": 8,
            "reason": "",
        }
        for i in range(n)
        for j in range(n)
    ]
    return rows


@pytest.fixture
def grid(tmp_path):
    """Two widths with two seeds; the axes of the grid bear names that outcomes bear too."""
    runs = []
    accuracies = {"a0": 0.6, "a1": 0.8, "b0": 0.7, "b1": None}
    for name, accuracy in accuracies.items():
        width = 1.0 if name[0] == "a" else 2.0
        extra = {"epochs": 300, "learning_rate": 0.01}
        runs.append(
            {"run": name, "group": name[0], **design(width, int(name[1]), **extra), "probe": "p"}
        )
        folder = tmp_path / "runs" / name
        folder.mkdir(parents=True)
        state = ("completed", "") if accuracy else ("diverged", "training loss is nan at epoch 2")
        (folder / "status.json").write_text(json.dumps(status(accuracy, *state)))
        (folder / "curve.csv").write_text(
            "epoch,step,learning_rate,train_loss,train_accuracy,test_loss,test_accuracy\n"
            "1,24,0.01,2.0,0.3,,\n2,48,0.009,1.5,0.4,1.2,0.5\n"
        )
    block = [[1, 0.2, 0.2, 0.2], [0.2, 1, 0.95, 0.5], [0.2, 0.95, 1, 0.92], [0.2, 0.5, 0.92, 1]]
    none = [[1, 0.2, 0.2, 0.2], [0.2, 1, 0.1, 0.1], [0.2, 0.1, 1, 0.1], [0.2, 0.1, 0.1, 1]]
    cross = [[0.3] * 4, [0.1, 0.7, 0.1, 0.1], [0.1, 0.1, 0.8, 0.1], [0.1, 0.1, 0.1, 0.9]]
    rows = tile_rows("a0", "a0", block) + tile_rows("a1", "a1", none)
    rows += tile_rows("a0", "a1", cross)
    rows += tile_rows("b0", "b0", np.full((4, 4), np.nan))
    path = tmp_path / "tile.parquet"
    pd.DataFrame(rows).to_parquet(path)
    record = {
        "runs": runs,
        "design": [*design(1, 0), "epochs", "learning_rate"],
        "tiles": {"cka_minibatch": [str(path)]},
        "jobs": {},
    }
    (tmp_path / "grid.json").write_text(json.dumps(record))
    return read_grid(tmp_path / "grid.json")


def test_runs_with_a_failed_network(grid, tmp_path):
    table = runs_table(grid, tmp_path / "runs").set_index("run")
    assert table.loc["a0", "test_accuracy"] == 0.6
    assert table.loc["b1", "status"] == "diverged"
    assert table.loc["b1", "reason"] == "training loss is nan at epoch 2"
    assert math.isnan(table.loc["b1", "test_accuracy"])
    assert (table["epochs"] == 300).all(), "the axis"
    assert (table["epochs_done"] == 300).all()


def test_accuracy_over_seeds_counts_the_failed(grid, tmp_path):
    table = accuracy_table(grid, runs_table(grid, tmp_path / "runs")).set_index("group")
    assert table.loc["a", "test_accuracy_mean"] == pytest.approx(0.7)
    assert table.loc["a", "test_accuracy_sd"] == pytest.approx(np.std([0.6, 0.8], ddof=1))
    assert (table.loc["b", "n"], table.loc["b", "n_failed"]) == (2, 1)
    assert math.isnan(table.loc["b", "test_accuracy_sd"])
    assert "seed" not in table.columns


def test_curves_keep_what_was_not_evaluated_undefined(grid, tmp_path):
    table = curves_table(grid, tmp_path / "runs")
    assert len(table) == 8
    assert table["test_accuracy"].isna().sum() == 4
    assert list(table["epoch_learning_rate"][:2]) == [0.01, 0.009]
    assert (table["learning_rate"] == 0.01).all(), "the axis"


def test_layer_similarity_carries_both_designs(grid):
    table = layer_similarity(grid)
    assert len(table) == 64
    across = table[(table["run_a"] == "a0") & (table["run_b"] == "a1")]
    assert (across["seed_a"] == 0).all()
    assert (across["seed_b"] == 1).all()
    assert (across["width_a"] == 1).all()


def test_block_metrics_use_the_relu_layers_only(grid):
    blocks = block_table(grid, layer_similarity(grid)).set_index("run")
    assert blocks.loc["a0", "n_layers"] == 3
    assert blocks.loc["a0", "fraction_above"] == pytest.approx(2 / 3)
    assert blocks.loc["a0", "longest_run"] == 2
    ends = blocks.loc["a0", ["run_start_layer", "run_end_layer"]]
    assert list(ends) == ["l1", "l2"]
    assert blocks.loc["a1", "longest_run"] == 1
    assert math.isnan(blocks.loc["b0", "fraction_above"])
    assert math.isnan(blocks.loc["b0", "longest_run"])
    assert blocks.loc["b0", "pairs_undefined"] == 3


def test_block_summary_over_seeds(grid):
    summary = block_summary(grid, block_table(grid, layer_similarity(grid))).set_index("group")
    assert summary.loc["a", "n"] == 2
    assert summary.loc["a", "longest_run_mean"] == 1.5
    assert summary.loc["b", "n"] == 0, "an undefined network is not counted"
    assert math.isnan(summary.loc["b", "fraction_above_mean"])


def test_the_same_layer_across_seeds(grid):
    table = cross_seed_table(grid, layer_similarity(grid))
    assert list(table["value_mean"]) == [0.3, 0.7, 0.8, 0.9]
    assert (table["n_pairs"] == 1).all()
    assert table["value_sd"].isna().all(), "one pair has no spread"
    assert list(table["relative_depth"]) == pytest.approx([0, 1 / 3, 2 / 3, 1])


def test_a_study_without_relu_layers_or_second_seeds_has_empty_tables_with_columns(grid):
    """Only the first layer, a convolution, of one network."""
    table = layer_similarity(grid)
    table = table[(table["run_a"] == "a0") & (table["run_b"] == "a0")]
    table = table[(table["index_a"] == 0) & (table["index_b"] == 0)]
    blocks = block_table(grid, table)
    assert blocks.empty
    assert {"run", "fraction_above", "longest_run", "run_start_layer"} <= set(blocks.columns)
    summary = block_summary(grid, blocks)
    assert summary.empty
    assert {"group", "width", "n", "longest_run_mean"} <= set(summary.columns)
    across = cross_seed_table(grid, table)
    assert across.empty
    assert {"group", "layer", "relative_depth", "value_mean"} <= set(across.columns)


def test_distances_have_no_block(grid):
    table = layer_similarity(grid).assign(measure="angular_shape")
    assert block_table(grid, table).empty


def test_published_values_are_the_papers():
    """Spot checks against the paper's printed table and the readings of its heat maps."""
    table = paper.published()
    cell = (table["depth"] == 38) & (table["width"] == 10) & (table["dataset"] == "cifar100")
    printed = table[cell & (table["quantity"] == "test_accuracy")]
    assert list(printed["value"]) == [0.805]
    sixteenth = table[(table["fraction"] == 0.0625) & (table["quantity"] == "fraction_above")]
    assert list(sixteenth["value"]) == [0.089, 0.105, 0.108, 0.213, 0.203]
    assert table[["source", "read"]].notna().all().all()


def test_comparison_with_the_paper(grid, tmp_path):
    training = {**paper.PROTOCOL, "epochs": 60, "evaluate_every": 10}
    training |= {"learning_rate": 0.02, "l2": 0.003}
    spec = {"data": {"dataset": {"source": "cifar10"}}, "training": training}
    manifest = {"passes": 1, "n_batches": 8, "batch_size": 256}
    names = grid.runs["run"]
    table = paper.comparison(
        runs_table(grid, tmp_path / "runs"),
        block_table(grid, layer_similarity(grid)),
        dict.fromkeys(names, spec),
        dict.fromkeys(names, manifest),
    )
    row = table[(table["width"] == 1) & (table["quantity"] == "fraction_above")].iloc[0]
    assert (row["n"], row["paper_n"]) == (2, 1)
    assert row["ours_mean"] == pytest.approx(1 / 3)
    assert row["paper_mean"] == 0.089
    assert row["difference"] == pytest.approx(1 / 3 - 0.089)
    for part in ("epochs 60 for 300", "2 seeds for 10", "1 CKA pass for 10", "2048 probe images"):
        assert part in row["departures"]
    assert "learning rate 0.02 and l2 0.003, which the paper does not give" in row["departures"]
    assert not (table["quantity"] == "test_accuracy").any(), "the paper has none at 1/16"


def test_a_printed_accuracy_is_never_averaged_with_another_source_nor_with_held_out_images(
    grid, tmp_path
):
    full = grid.runs.assign(fraction=1.0, width=1.0)
    runs = runs_table(Grid(full, grid.design, grid.tiles), tmp_path / "runs")
    blocks = block_table(grid, layer_similarity(grid)).iloc[:0]
    training = {**paper.PROTOCOL, "learning_rate": 0.01, "l2": 0.001, "evaluate_every": 1}
    manifest = {"passes": 10, "n_batches": 390, "batch_size": 256}
    manifests = dict.fromkeys(full["run"], manifest)

    def rows(evaluate_on):
        data = {"dataset": {"source": "cifar10"}, "evaluate_on": evaluate_on}
        specs = dict.fromkeys(full["run"], {"data": data, "training": training})
        return paper.comparison(runs, blocks, specs, manifests)

    found = rows("test")
    assert set(found["group"]) == {"a", "b"}, "groups are not pooled"
    assert set(found.loc[found["group"] == "a", "paper_mean"]) == {0.938, 0.9367}
    assert rows("held_out").empty


def test_a_study_of_other_data_has_an_empty_comparison_with_all_columns(grid, tmp_path):
    spec = {"data": {"dataset": {"source": "digits"}}, "training": {}}
    names = grid.runs["run"]
    table = paper.comparison(
        runs_table(grid, tmp_path / "runs"),
        block_table(grid, layer_similarity(grid)),
        dict.fromkeys(names, spec),
        {},
    )
    assert table.empty
    assert {"ours_mean", "paper_mean", "departures"} <= set(table.columns)


def test_cost_of_jobs_that_were_measured_and_that_were_not(tmp_path):
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "r.jsonl").write_text(
        json.dumps({"s": 2.5, "cpu_time": 2.0, "max_rss": 300.0, "io_in": "-", "io_out": 1.0})
    )
    table = cost_table(tmp_path, {"train": ["r", "copied"]}).set_index("job")
    assert table.loc["r", "seconds"] == 2.5
    assert table.loc["r", "peak_memory_mb"] == 300
    assert math.isnan(table.loc["r", "read_mb"])
    assert table.loc["copied"].drop("rule").isna().all()
