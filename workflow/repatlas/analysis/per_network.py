"""What an analysis left of each network: reading it, and laying it out as a table."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from repatlas.analysis.arrays import read_arrays
from repatlas.analysis.design import Grid


def artifacts(grid: Grid, analysis: str) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    """(network, its arrays by name) for each network that the analysis was made of; StoreError
    where a file is missing or damaged."""
    for run, path in grid.artifacts[analysis].items():
        yield run, read_arrays(path)


def pair_columns(run: str, names: np.ndarray, kinds: np.ndarray) -> pd.DataFrame:
    """run, and index, layer and kind of both sides of every ordered pair of layers, in the order of
    a (layers, layers) matrix read row by row. `names`, `kinds` (layers,)."""
    n = len(names)
    sides = dict(zip("ab", np.divmod(np.arange(n * n), n), strict=True))
    columns = {f"index_{s}": index for s, index in sides.items()}
    columns |= {f"layer_{s}": names[index] for s, index in sides.items()}
    columns |= {f"kind_{s}": kinds[index] for s, index in sides.items()}
    return pd.DataFrame({"run": run, **columns})


def as_categories(table: pd.DataFrame) -> pd.DataFrame:
    """The table with its texts as categories: each is kept once."""
    texts = table.select_dtypes(include=["object", "string"]).columns
    return table.astype(dict.fromkeys(texts, "category"))
