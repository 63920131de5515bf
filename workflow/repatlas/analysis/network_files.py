"""What an analysis made of each network, as one table."""

from collections.abc import Mapping

import pandas as pd

from repatlas.analysis.design import Grid
from repatlas.files import verified


def joined(grid: Grid, files: Mapping[str, str], integers: list[str]) -> pd.DataFrame:
    """The CSV files {run: path} below each other, with group and design columns.

    `integers`: columns of whole numbers, which stay such where some are undefined. StoreError where
    a file is missing or not what was written.
    """
    parts = [
        pd.read_csv(
            verified(path), dtype={"reason": str}, keep_default_na=False, na_values=[""]
        ).assign(run=run)
        for run, path in files.items()
    ]
    table = grid.with_design(pd.concat([p for p in parts if len(p)], ignore_index=True))
    table["reason"] = table["reason"].fillna("")
    return table.astype(dict.fromkeys(integers, "Int64"))
