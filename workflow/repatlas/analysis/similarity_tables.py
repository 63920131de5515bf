"""Tables made from tiles: layer similarity with the design on every row, block metrics, and the
similarity of the same layer across seeds."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict, fields
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from repatlas.analysis.blocks import BlockMetrics, block_metrics
from repatlas.analysis.design import Grid
from repatlas.analysis.statistics import layer_intervals, spread
from repatlas.analysis.symmetry import each_pair_once, symmetrised
from repatlas.analysis.writing import write_csv
from repatlas.catalogue import DISTANCES
from repatlas.files import verified, whole_file
from repatlas.stores import read_manifest

TEXT = pa.dictionary(pa.int32(), pa.string())
# What block metrics and the similarity across seeds are made from.
SIDED = ("run", "group", "index", "layer", "kind")
READ = ["measure", *(f"{name}_{side}" for name in SIDED for side in "ab"), "value"]

ENDS = ["run_start_layer", "run_end_layer"]
OVER_PAIRS = ["n_pairs", *(f"value_{part}" for part in ("mean", "sd", "low", "high", "min", "max"))]
BLOCK_SUMMARY = ["fraction_above", "longest_run", "mean_similarity", "first_last"]


def layers_table(grid: Grid, stores: Iterable[Path]) -> pd.DataFrame:
    """One row a network and tapped layer: position, name, kind, shape, number of features, relative
    depth (0 = first, 1 = last tapped layer) and the reason where its values are undefined.
    `stores`: the paths of the networks' stores; StoreError where one is missing."""
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


def layer_similarity(grid: Grid) -> Iterator[pa.Table]:
    """The tiles of the study, one after the other, with measure and both networks' design on every
    row. All have one schema; texts are dictionaries. StoreError where a tile is missing or not what
    was written."""
    runs = grid.runs.set_index("run")
    kinds = {c: _arrow_type(runs[c]) for c in ["group", *grid.design]}
    for measure, paths in grid.tiles.items():
        for path in paths:
            yield _with_design(pq.read_table(verified(path)), measure, runs, kinds)


def _arrow_type(column: pd.Series) -> pa.DataType:
    """The type of a design column: text is kept once a table, whatever else as it is."""
    found = pa.array(column, from_pandas=True).type
    return TEXT if pa.types.is_string(found) or pa.types.is_large_string(found) else found


def _with_design(
    table: pa.Table, measure: str, runs: pd.DataFrame, kinds: Mapping[str, pa.DataType]
) -> pa.Table:
    columns = {"measure": pa.array([measure] * len(table)).cast(TEXT)}
    sides = [table[f"run_{side}"].cast(TEXT).combine_chunks() for side in ("a", "b")]
    columns |= {f"run_{side}": names for side, names in zip("ab", sides, strict=True)}
    for name, kind in kinds.items():
        for side, names in zip("ab", sides, strict=True):
            values = runs[name].loc[names.dictionary.to_pylist()]
            plain = pa.string() if kind == TEXT else kind
            made = pa.array(values, plain, from_pandas=True).take(names.indices)
            columns[f"{name}_{side}"] = made.cast(TEXT) if kind == TEXT else made
    return pa.table(columns | {c: table[c] for c in table.column_names if c not in columns})


def write_similarity_tables(grid: Grid, folder: Path) -> None:
    """Write layer_similarity.parquet, block_metrics.csv, block_summary.csv and cross_seed.csv into
    `folder`, holding one tile at a time."""
    blocks, across = [], []
    with whole_file(folder / "layer_similarity.parquet") as partial, ExitStack() as stack:
        writer = None
        for tile in layer_similarity(grid):
            writer = writer or stack.enter_context(
                pq.ParquetWriter(partial, tile.schema, compression="zstd")
            )
            writer.write_table(tile)
            frame = tile.select(READ).to_pandas()
            blocks.append(block_table(grid, frame))
            across.append(cross_seed_table(grid, frame))
    metrics = _in_order(pd.concat(blocks), "run", grid.runs["run"])
    write_csv(metrics, folder / "block_metrics.csv")
    write_csv(block_summary(grid, metrics), folder / "block_summary.csv")
    same_layer = _in_order(pd.concat(across), "group", grid.groups()["group"])
    write_csv(same_layer, folder / "cross_seed.csv")


def _in_order(table: pd.DataFrame, column: str, names: pd.Series) -> pd.DataFrame:
    """The rows in the order in which the grid names them."""
    place = {name: number for number, name in enumerate(names)}
    return table.sort_values(column, key=lambda c: c.map(place), kind="stable", ignore_index=True)


def within_matrices(table: pd.DataFrame, kind: str) -> Iterable[tuple[str, str, pd.DataFrame]]:
    """(measure, run, matrix labelled by layer position) of every network with itself, layers of one
    kind only. `table`: rows of layer_similarity.parquet with the columns READ."""
    own = table[_same(table, "run") & (table["kind_a"] == kind) & (table["kind_b"] == kind)]
    for (measure, run), part in own.groupby(["measure", "run_a"], sort=False, observed=True):
        yield measure, run, part.pivot(index="index_a", columns="index_b", values="value")


def _same(table: pd.DataFrame, name: str) -> pd.Series:
    """Where both sides have the same name, compared without making texts of categories."""
    a, b = table[f"{name}_a"], table[f"{name}_b"]
    if not isinstance(a.dtype, pd.CategoricalDtype):
        return a == b
    return a.cat.codes == b.cat.set_categories(a.cat.categories).cat.codes


def block_table(grid: Grid, table: pd.DataFrame, kind: str = "relu") -> pd.DataFrame:
    """One row a network and measure: the block metrics of its `kind` layers, of the mean of both
    directions where they differ. Distances, which are small inside a block, have none. `table` as
    for :func:`within_matrices`. A network without any defined pair has no run: NaN and ''."""
    table = table[~table["measure"].isin(DISTANCES)]
    names = table.drop_duplicates(["run_a", "index_a"]).set_index(["run_a", "index_a"])["layer_a"]
    rows = []
    for measure, run, matrix in within_matrices(table, kind):
        metrics = block_metrics(symmetrised(matrix.to_numpy()))
        ends = (matrix.index[metrics.run_start - 1], matrix.index[metrics.run_end - 1])
        row = {"run": run, "measure": measure, "kind": kind, **asdict(metrics)}
        row |= {"run_start_layer": names[run, ends[0]], "run_end_layer": names[run, ends[1]]}
        if not np.isfinite(metrics.mean_similarity):
            # Without a single defined pair there is no run of length 1 either.
            row |= dict.fromkeys(["longest_run", "run_start", "run_end"], np.nan)
            row |= {"run_start_layer": "", "run_end_layer": ""}
        rows.append(row)
    names_of_metrics = [field.name for field in fields(BlockMetrics)]
    columns = ["run", "measure", "kind", *names_of_metrics, *ENDS]
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
    the seed alone, over the pairs of networks that have a value (mean, sd (n - 1), 95 % bootstrap
    interval with networks resampled, smallest, largest); the mean of both directions where they
    differ. `table` as for :func:`within_matrices`. The form of figure 6 of Nguyen, Raghu &
    Kornblith (2021), layer by layer."""
    across = table[
        _same(table, "group") & ~_same(table, "run") & (table["index_a"] == table["index_b"])
    ]
    by = ["group_a", "measure", "layer_a", "index_a", "kind_a"]
    columns = ["group", "measure", "layer", "index", "kind"]
    parts = [_over_pairs(part, by) for _, part in each_pair_once(across, by).groupby(by[:2])]
    result = pd.concat(parts) if parts else pd.DataFrame(columns=[*by, *OVER_PAIRS])
    result = result.rename(columns=dict(zip(by, columns, strict=True)))
    last = table.groupby("group_a", observed=True)["index_a"].max().clip(lower=1)
    result["group"] = result["group"].astype(str)
    # Without pairs nothing says that the mapped column holds numbers.
    result.insert(5, "relative_depth", result["index"] / result["group"].map(last).astype(float))
    return grid.groups().merge(result, on="group")


def _over_pairs(pairs: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """One row a layer of one group and measure: `by` and the summary over pairs of networks."""
    values = pairs.groupby(by, sort=False, observed=True)["value"]
    result = values.agg(
        n_pairs="count", value_mean="mean", value_sd="std", value_min="min", value_max="max"
    ).reset_index()
    ends = layer_intervals(pairs, ("run_a", "run_b"), "index_a", "value")
    return result.merge(ends, on="index_a", validate="one_to_one")[[*by, *OVER_PAIRS]]
