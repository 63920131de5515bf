"""How often each measure finds the same layer in a network of another seed."""

import argparse
from pathlib import Path

import pandas as pd

from repatlas.analysis.design import read_grid
from repatlas.analysis.layer_matching import layer_matching_table
from repatlas.analysis.writing import write_csv


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--grid", type=Path, required=True, help="grid.json of the study")
    parser.add_argument("--similarity", type=Path, required=True, help="layer_similarity.parquet")
    parser.add_argument("--output", type=Path, required=True, help="table to write")


def run(options: argparse.Namespace) -> None:
    """Make the table."""
    table = layer_matching_table(read_grid(options.grid), pd.read_parquet(options.similarity))
    write_csv(table, options.output)
