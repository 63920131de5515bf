"""Seconds and bytes for each unit of work, read from `rates.csv`.

`benchmarks/scaling.py` measures them and writes the file. Those of a GPU are assumptions until it
has run on one; the column `source` says which is which.
"""

import csv
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from repatlas.files import write_text

FILE = "rates.csv"


class Rate(NamedTuple):
    """One line of the file."""

    value: float
    unit: str
    source: str
    meaning: str


@cache
def rates() -> Mapping[str, Rate]:
    """Every rate by its name."""
    text = files("repatlas.costs").joinpath(FILE).read_text(encoding="utf-8")
    return {
        row["rate"]: Rate(float(row["value"]), row["unit"], row["source"], row["meaning"])
        for row in csv.DictReader(text.splitlines())
    }


def replace(measured: Mapping[str, float]) -> None:
    """Write measured values over those in the file, three digits each."""
    path = Path(str(files("repatlas.costs").joinpath(FILE)))
    lines = ["rate,value,unit,source,meaning"]
    for name, old in rates().items():
        new = f"{measured[name]:.3g}" if name in measured else f"{old.value:g}"
        lines.append(",".join((name, new, *old[1:])))
    write_text(path, "\n".join(lines) + "\n")
    rates.cache_clear()


def rate(name: str) -> float:
    """The value of one rate."""
    return rates()[name].value
