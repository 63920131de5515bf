"""Tables made from tiles: layer similarity with the design on every row, block metrics, and the
similarity of the same layer across seeds."""

from collections.abc import Iterable
from dataclasses import asdict, fields
from pathlib import Path

import numpy as np
import pandas as pd

from repatlas.analysis.blocks import BlockMetrics, block_metrics
from repatlas.analysis.design import Grid
from repatlas.analysis.statistics import spread
from repatlas.catalogue import DISTANCES
from repatlas.stores import read_manifest

ENDS = ["run_start_layer", "run_end_layer"]
BLOCK_SUMMARY = ["fraction_above", "longest_run", "mean_similarity", "first_last"]


def layers_table(grid: Grid, stores: Iterable[Path]) -> pd.DataFrame:
    """One row a network and tapped layer: position, name, kind, shape, number of features, relative
    depth (0 = first, 1 = last tapped layer) and the reason where its values are undefined."""
    parts = []
    for path in stores:
        manifest = read_manifest(path)
        layers = pd.DataFrame(manifest["layers"])
        parts.append(
            pd.DataFrame(
                {
                    "run": manifest["run"],
                    "index": np.arange(len(layers)),
                    "layer": layers["name"],
                    "kind": layers["kind"],
                    "shape": ["x".join(map(str, shape)) for shape in layers["shape"]],
                    "features": [int(np.prod(shape)) if shape else 0 for shape in layers["shape"]],
                    "relative_depth": np.arange(len(layers)) / max(len(layers) - 1, 1),
                    "reason": layers["reason"],
                }
            )
        )
    return grid.with_design(pd.concat(parts, ignore_index=True))


def layer_similarity(grid: Grid) -> pd.DataFrame:
    """All tiles of the study as one table, the design of both networks on every row."""
    parts = [
        pd.read_parquet(path).assign(measure=measure)
        for measure, paths in grid.tiles.items()
        for path in paths
    ]
    table = pd.concat(parts, ignore_index=True)
    runs = grid.runs.set_index("run")
    for side in ("a", "b"):
        names = table[f"run_{side}"].astype(str)
        for column in ["group", *grid.design]:
            table[f"{column}_{side}"] = names.map(runs[column])
    for column in table.select_dtypes(include=["object", "string", "category"]).columns:
        table[column] = table[column].astype(str).astype("category")
    first = ["measure", "run_a", "run_b", "group_a", "group_b"]
    first += [f"{column}_{side}" for side in ("a", "b") for column in grid.design]
    return table[first + [c for c in table.columns if c not in first]]


def within_matrices(table: pd.DataFrame, kind: str) -> Iterable[tuple[str, str, pd.DataFrame]]:
    """(measure, run, matrix labelled by layer position) of every network with itself, layers of one
    kind only."""
    own = table[
        (table["run_a"].astype(str) == table["run_b"].astype(str))
        & (table["kind_a"] == kind)
        & (table["kind_b"] == kind)
    ]
    for (measure, run), part in own.groupby(["measure", "run_a"], sort=False, observed=True):
        yield measure, run, part.pivot(index="index_a", columns="index_b", values="value")


def block_table(grid: Grid, table: pd.DataFrame, kind: str = "relu") -> pd.DataFrame:
    """One row a network and measure: the block metrics of its `kind` layers. Distances, which are
    small inside a block, have none."""
    table = table[~table["measure"].isin(DISTANCES)]
    names = table.drop_duplicates(["run_a", "index_a"]).set_index(["run_a", "index_a"])["layer_a"]
    rows = []
    for measure, run, matrix in within_matrices(table, kind):
        metrics = block_metrics(matrix.to_numpy())
        ends = (matrix.index[metrics.run_start - 1], matrix.index[metrics.run_end - 1])
        row = {"run": run, "measure": measure, "kind": kind, **asdict(metrics)}
        row |= {"run_start_layer": names[run, ends[0]], "run_end_layer": names[run, ends[1]]}
        if not np.isfinite(metrics.mean_similarity):
            # Without a single defined pair there is no run of length 1 either.
            row |= dict.fromkeys(["longest_run", "run_start", "run_end"], np.nan)
            row |= {"run_start_layer": "", "run_end_layer": ""}
        rows.append(row)
    metrics = [field.name for field in fields(BlockMetrics)]
    columns = ["run", "measure", "kind", *metrics, *ENDS]
    result = grid.with_design(pd.DataFrame(rows, columns=columns))
    last = ["mean_similarity", "first_last"]
    return result[[c for c in result.columns if c not in last] + last]


def block_summary(grid: Grid, blocks: pd.DataFrame) -> pd.DataFrame:
    """One row a group and measure: block metrics over seeds, mean, sd and bootstrap interval."""
    summary = spread(blocks, ["group", "measure"], BLOCK_SUMMARY)
    summary = summary.rename(columns={"fraction_above_n": "n"})
    summary = summary.drop(columns=[f"{c}_n" for c in BLOCK_SUMMARY[1:]])
    return grid.groups().merge(summary, on="group")


def cross_seed_table(grid: Grid, table: pd.DataFrame) -> pd.DataFrame:
    """One row a group, measure and layer: similarity of that layer between networks that differ in
    the seed alone, over the pairs of networks."""
    across = table[
        (table["group_a"].astype(str) == table["group_b"].astype(str))
        & (table["run_a"].astype(str) != table["run_b"].astype(str))
        & (table["index_a"] == table["index_b"])
    ]
    by = ["group_a", "measure", "layer_a", "index_a", "kind_a"]
    columns = ["group", "measure", "layer", "index", "kind"]
    values = across.groupby(by, sort=False, observed=True)["value"]
    result = values.agg(
        n_pairs="count", value_mean="mean", value_sd="std", value_min="min", value_max="max"
    ).reset_index()
    result = result.rename(columns=dict(zip(by, columns, strict=True)))
    last = table.groupby("group_a", observed=True)["index_a"].max().clip(lower=1)
    result["group"] = result["group"].astype(str)
    # Without pairs nothing says that the mapped column holds numbers.
    result.insert(5, "relative_depth", result["index"] / result["group"].map(last).astype(float))
    return grid.groups().merge(result, on="group")
