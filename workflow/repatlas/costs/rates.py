"""Seconds and bytes for each unit of work, read from `rates.csv`.

`benchmarks/scaling.py` measures them and writes the file. Those of a GPU are assumptions until it
has run on one; the column `source` says which is which.
"""

import csv
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import NamedTuple


class Rate(NamedTuple):
    """One line of the file."""

    value: float
    unit: str
    source: str
    meaning: str


@cache
def rates() -> Mapping[str, Rate]:
    """Every rate by its name."""
    text = files("repatlas.costs").joinpath("rates.csv").read_text(encoding="utf-8")
    return {
        row["rate"]: Rate(float(row["value"]), row["unit"], row["source"], row["meaning"])
        for row in csv.DictReader(text.splitlines())
    }


def rate(name: str) -> float:
    """The value of one rate."""
    return rates()[name].value
