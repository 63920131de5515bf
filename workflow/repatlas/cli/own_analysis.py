"""Make the table of an analysis of your own.

Its function is called with the study, as `repatlas.load_study` gives it, and gives a pandas data
frame. Where that has a column `run` or `group`, the design columns are added to it.
"""

import argparse
from pathlib import Path

import pandas as pd

from repatlas.analysis.design import Grid, read_grid
from repatlas.analysis.writing import write_csv
from repatlas.errors import DataError
from repatlas.own import load, told
from repatlas.results import StudyResults


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("function", help="the analysis, FILE.py:NAME or MODULE:NAME")
    parser.add_argument("--grid", type=Path, required=True, help="grid of the study (JSON)")
    parser.add_argument("--tables", type=Path, required=True, help="folder of the study's tables")
    parser.add_argument("--output", type=Path, required=True, help="table to write")


def run(options: argparse.Namespace) -> None:
    """Make the table."""
    analyse, name = load(options.function), options.function
    try:
        table = analyse(StudyResults(options.tables))
    except Exception as error:
        raise DataError(f"{name} failed: {told(error)}") from error
    if not isinstance(table, pd.DataFrame):
        raise DataError(f"{name} gives {type(table).__name__}; a pandas.DataFrame is expected")
    write_csv(_with_design(table, read_grid(options.grid)), options.output)


def _with_design(table: pd.DataFrame, grid: Grid) -> pd.DataFrame:
    """The table with the design columns that it lacks, if it says which networks it is about."""
    networks = grid.runs[["run", "group", *grid.design]]
    for key, design in (("run", networks), ("group", grid.groups())):
        if key in table:
            lacking = [c for c in design if c == key or c not in table]
            return design[lacking].merge(table, on=key, how="right")
    return table
