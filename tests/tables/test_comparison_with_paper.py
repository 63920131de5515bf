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
from repatlas.study.analyses import LinearProbeSettings


def test_published_values_are_the_papers():
    """Spot checks against the paper's printed table and the readings of its figures."""
    table = paper.published()
    cell = (table["depth"] == 38) & (table["width"] == 10) & (table["dataset"] == "cifar100")
    printed = table[cell & (table["quantity"] == "test_accuracy")].set_index("source")
    assert printed["value"].to_dict() == {
        "Table B.1": 0.805,
        "Nguyen et al. 2022 (arXiv 2202.07184), standard training": 0.805,
        "Nguyen et al. 2022 (arXiv 2202.07184), PC regulariser": 0.811,
    }
    assert printed["sd"].tolist()[1] == 0.00174
    sixteenth = table[(table["fraction"] == 0.0625) & (table["quantity"] == "fraction_above")]
    assert list(sixteenth["value"]) == [0.089, 0.105, 0.108, 0.213, 0.203]
    assert (table[["source", "read"]] != "").all(axis=None)
    assert table["value"].notna().all()
    penalised = table[(table["training"] == "pc_penalty") & (table["fraction"] == 0.0625)]
    found = {(d, w): v for d, w, v in penalised[["depth", "width", "value"]].to_numpy().tolist()}
    wanted = {(56, 1): 0.792, (26, 8): 0.811, (26, 10): 0.812, (38, 8): 0.809, (38, 10): 0.814}
    assert found == wanted
    section = table[table["source"] == "Section 6"].set_index("depth")["value"]
    assert section.to_dict() == {62: 0.9409, 14: 0.9408}
    correlations = table[table["quantity"] == "without_pc1_cka_correlation"]
    assert not correlations["source"].str.contains("Figure").any()


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
    keys = [*paper.CELL, "training", "other_network", "network", "quantity", "layer", "source"]
    assert not table.duplicated(keys).any()
    ranged = table[table["low"].notna()]
    assert (ranged["value"] - (ranged["low"] + ranged["high"]) / 2).abs().max() < 1e-9
    shares = table[~table["quantity"].str.startswith("longest_run")]
    assert shares["value"].between(0, 1).all()


SGD = {**departures.LINEAR_PROBES, "method": "sgd"}


def compared(tables, specs, manifests, similarity=None, device="cpu", options=None):
    """The comparison with the paper of a study with these tables."""
    hardware = dict.fromkeys(manifests, {"device": device})
    ours = quantities(tables, similarity, specs)
    options = {"linear_probes": SGD, **(options or {})}
    return paper.comparison(
        ours,
        lambda runs, quantity: departures.departures(
            runs, quantity, specs, manifests, hardware, options
        ),
    )


def test_comparison_with_the_paper(grid, tmp_path):
    training = {**departures.PROTOCOL, "epochs": 60, "evaluate_every": 10, "colour_jitter": 1}
    training |= {"learning_rate": 0.02, "l2": 0.003}
    spec = {"data": {"dataset": {"source": "cifar10"}}, "training": training}
    manifest = {"passes": 1, "n_batches": 16, "batch_size": 128}
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
    assert row["departures"].split("; ") == [
        "2 seeds for 10",
        "epochs 60 for 300",
        "learning rate 0.02 and l2 0.003, which the paper does not give",
        "colour jitter 1 for none",
        "final epoch's network for that of the best test accuracy",
        "1 CKA pass for 10",
        "probe batches of 128 images for 256",
        "2048 probe images for 10000",
        "device cpu",
        "PyTorch for TensorFlow",
        "3 ReLU layers for 37",
    ]
    ends = table[(table["width"] == 1) & (table["quantity"] == "first_last")].iloc[0]
    assert (ends["ours_mean"], ends["paper_low"], ends["paper_high"]) == (0.3, 0.12, 0.2)
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
    tables["linear_probes"] = probed.assign(best_accuracy=np.nan)
    tables["prediction_pairs"] = pd.DataFrame({"group_a": ["a"]})
    options = {"linear_probes": {"method": "ridge", "pool": 2}}
    found = compared(tables, specs, manifests, options=options).set_index("quantity")
    deleted = found[found.index == "accuracy_after_deletion"].iloc[0]
    assert (deleted["layer"], deleted["ours_mean"]) == ("stage2.block5", 0.9)
    assert deleted["paper_mean"] == pytest.approx((0.954 + 0.936) / 2)
    assert (deleted["paper_low"], deleted["paper_high"]) == (0.936, 0.954)
    probe = found[found.index == "probe_accuracy"].iloc[0]
    assert probe["paper_mean"] == pytest.approx((0.657 + 0.676) / 2)
    by = ["probes in closed form for SGD", "probe maps pooled by 2 for none"]
    assert set(by) < set(probe["departures"].split("; "))
    assert "closed form" not in deleted["departures"]
    for row in (deleted, probe, found.loc["test_accuracy"].iloc[0]):
        assert "CKA" not in row["departures"]
        assert "probe images" not in row["departures"]
    data = {"dataset": {"source": "cifar10"}, "evaluate_on": "held_out"}
    held_out = {run: {**spec, "data": data} for run, spec in specs.items()}
    assert compared(tables, held_out, manifests).empty, "training images are no test set"


def test_every_option_of_probes_by_descent_is_marked():
    """And nothing where they are the paper's, but that it took the best of several settings."""
    of = departures.departures
    alone = {"linear_probes": SGD}
    always = ["probes of one setting for the best of several", "PyTorch for TensorFlow"]
    assert of([], "probe_accuracy", {}, {}, {}, alone) == always
    changed = {"epochs": 10, "batch_size": 64, "learning_rate": 0.1, "momentum": 0, "pool": 4}
    given = {"linear_probes": {**SGD, **changed, "evaluate_every": 5}}
    assert of([], "probe_accuracy", {}, {}, {}, given) == [
        "probe epochs 10 for 300",
        "probe batch size 64 for 128",
        "probe learning rate 0.1 for 0.01",
        "probe momentum 0 for 0.9",
        "probe evaluate every 5 for 1",
        "probe maps pooled by 4 for none",
        *always,
    ]
    assert set(LinearProbeSettings.model_fields) == {*SGD, "pool"}, "no option is passed over"
    defaults = LinearProbeSettings(method="sgd").model_dump()
    assert {k: defaults[k] for k in SGD} == SGD


def test_images_of_another_data_set_are_marked_where_they_are_what_was_measured_on(grid, tmp_path):
    tables, specs, manifests = full_data(grid, tmp_path)
    tables["block_metrics"] = block_table(grid, similarities(grid)).assign(fraction=1.0, width=1.0)
    runs = tables["runs"][["run", "group", *paper.CELL]].assign(width=2.0)
    tables["principal_components"] = runs.assign(
        layer="relu", kind="relu", pc1_share=0.2, zero_share=0.5, n_examples=2048
    )
    texts = {}
    for source in ("cifar10", "cifar100"):
        options = {"probe": {"source": source}}
        found = compared(tables, specs, manifests, options=options).set_index("quantity")
        texts[source] = found["departures"][~found.index.duplicated()]
    other = "probe images of cifar100 for the network's own test images"
    assert not texts["cifar10"].str.contains("images of cifar").any()
    marked = {quantity for quantity, text in texts["cifar100"].items() if other in text}
    assert marked == set(texts["cifar100"].index) - {"test_accuracy"}
    components = texts["cifar100"]["pc1_share"]
    assert "2048 probe images for 10000" in components
    assert "CKA" not in components
    assert "1 ReLU layers and logits for 38" in texts["cifar100"]["pc1_share_max"]


def test_a_penalised_network_stands_beside_penalised_ones_alone(grid, tmp_path):
    tables, specs, manifests = full_data(grid, tmp_path, width=8.0)
    training = {"pc_penalty": 1, "pc_threshold": 0.2}
    for run in tables["runs"].loc[tables["runs"]["group"] == "a", "run"]:
        specs[run] = {**specs[run], "training": {**specs[run]["training"], **training}}
    found = compared(tables, specs, manifests).set_index("group")
    penalised = found.loc["a"]
    assert (penalised["training"], penalised["paper_mean"]) == ("pc_penalty", 0.958)
    assert penalised["paper_source"].endswith("PC regulariser")
    assert "pc penalty 1 for the best of 0.1, 1 and 10" in penalised["departures"]
    assert "threshold" not in penalised["departures"]
    assert set(found.loc[["b"], "training"]) == {"standard"}
    assert set(found.loc[["b"], "paper_mean"]) == {0.957}


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
            runs.assign(
                layer=layer, kind=kind, pc1_share=share, zero_share=zeros, n_examples=10_000
            )
            for layer, kind, share, zeros in values
        ]
    )
    networks = runs.assign(n_layers=38, pc1_cka_correlation=0.9)
    tables["principal_component_networks"] = networks
    left = {"fraction_above_without_pc1": 0.02, "longest_run_without_pc1": 3}
    left |= {"mean_similarity_without_pc1": 0.3, "without_pc1_cka_correlation": 0.7}
    tables["cka_without_pc1_blocks"] = runs.assign(n_layers=37, **left)
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
    assert "ReLU layers" not in found.loc[("pc1_cka_correlation", ""), "departures"]
    assert "ReLU layers" not in found.loc[("fraction_above_without_pc1", ""), "departures"]
    assert "probe images" not in found.loc[("pc1_share", "relu"), "departures"]
    assert "9984 probe images for 10000" in found.loc[("pc1_cka_correlation", ""), "departures"]
    tables["principal_component_networks"] = networks.assign(n_layers=135)
    found = compared(tables, specs, manifests).set_index("quantity")
    text = found.loc["pc1_cka_correlation", "departures"].iloc[0]
    assert "135 ReLU layers and logits for 38" in text


def test_networks_without_their_dominant_examples_stand_beside_the_follow_up_s(grid, tmp_path):
    tables, specs, manifests = full_data(grid, tmp_path)
    runs = tables["runs"][["run", "group", *paper.CELL]].assign(depth=164)
    kinds = (("none", 0, 0.4), ("dominant", 0.01, 0.2), ("dominant", 0.1, 0.02))
    kinds += (("dominant", 0.05, 0.1), ("random", 0.1, 0.39))
    tables["dominant_removal"] = pd.concat(
        [
            runs.assign(criterion=c, removed=r, fraction_above=v, layer="stage2.add", n_layers=163)
            for c, r, v in kinds
        ]
    )
    found = compared(tables, specs, manifests)
    found = found[found["quantity"].str.contains("without_dominant")]
    found = found[found["group"] == found["group"].iloc[0]].set_index("quantity")
    one, ten = (f"fraction_above_without_dominant_{share}" for share in (1, 10))
    assert found["ours_mean"].to_dict() == {one: 0.2, ten: 0.02}
    assert found["paper_mean"].to_dict() == pytest.approx({one: 0.16, ten: 0.02})
    assert (found.loc[one, "paper_low"], found.loc[one, "paper_n"]) == (0.02, 3)
    text = found.loc[one, "departures"]
    assert "dominant in stage2.add for the 300th of 576 layers" in text
    assert "ReLU layers" not in text


def test_similarity_across_architectures_stands_beside_figure_e1(grid, tmp_path):
    """Whichever of the two architectures the table has first."""
    tables, specs, manifests = full_data(grid, tmp_path)
    cells = {"a": (14, 2.0), "b": (56, 1.0)}
    for column, number in (("depth", 0), ("width", 1)):
        tables["runs"][column] = [cells[group][number] for group in tables["runs"]["group"]]
    rows = [
        {
            **dict(measure="cka_minibatch", group_a=x[0], group_b=y[0], run_a=x, run_b=y),
            **dict(kind_a="relu", kind_b="relu", index_a=i, index_b=0),
            **dict(layer_a=f"l{i}", layer_b="l0", value=value),
        }
        for x, y, value in (("b0", "a0", 0.4), ("a1", "b1", 0.6), ("a0", "a1", 0.9))
        for i in range(2)
    ]
    pd.DataFrame(rows).to_parquet(tmp_path / "similarity.parquet")
    specs = {run: {**spec, "seed": int(run[-1])} for run, spec in specs.items()}

    def row_of(specs):
        found = compared(tables, specs, manifests, tmp_path / "similarity.parquet")
        (row,) = found[found["quantity"] == "cross_architecture_mean"].to_dict("records")
        return row

    row = row_of(specs)
    assert (row["group"], row["other_group"], row["n"]) == ("a", "b", 2)
    assert (row["ours_mean"], row["paper_mean"]) == (0.5, 0.535)
    assert "2 seeds for 10" in row["departures"]
    assert "1 ReLU layers for 13" in row["departures"]
    assert "1 ReLU layers for 55" in row["departures"]
    assert "one seed" not in row["departures"]
    alike = row_of({run: {**spec, "seed": 0} for run, spec in specs.items()})
    assert "networks of one seed, which begin alike, for independent ones" in alike["departures"]


def test_fewer_networks_than_a_printed_mean_is_over_are_marked(grid, tmp_path):
    tables, specs, manifests = full_data(grid, tmp_path)
    tables["runs"]["depth"] = 62
    found = compared(tables, specs, manifests)
    assert found["departures"].str.startswith("2 seeds for 200").any()


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
    assert means["same_layer_mean", names[0]] == pytest.approx(0.9)
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
