"""The values of a study that the paper may have too, network by network, from its tables."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pandas as pd

from repatlas.analysis.departures import PROBE, TESTED
from repatlas.analysis.paper import CELL, published

KEY = ["group", *CELL, "run"]
COLUMNS = [*KEY, "other", "other_group", "other_network", "quantity", "layer", "value", "departure"]
BLOCKS = ["fraction_above", "longest_run", "mean_similarity"]
MEASURE = "cka_minibatch"
# Shares of the probe examples that the follow-up took out, by how quantities name them.
REMOVED = {0.01: "1", 0.1: "10"}


def quantities(
    tables: Mapping[str, pd.DataFrame], similarity: Path | None, specs: Mapping[str, Mapping]
) -> pd.DataFrame:
    """One row a network, quantity and layer, or a pair of networks: see
    `repatlas.analysis.paper.comparison`. Undefined values are left out.

    `tables` by their files' names without suffix, runs among them; those that hold nothing the
    paper has are passed over. `similarity` is the table of layer similarities, read for cells only
    of which the paper compares seeds. `specs` by run.
    """
    parts = [_EXTRACT[name](table) for name, table in tables.items() if name in _EXTRACT]
    runs = tables["runs"].assign(dataset=_sources(tables["runs"], specs))
    if similarity is not None:
        parts += [_across_seeds(runs, similarity), _across_architectures(runs, similarity)]
    texts = dict.fromkeys(["other", "other_group", "other_network", "layer", "departure"], "")
    filled = [part.assign(**{k: v for k, v in texts.items() if k not in part}) for part in parts]
    ours = pd.concat([part[COLUMNS] for part in filled], ignore_index=True)
    ours = ours.dropna(subset="value")
    # Training images outside the fraction are no test set.
    held_out = [specs[run]["data"].get("evaluate_on", "test") != "test" for run in ours["run"]]
    ours = ours[~(ours["quantity"].isin(TESTED) & pd.Series(held_out, ours.index, dtype=bool))]
    ours["dataset"] = _sources(ours, specs)
    penalised = [bool(specs[run]["training"].get("pc_penalty")) for run in ours["run"]]
    ours["training"] = pd.Series(penalised, ours.index).map({True: "pc_penalty", False: "standard"})
    return ours


def _sources(table: pd.DataFrame, specs: Mapping[str, Mapping]) -> list[str]:
    """Of every row where its network's images come from, whatever the study calls them."""
    return [specs[run]["data"]["dataset"]["source"] for run in table["run"]]


def _melted(table: pd.DataFrame, columns: Mapping[str, str]) -> pd.DataFrame:
    """The columns of a table with a row a network, by the names of the quantities."""
    named = table[KEY + list(columns)].rename(columns=columns)
    return named.melt(KEY, var_name="quantity", value_name="value")


def _runs(table: pd.DataFrame) -> pd.DataFrame:
    return _melted(table, {"test_accuracy": "test_accuracy"})


def _block_metrics(table: pd.DataFrame) -> pd.DataFrame:
    own = table[table["measure"] == MEASURE]
    names = [*BLOCKS, "first_last"]
    return _of_all_layers(own, {name: name for name in names})


def _of_all_layers(table: pd.DataFrame, columns: Mapping[str, str]) -> pd.DataFrame:
    """As `_melted`, of values over all ReLU layers."""
    departure = dict(zip(table["run"], _relu_layers(table), strict=True))
    melted = _melted(table, columns)
    return melted.assign(departure=melted["run"].map(departure))


def _relu_layers(table: pd.DataFrame) -> list[str]:
    """Departures of values over `n_layers` ReLU layers, of which a network has one fewer than it is
    deep."""
    pairs = zip(table["n_layers"], table["depth"] - 1, strict=True)
    return [_number(n, all_of_them, "ReLU layers") for n, all_of_them in pairs]


def _number(n: float, wanted: float, what: str) -> str:
    """'7 ReLU layers for 37', or '' where there are as many as wanted."""
    return "" if n == wanted else f"{n:.0f} {what} for {wanted:.0f}"


def _linear_probes(table: pd.DataFrame) -> pd.DataFrame:
    best = table["best_accuracy"].fillna(table["accuracy"])
    return table[[*KEY, "layer"]].assign(quantity="probe_accuracy", value=best)


def _block_deletion(table: pd.DataFrame) -> pd.DataFrame:
    own = table[(table["deletion"] == "from_the_end") & (table["n_deleted"] > 0)]
    names = [
        f"stage{stage:.0f}.block{first:.0f}"
        for stage, first in zip(own["stage"], own["first_block"], strict=True)
    ]
    return own[KEY].assign(
        quantity="accuracy_after_deletion", layer=names, value=own["test_accuracy"]
    )


def _principal_components(table: pd.DataFrame) -> pd.DataFrame:
    """By layer, and over the layers of the paper's figures: ReLU layers and logits."""
    own = table[table["kind"].isin(["relu", "dense"])]
    examples = [_number(n, PROBE, "probe images") for n in own["n_examples"]]
    own = own.assign(departure=examples)
    layers = own[[*KEY, "layer", "departure", "pc1_share", "zero_share"]].melt(
        [*KEY, "layer", "departure"], var_name="quantity", value_name="value"
    )
    whole = own.groupby([*KEY, "departure"], as_index=False).agg(
        pc1_share_max=("pc1_share", "max"),
        zero_share_mean=("zero_share", "mean"),
        n_layers=("layer", "size"),
    )
    whole["departure"] = _joined(whole["departure"], _components_layers(whole))
    whole = whole.drop(columns="n_layers").melt([*KEY, "departure"], var_name="quantity")
    return pd.concat([layers, whole], ignore_index=True).fillna({"layer": ""})


def _component_networks(table: pd.DataFrame) -> pd.DataFrame:
    return table[KEY].assign(
        quantity="pc1_cka_correlation",
        value=table["pc1_cka_correlation"],
        departure=_components_layers(table),
    )


def _components_layers(table: pd.DataFrame) -> list[str]:
    """Departures of values over `n_layers` layers: the paper's ReLU layers and logits are as many
    as the network is deep."""
    pairs = zip(table["n_layers"], table["depth"], strict=True)
    return [_number(n, depth, "ReLU layers and logits") for n, depth in pairs]


def _joined(*departures: Iterable[str]) -> list[str]:
    """Departures of the same rows, as texts of several."""
    return ["; ".join(filter(None, texts)) for texts in zip(*departures, strict=True)]


def _without_pc1(table: pd.DataFrame) -> pd.DataFrame:
    names = [f"{name}_without_pc1" for name in BLOCKS] + ["without_pc1_cka_correlation"]
    return _of_all_layers(table, {name: name for name in names})


def _dominant_removal(table: pd.DataFrame) -> pd.DataFrame:
    dominant = (table["criterion"] == "dominant") & table["removed"].isin(REMOVED)
    own = table[dominant & table["fraction_above"].notna()]
    layers = [f"dominant in {layer} for the 300th of 576 layers" for layer in own["layer"]]
    return own[KEY].assign(
        quantity="fraction_above_without_dominant_" + own["removed"].map(REMOVED),
        value=own["fraction_above"],
        departure=_joined(layers, _relu_layers(own)),
    )


_EXTRACT: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "runs": _runs,
    "block_metrics": _block_metrics,
    "linear_probes": _linear_probes,
    "block_deletion": _block_deletion,
    "principal_components": _principal_components,
    "principal_component_networks": _component_networks,
    "cka_without_pc1_blocks": _without_pc1,
    "dominant_removal": _dominant_removal,
}


def _across_seeds(runs: pd.DataFrame, similarity: Path) -> pd.DataFrame:
    """Similarity between networks that differ in the seed alone, a row a pair: over all pairs of
    ReLU layers, and between the same layer (all, by stage, the first, the last), as in figure 6."""
    theirs = published()
    cells = theirs.loc[theirs["quantity"] == "same_layer_mean", CELL].drop_duplicates()
    groups = runs[["group", *CELL]].drop_duplicates("group").merge(cells, on=CELL)
    rows = []
    for group, depth in zip(groups["group"], groups["depth"], strict=True):
        across = _between(similarity, group, group)
        for (run, other), part in across.groupby(["run_a", "run_b"], sort=False):
            same = part[part["index_a"] == part["index_b"]].sort_values("index_a")
            found = {("cross_seed_mean", ""): part, ("same_layer_mean", ""): same}
            stage = same["layer_a"].str.split(".").str[0]
            found |= {
                ("same_layer_mean", name): own
                for name, own in same.groupby(stage)
                if "stage" in name
            }
            for end in (same.head(1), same.tail(1)):
                found["same_layer_mean", end["layer_a"].iloc[0]] = end
            departure = _number(len(same), depth - 1, "ReLU layers")
            rows += [
                (run, other, quantity, layer, own["value"].mean(), departure)
                for (quantity, layer), own in found.items()
            ]
    columns = ["run", "other", "quantity", "layer", "value", "departure"]
    return runs[KEY].merge(pd.DataFrame(rows, columns=columns), on="run")


def _across_architectures(runs: pd.DataFrame, similarity: Path) -> pd.DataFrame:
    """Mean similarity over all pairs of ReLU layers of two networks of different architecture, a
    row a pair, as in figure E.1. The row is of the cell that the paper names first."""
    theirs = published()
    pairs = theirs.loc[theirs["other_network"] != "", [*CELL, "other_network"]].drop_duplicates()
    groups = runs[["group", *CELL]].drop_duplicates("group")
    names = [
        f"{a}-d{depth:g}-w{width:g}"
        for a, depth, width in zip(
            groups["architecture"], groups["depth"], groups["width"], strict=True
        )
    ]
    others = groups.assign(other_network=names).rename(
        columns={"group": "other_group", "depth": "other_depth"}
    )[["other_group", "other_network", "other_depth", "dataset", "fraction"]]
    pairs = groups.merge(pairs, on=CELL).merge(others, on=["dataset", "fraction", "other_network"])
    rows = []
    for pair in pairs.itertuples(index=False):
        across = _between(similarity, pair.group, pair.other_group)
        for (run, other), part in across.groupby(["run_a", "run_b"], sort=False):
            counts = [
                _number(part[f"index_{side}"].nunique(), depth - 1, "ReLU layers")
                for side, depth in (("a", pair.depth), ("b", pair.other_depth))
            ]
            departure = "; ".join(filter(None, counts))
            beside = (pair.other_group, pair.other_network)
            rows.append((run, other, *beside, part["value"].mean(), departure))
    columns = ["run", "other", "other_group", "other_network", "value", "departure"]
    table = pd.DataFrame(rows, columns=columns).assign(quantity="cross_architecture_mean")
    return runs[KEY].merge(table, on="run")


def _between(similarity: Path, group: str, other: str) -> pd.DataFrame:
    """Similarities of the ReLU layers of networks of `group` (side a) with those of different
    networks of `other` (side b), whichever of them the table has first."""
    names = ["run", "index", "layer"]
    parts = []
    for first, second in dict.fromkeys([(group, other), (other, group)]):
        sides = [("group_a", "==", first), ("group_b", "==", second)]
        sides += [(f"kind_{side}", "==", "relu") for side in "ab"]
        table = pd.read_parquet(
            similarity,
            columns=[*(f"{name}_{side}" for side in "ab" for name in names), "value"],
            filters=[("measure", "==", MEASURE), *sides],
        )
        if first != group:
            turned = {f"{n}_{a}": f"{n}_{b}" for n in names for a, b in ("ab", "ba")}
            table = table.rename(columns=turned)
        parts.append(table.astype({f"{n}_{side}": str for n in ("run", "layer") for side in "ab"}))
    table = pd.concat(parts, ignore_index=True)
    return table[table["run_a"] != table["run_b"]]
