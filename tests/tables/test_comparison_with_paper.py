"""The paper's values, and what stands beside them."""

import math

import numpy as np
import pandas as pd
import pytest
from made_tables import similarities
from repatlas.analysis import departures, paper
from repatlas.analysis.design import Grid
from repatlas.analysis.networks import runs_table
from repatlas.analysis.paper_quantities import quantities
from repatlas.analysis.similarity_tables import (
    block_table,
)
from repatlas.layers import layers_of


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
