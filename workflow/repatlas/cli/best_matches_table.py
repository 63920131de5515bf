"""For each layer the most similar layer of other networks, over pairs of networks."""

import argparse
from pathlib import Path

import pandas as pd

from repatlas.analysis.best_matches import best_match_table
from repatlas.analysis.design import read_grid
from repatlas.analysis.writing import write_csv


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--grid", type=Path, required=True, help="grid.json of the study")
    parser.add_argument("--layers", type=Path, required=True, help="layers.parquet")
    parser.add_argument("--output", type=Path, required=True, help="table to write")


def run(options: argparse.Namespace) -> None:
    """Make the table."""
    table = best_match_table(read_grid(options.grid), pd.read_parquet(options.layers))
    write_csv(table, options.output)
