"""The study's tables from constructed artifacts with known content."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from repatlas.analysis import departures, paper
from repatlas.analysis.cost import cost_table
from repatlas.analysis.design import Grid, read_grid
from repatlas.analysis.networks import accuracy_table, curves_table, runs_table
from repatlas.analysis.paper_quantities import quantities
from repatlas.analysis.similarity_tables import (
    block_summary,
    block_table,
    cross_seed_table,
    layer_similarity,
    write_similarity_tables,
)
from repatlas.layers import layers_of

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
        "artifacts": {},
        "prediction_pairs": [],
        "jobs": {},
    }
    (tmp_path / "grid.json").write_text(json.dumps(record))
    return read_grid(tmp_path / "grid.json")


def similarities(grid):
    return pd.concat([tile.to_pandas() for tile in layer_similarity(grid)], ignore_index=True)


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
    table = similarities(grid)
    assert len(table) == 64
    across = table[(table["run_a"] == "a0") & (table["run_b"] == "a1")]
    assert (across["seed_a"] == 0).all()
    assert (across["seed_b"] == 1).all()
    assert (across["width_a"] == 1).all()


def test_tables_written_tile_by_tile_are_those_of_all_tiles_together(grid, tmp_path):
    """Two tiles whose networks, layers and axes differ, and an axis that some networks lack."""
    grid.runs["random_labels"] = [0.5, 0.5, None, None]
    grid.runs["note"] = ["x", "x", "y", "y"]
    grid.design.extend(["random_labels", "note"])
    second = tmp_path / "second.parquet"
    pd.DataFrame(tile_rows("b1", "b1", np.eye(4)) + tile_rows("b0", "b1", np.eye(4))).to_parquet(
        second
    )
    grid.tiles["cka_minibatch"].append(str(second))
    grid.tiles["procrustes"] = [str(second)]
    write_similarity_tables(grid, tmp_path)
    written = pd.read_parquet(tmp_path / "layer_similarity.parquet")
    pd.testing.assert_frame_equal(
        written.astype({c: str for c in written.select_dtypes("category")}),
        similarities(grid).astype({c: str for c in written.select_dtypes("category")}),
    )
    assert set(written.loc[written["run_b"] == "b1", "note_b"]) == {"y"}
    assert written.loc[written["run_a"] == "b0", "random_labels_a"].isna().all()
    blocks = pd.read_csv(tmp_path / "block_metrics.csv")
    assert blocks["run"].tolist() == ["a0", "a1", "b0", "b1", "b1"]
    together = block_table(grid, similarities(grid))
    pd.testing.assert_frame_equal(
        blocks[together.columns].fillna({"run_start_layer": "", "run_end_layer": ""}),
        together,
        check_dtype=False,
    )
    assert len(pd.read_csv(tmp_path / "cross_seed.csv")) == 12


def test_block_metrics_use_the_relu_layers_only(grid):
    blocks = block_table(grid, similarities(grid)).set_index("run")
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
    summary = block_summary(grid, block_table(grid, similarities(grid))).set_index("group")
    assert summary.loc["a", "n"] == 2
    assert summary.loc["a", "longest_run_mean"] == 1.5
    assert summary.loc["b", "n"] == 0, "an undefined network is not counted"
    assert math.isnan(summary.loc["b", "fraction_above_mean"])


def test_the_same_layer_across_seeds(grid):
    table = cross_seed_table(grid, similarities(grid))
    assert list(table["value_mean"]) == [0.3, 0.7, 0.8, 0.9]
    assert (table["n_pairs"] == 1).all()
    assert table["value_sd"].isna().all(), "one pair has no spread"
    assert list(table["relative_depth"]) == pytest.approx([0, 1 / 3, 2 / 3, 1])


def test_a_study_without_relu_layers_or_second_seeds_has_empty_tables_with_columns(grid):
    """Only the first layer, a convolution, of one network."""
    table = similarities(grid)
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
    table = similarities(grid).assign(measure="angular_shape")
    assert block_table(grid, table).empty


def test_published_values_are_the_papers():
    """Spot checks against the paper's printed table and the readings of its figures."""
    table = paper.published()
    cell = (table["depth"] == 38) & (table["width"] == 10) & (table["dataset"] == "cifar100")
    printed = table[cell & (table["quantity"] == "test_accuracy")].set_index("source")
    assert printed["value"].to_dict() == {
        "Table B.1": 0.805,
        "Nguyen et al. 2022 (arXiv 2202.07184), standard training": 0.805,
    }
    assert printed["sd"].tolist()[1] == 0.00174
    sixteenth = table[(table["fraction"] == 0.0625) & (table["quantity"] == "fraction_above")]
    assert list(sixteenth["value"]) == [0.089, 0.105, 0.108, 0.213, 0.203]
    assert (table[["source", "read"]] != "").all(axis=None)
    assert table["value"].notna().all()


def test_published_layers_are_layers_of_their_networks():
    table = paper.published()
    table = table[table["layer"] != ""]
    assert len(table) > 500
    for (architecture, depth), part in table.groupby(["architecture", "depth"]):
        names = {name for name, _ in layers_of({"architecture": architecture, "depth": depth})}
        parts = {".".join(name.split(".")[:n]) for name in names for n in (1, 2)}
        assert set(part["layer"]) <= names | parts


def test_published_values_are_given_once_and_within_their_range():
    table = paper.published()
    keys = [*paper.CELL, "network", "quantity", "layer", "source"]
    assert not table.duplicated(keys).any()
    ranged = table[table["low"].notna()]
    assert (ranged["value"] - (ranged["low"] + ranged["high"]) / 2).abs().max() < 1e-9
    shares = table[~table["quantity"].str.startswith("longest_run")]
    assert shares["value"].between(0, 1).all()


def compared(tables, specs, manifests, similarity=None, device="cpu"):
    """The comparison with the paper of a study with these tables."""
    hardware = dict.fromkeys(manifests, {"device": device})
    ours = quantities(tables, similarity, specs)
    return paper.comparison(
        ours, lambda runs: departures.departures(runs, specs, manifests, hardware)
    )


def test_comparison_with_the_paper(grid, tmp_path):
    training = {**departures.PROTOCOL, "epochs": 60, "evaluate_every": 10, "pc_penalty": 1}
    training |= {"learning_rate": 0.02, "l2": 0.003}
    spec = {"data": {"dataset": {"source": "cifar10"}}, "training": training}
    manifest = {"passes": 1, "n_batches": 8, "batch_size": 256}
    names = grid.runs["run"]
    tables = {
        "runs": runs_table(grid, tmp_path / "runs"),
        "block_metrics": block_table(grid, similarities(grid)),
    }
    table = compared(tables, dict.fromkeys(names, spec), dict.fromkeys(names, manifest))
    row = table[(table["width"] == 1) & (table["quantity"] == "fraction_above")].iloc[0]
    assert (row["n"], row["paper_n"]) == (2, 1)
    assert row["ours_mean"] == pytest.approx(1 / 3)
    assert row["paper_mean"] == 0.089
    assert row["difference"] == pytest.approx(1 / 3 - 0.089)
    for part in (
        "epochs 60 for 300",
        "2 seeds for 10",
        "1 CKA pass for 10",
        "2048 probe images",
        "device cpu",
        "pc penalty 1 for none",
    ):
        assert part in row["departures"]
    assert "learning rate 0.02 and l2 0.003, which the paper does not give" in row["departures"]
    assert not (table["quantity"] == "test_accuracy").any(), "the paper has none at 1/16"


def full_data(grid, tmp_path, width=1.0):
    """Tables, specs and manifests of a study at full data, to the letter of the protocol."""
    full = grid.runs.assign(fraction=1.0, width=width)
    tables = {
        "runs": runs_table(Grid(full, grid.design, grid.tiles), tmp_path / "runs"),
        "block_metrics": block_table(grid, similarities(grid)).iloc[:0],
    }
    training = {**departures.PROTOCOL, "learning_rate": 0.01, "l2": 0.001, "evaluate_every": 1}
    manifest = {"passes": 10, "n_batches": 390, "batch_size": 256}
    data = {"dataset": {"source": "cifar10"}, "evaluate_on": "test"}
    specs = dict.fromkeys(full["run"], {"data": data, "training": training})
    return tables, specs, dict.fromkeys(full["run"], manifest)


def test_a_printed_accuracy_is_never_averaged_with_another_source_nor_with_held_out_images(
    grid, tmp_path
):
    tables, specs, manifests = full_data(grid, tmp_path)
    found = compared(tables, specs, manifests)
    assert set(found["group"]) == {"a", "b"}, "groups are not pooled"
    assert set(found.loc[found["group"] == "a", "paper_mean"]) == {0.938, 0.9367}
    assert found["paper_sd"].isna().all()
    data = {"dataset": {"source": "cifar10"}, "evaluate_on": "held_out"}
    held_out = {run: {**spec, "data": data} for run, spec in specs.items()}
    assert compared(tables, held_out, manifests).empty


def test_the_follow_up_s_spread_stands_beside_ours(grid, tmp_path):
    found = compared(*full_data(grid, tmp_path, width=8.0))
    row = found[found["paper_source"].str.contains("2022")].iloc[0]
    assert (row["paper_mean"], row["paper_sd"], row["paper_n"]) == (0.957, 0.00091, 10)


def test_values_of_layers_stand_beside_the_same_layer_s(grid, tmp_path):
    """Probes and deletions as their analyses give them, at the paper's cells."""
    tables, specs, manifests = full_data(grid, tmp_path, width=10.0)
    runs = tables["runs"][["run", "group", *paper.CELL]]
    deletion = {"stage": 2, "deletion": "from_the_end", "first_block": 5, "n_deleted": 2}
    whole = {"stage": 2, "deletion": "from_the_end", "first_block": np.nan, "n_deleted": 0}
    alone = {"stage": 2, "deletion": "alone", "first_block": 5, "n_deleted": 1}
    accuracies = ((deletion, 0.9), (whole, 0.95), (alone, 0.5))
    tables["block_deletion"] = pd.concat(
        [runs.assign(**kind, test_accuracy=value) for kind, value in accuracies]
    )
    probed = runs.assign(depth=26, layer="stage2.block3.bn2", accuracy=0.7)
    tables["linear_probes"] = probed.assign(method="ridge", best_accuracy=np.nan)
    tables["prediction_pairs"] = pd.DataFrame({"group_a": ["a"]})
    found = compared(tables, specs, manifests).set_index("quantity")
    deleted = found[found.index == "accuracy_after_deletion"].iloc[0]
    assert (deleted["layer"], deleted["ours_mean"]) == ("stage2.block5", 0.9)
    assert deleted["paper_mean"] == pytest.approx((0.954 + 0.936) / 2)
    assert (deleted["paper_low"], deleted["paper_high"]) == (0.936, 0.954)
    probe = found[found.index == "probe_accuracy"].iloc[0]
    assert probe["paper_mean"] == pytest.approx((0.657 + 0.676) / 2)
    assert probe["departures"].endswith("probes in closed form for SGD")
    assert "closed form" not in deleted["departures"]


def test_components_and_what_is_left_without_the_first_stand_beside_figures_3_and_d6(
    grid, tmp_path
):
    tables, specs, manifests = full_data(grid, tmp_path, width=10.0)
    runs = tables["runs"][["run", "group", *paper.CELL]]
    values = (
        ("relu", "relu", 0.2, 0.8),
        ("conv", "conv", 0.99, np.nan),
        ("dense", "dense", 0.3, np.nan),
    )
    tables["principal_components"] = pd.concat(
        [
            runs.assign(layer=layer, kind=kind, pc1_share=share, zero_share=zeros)
            for layer, kind, share, zeros in values
        ]
    )
    networks = runs.assign(n_layers=38, pc1_cka_correlation=0.9)
    tables["principal_component_networks"] = networks
    left = {"fraction_above_without_pc1": 0.02, "longest_run_without_pc1": 3}
    left |= {"mean_similarity_without_pc1": 0.3, "without_pc1_cka_correlation": 0.7}
    tables["cka_without_pc1_blocks"] = runs.assign(**left)
    found = compared(tables, specs, manifests)
    group = found["group"].iloc[0]
    found = found[found["group"] == group].set_index(["quantity", "layer"])
    ours, theirs = found["ours_mean"].to_dict(), found["paper_mean"].to_dict()
    assert (ours["pc1_share", "relu"], theirs["pc1_share", "relu"]) == (0.2, 0.158)
    assert (ours["pc1_share_max", ""], theirs["pc1_share_max", ""]) == (0.3, 0.94)
    assert ("pc1_share", "conv") not in ours
    assert theirs["zero_share", "relu"] == 0.864
    assert ours["zero_share_mean", ""] == 0.8
    assert theirs["fraction_above_without_pc1", ""] == 0.012
    assert theirs["pc1_cka_correlation", ""] == 0.94
    assert ours["without_pc1_cka_correlation", ""] == 0.7
    assert "layers for ReLU" not in found.loc[("pc1_cka_correlation", ""), "departures"]
    tables["principal_component_networks"] = networks.assign(n_layers=135)
    found = compared(tables, specs, manifests).set_index("quantity")
    text = found.loc["pc1_cka_correlation", "departures"].iloc[0]
    assert "135 layers for ReLU layers and logits" in text


def test_similarity_across_seeds_stands_beside_figure_6(grid, tmp_path):
    tables, specs, manifests = full_data(grid, tmp_path)
    a = tables["runs"].loc[tables["runs"]["group"] == "a", "run"].tolist()
    names = ["relu", "stage1.block1.relu1", "stage3.block6.relu2"]
    values = np.array([[0.9, 0.2, 0.1], [0.3, 0.6, 0.2], [0.1, 0.2, 0.8]])
    rows = [
        {
            **dict(measure="cka_minibatch", group_a="a", group_b="a", run_a=x, run_b=y),
            **dict(kind_a="relu", kind_b="relu", index_a=3 * i, index_b=3 * j),
            **dict(layer_a=names[i], layer_b=names[j], value=values[i, j] if x != y else 1.0),
        }
        for x, y in ((a[0], a[1]), (a[0], a[0]))
        for i in range(3)
        for j in range(3)
    ]
    rows.append({**rows[0], "measure": "svcca", "value": 0.0})
    pd.DataFrame(rows).to_parquet(tmp_path / "similarity.parquet")
    found = compared(tables, specs, manifests, tmp_path / "similarity.parquet")
    found = found[found["group"] == "a"].set_index(["quantity", "layer"])
    means = {key: found.loc[key, "ours_mean"] for key in found.index}
    assert means["cross_seed_mean", ""] == pytest.approx(values.mean())
    assert means["same_layer_mean", ""] == pytest.approx(np.diag(values).mean())
    assert means["same_layer_mean", "stage1"] == pytest.approx(0.6)
    assert means["same_layer_mean", names[2]] == pytest.approx(0.8)
    row = found.loc[("same_layer_mean", "")]
    assert (row["n"], row["paper_low"], row["paper_high"]) == (1, 0.66, 0.75)
    assert math.isnan(row["ours_low"])
    assert "2 seeds for 10" in row["departures"]


def test_a_study_of_other_data_has_an_empty_comparison_with_all_columns(grid, tmp_path):
    spec = {"data": {"dataset": {"source": "digits"}}, "training": {}}
    tables = {
        "runs": runs_table(grid, tmp_path / "runs"),
        "block_metrics": block_table(grid, similarities(grid)),
    }
    table = compared(tables, dict.fromkeys(grid.runs["run"], spec), {})
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
