"""Comparisons of two networks, from the table of layer similarities."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import pandas as pd
import pyarrow as pa
from pyarrow.dataset import dataset

from repatlas.errors import StoreError
from repatlas.layers import Layer, select

_NAMES = ["measure", "run_a", "run_b", "group_a", "group_b"]
_SIDED = ("run", "layer", "index", "kind")
_COLUMNS = [f"{c}_{side}" for side in "ab" for c in _SIDED] + ["value", "se", "n_batches", "reason"]


class Comparisons:
    """The table of layer similarities at `path`, of which only what is asked for is read."""

    def __init__(self, path: Path):
        self.path = path

    @cached_property
    def pairs(self) -> pd.DataFrame:
        """Each compared pair of networks once a measure, with both groups. The table is streamed:
        at the paper's size its names alone would take gigabytes."""
        found = []
        for batch in dataset(self.path).to_batches(columns=_NAMES):
            names = pa.table(batch).group_by(_NAMES, use_threads=False).aggregate([])
            found.append(_plain(names.select(_NAMES).to_pandas()))
        return pd.concat(found).drop_duplicates(ignore_index=True)

    def between(self, measure: str, run_a: str, run_b: str) -> pd.DataFrame:
        """All compared pairs of layers of run_a and run_b, in the order of the layers, turned where
        they are stored the other way round alone (a measure that is not symmetric is stored both
        ways). Empty where the two were not compared."""
        ways = ((run_a, run_b), (run_b, run_a))
        where = [
            [("measure", "==", measure), ("run_a", "==", a), ("run_b", "==", b)] for a, b in ways
        ]
        found = _plain(pd.read_parquet(self.path, columns=_COLUMNS, filters=where))
        as_asked = found[found["run_a"] == run_a]
        if as_asked.empty:
            return turned(found)
        return as_asked.sort_values(["index_a", "index_b"], ignore_index=True)


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Texts as texts: categories, which save space in the file, also bring those of other rows."""
    texts = frame.select_dtypes(include="category").columns
    return frame.astype(dict.fromkeys(texts, str))


def turned(comparison: pd.DataFrame) -> pd.DataFrame:
    """A comparison of a with b as one of b with a."""
    names = {f"{c}_{x}": f"{c}_{y}" for c in _SIDED for x, y in ("ab", "ba")}
    swapped = comparison.rename(columns=names)[list(comparison.columns)]
    return swapped.sort_values(["index_a", "index_b"], ignore_index=True)


def restricted(comparison: pd.DataFrame, layers: str | Sequence[str]) -> pd.DataFrame:
    """The rows of the layers that `layers` names, on both sides: groups, kinds or patterns of
    names. StoreError when an entry names no layer that was compared."""
    wanted = [layers] if isinstance(layers, str) else layers
    for side in "ab":
        comparison = comparison[comparison[f"layer_{side}"].isin(_chosen(comparison, side, wanted))]
    return comparison.reset_index(drop=True)


def _chosen(comparison: pd.DataFrame, side: str, wanted: Sequence[str]) -> set[str]:
    columns = [f"layer_{side}", f"kind_{side}", f"index_{side}"]
    present = comparison[columns].drop_duplicates().sort_values(columns[2])
    candidates = [Layer(*row) for row in present[columns[:2]].itertuples(index=False)]
    try:
        return {candidates[i].name for i in select(candidates, wanted)}
    except ValueError as error:
        run = comparison[f"run_{side}"].iloc[0]
        raise StoreError(f"Layers of {run} that were compared: {error}.") from None


def as_matrix(comparison: pd.DataFrame, column: str = "value") -> pd.DataFrame:
    """A column of a comparison as a matrix, a row a layer of a and a column a layer of b, labelled
    with the layers' names."""
    rows, columns = comparison["layer_a"].unique(), comparison["layer_b"].unique()
    matrix = comparison.pivot(index="layer_a", columns="layer_b", values=column).loc[rows, columns]
    return matrix.rename_axis(
        index=comparison["run_a"].iloc[0], columns=comparison["run_b"].iloc[0]
    )
