"""What belongs to a finished study, of all that lies in its folder."""

from pathlib import Path
from typing import Any

from repatlas.errors import StoreError
from repatlas.files import read_json, sha256_file


def finished(folder: Path) -> dict[str, Any]:
    """The provenance of the study in `folder`, whose `tables` (file names) and `figures` (names
    without suffix) are the study's; other files are left from an earlier configuration.

    StoreError where the study is not finished: without provenance, with that of another grid, or
    with a table that is missing or another than the one that was made.
    """
    path = folder / "provenance.json"
    again = "Start the study again: `make CONFIG=...` makes what is missing."
    if not path.is_file():
        raise StoreError(f"{folder} is not finished: provenance.json is missing.\n{again}")
    record = read_json(path)
    if not {"date", "tables"} <= set(record):
        raise StoreError(f"{path} was written by an earlier version.\n{again}")
    grid = folder / "grid.json"
    if not grid.is_file() or sha256_file(grid) != record["grid_sha256"]:
        raise StoreError(
            f"{folder} is not finished: its tables and figures are of an earlier configuration "
            f"than grid.json.\n{again}"
        )
    for name, checksum in record["tables"].items():
        table = folder / "tables" / name
        if not table.is_file():
            raise StoreError(f"{table} is missing.\n{again}")
        if sha256_file(table) != checksum:
            raise StoreError(f"{table} is not the table that the study was finished with.\n{again}")
    return record
