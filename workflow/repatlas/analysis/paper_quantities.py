"""The values of a study that the paper may have too, network by network, from its tables."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd

from repatlas.analysis.paper import CELL, published

KEY = ["group", *CELL, "run"]
COLUMNS = [*KEY, "other", "quantity", "layer", "value", "departure"]
BLOCKS = ["fraction_above", "longest_run", "mean_similarity"]
MEASURE = "cka_minibatch"


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
        parts.append(_across_seeds(runs, similarity))
    texts = dict.fromkeys(["other", "layer", "departure"], "")
    filled = [part.assign(**{k: v for k, v in texts.items() if k not in part}) for part in parts]
    ours = pd.concat([part[COLUMNS] for part in filled], ignore_index=True)
    ours = ours.dropna(subset="value")
    # Training images outside the fraction are no test set.
    tested = [specs[run]["data"].get("evaluate_on", "test") == "test" for run in ours["run"]]
    ours = ours[(ours["quantity"] != "test_accuracy") | pd.Series(tested, ours.index, dtype=bool)]
    ours["dataset"] = _sources(ours, specs)
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
    return _melted(table[table["measure"] == MEASURE], {name: name for name in BLOCKS})


def _linear_probes(table: pd.DataFrame) -> pd.DataFrame:
    best = table["best_accuracy"].fillna(table["accuracy"])
    ridge = table["method"] != "sgd"
    departure = ridge.map({True: "probes in closed form for SGD", False: ""})
    return table[[*KEY, "layer"]].assign(quantity="probe_accuracy", value=best, departure=departure)


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
    layers = own[[*KEY, "layer", "pc1_share", "zero_share"]].melt(
        [*KEY, "layer"], var_name="quantity", value_name="value"
    )
    whole = own.groupby(KEY, as_index=False).agg(
        pc1_share_max=("pc1_share", "max"), zero_share_mean=("zero_share", "mean")
    )
    return pd.concat([layers, whole.melt(KEY, var_name="quantity")], ignore_index=True).fillna(
        {"layer": ""}
    )


def _component_networks(table: pd.DataFrame) -> pd.DataFrame:
    # The paper's ReLU layers and logits are as many as the network is deep.
    same = table["n_layers"] == table["depth"]
    counts = table["n_layers"].astype(str) + " layers for ReLU layers and logits"
    return table[KEY].assign(
        quantity="pc1_cka_correlation",
        value=table["pc1_cka_correlation"],
        departure=counts.mask(same, ""),
    )


def _without_pc1(table: pd.DataFrame) -> pd.DataFrame:
    names = [f"{name}_without_pc1" for name in BLOCKS] + ["without_pc1_cka_correlation"]
    return _melted(table, {name: name for name in names})


_EXTRACT: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "runs": _runs,
    "block_metrics": _block_metrics,
    "linear_probes": _linear_probes,
    "block_deletion": _block_deletion,
    "principal_components": _principal_components,
    "principal_component_networks": _component_networks,
    "cka_without_pc1_blocks": _without_pc1,
}


def _across_seeds(runs: pd.DataFrame, similarity: Path) -> pd.DataFrame:
    """Similarity between networks that differ in the seed alone, a row a pair: over all pairs of
    ReLU layers, and between the same layer (all, by stage, the last), as in figure 6."""
    theirs = published()
    cells = theirs.loc[theirs["quantity"] == "same_layer_mean", CELL].drop_duplicates()
    groups = runs[["group", *CELL]].drop_duplicates("group").merge(cells, on=CELL)["group"]
    rows = []
    for group in groups:
        sides = [
            (f"{c}_{side}", "==", v)
            for side in "ab"
            for c, v in (("group", group), ("kind", "relu"))
        ]
        columns = ["run_a", "run_b", "index_a", "index_b", "layer_a", "value"]
        table = pd.read_parquet(
            similarity, columns=columns, filters=[("measure", "==", MEASURE), *sides]
        ).astype({"run_a": str, "run_b": str, "layer_a": str})
        across = table[table["run_a"] != table["run_b"]]
        for (run, other), part in across.groupby(["run_a", "run_b"], sort=False):
            same = part[part["index_a"] == part["index_b"]].sort_values("index_a")
            found = {("cross_seed_mean", ""): part, ("same_layer_mean", ""): same}
            stage = same["layer_a"].str.split(".").str[0]
            found |= {
                ("same_layer_mean", name): own
                for name, own in same.groupby(stage)
                if "stage" in name
            }
            found |= {("same_layer_mean", same["layer_a"].iloc[-1]): same.tail(1)}
            rows += [
                {
                    "run": run,
                    "other": other,
                    "quantity": q,
                    "layer": layer,
                    "value": own["value"].mean(),
                }
                for (q, layer), own in found.items()
            ]
    pairs = pd.DataFrame(rows, columns=["run", "other", "quantity", "layer", "value"])
    return runs[KEY].merge(pairs, on="run")
