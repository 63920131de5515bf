"""The folder of a study's tables."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from repatlas.errors import StoreError, did_you_mean

_SUFFIXES = (".csv", ".parquet")


class Tables:
    """The tables in a folder, by their files' names without suffix, or those `only`. Each is read
    once."""

    def __init__(self, folder: Path, only: Iterable[str] | None = None):
        self.folder = folder
        self._only = None if only is None else frozenset(only)
        self._read: dict[str, pd.DataFrame] = {}

    def names(self) -> dict[str, Path]:
        """The tables' names and files."""
        files = [p for p in sorted(self.folder.glob("*")) if p.suffix in _SUFFIXES]
        return {p.stem: p for p in files if self._only is None or p.stem in self._only}

    def path(self, name: str) -> Path:
        """File of a table; StoreError when there is none of that name."""
        known = self.names()
        if name not in known:
            raise StoreError(
                f"{self.folder} has no table {name!r}{did_you_mean(name, known)}.\n"
                f"It has: {', '.join(known) or 'none'}. `make CONFIG=...` of its study makes them."
            )
        return known[name]

    def read(self, name: str) -> pd.DataFrame:
        """A copy of a table."""
        if name not in self._read:
            path = self.path(name)
            read = pd.read_parquet if path.suffix == ".parquet" else _read_csv
            self._read[name] = read(path)
        return self._read[name].copy()


def _read_csv(path: Path) -> pd.DataFrame:
    """A table of the study: an empty number is NaN, an empty text stays empty."""
    texts = dict.fromkeys(["reason", "status"], str)
    frame = pd.read_csv(path, keep_default_na=False, na_values=[""], dtype=texts)
    return frame.fillna(dict.fromkeys(frame.columns.intersection(list(texts)), ""))
