"""Tables as files: CSV for summaries, Parquet for what is long. Whole or absent, same bytes for the
same content."""

from pathlib import Path

import pandas as pd

from repatlas.files import checked_file, whole_file


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """Write a table as CSV; an undefined number is an empty cell."""
    with whole_file(path) as partial:
        table.to_csv(partial, index=False, lineterminator="\n")


def write_checked_csv(table: pd.DataFrame, path: Path) -> None:
    """As :func:`write_csv`, with a checksum beside it: what later tables are made from."""
    with checked_file(path) as partial:
        table.to_csv(partial, index=False, lineterminator="\n")


def write_parquet(table: pd.DataFrame, path: Path) -> None:
    """Write a table as Parquet (zstd)."""
    with whole_file(path) as partial:
        table.to_parquet(partial, index=False, compression="zstd")
