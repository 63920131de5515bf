"""Tables of block deletions: every deletion in every network, and over seeds."""

import argparse
from pathlib import Path

from repatlas.analysis.block_deletion import deletion_summary, deletion_table
from repatlas.analysis.design import read_grid
from repatlas.analysis.writing import write_csv


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--grid", type=Path, required=True, help="grid.json of the study")
    parser.add_argument("--output", type=Path, required=True, help="folder of the tables")


def run(options: argparse.Namespace) -> None:
    """Make the tables."""
    grid = read_grid(options.grid)
    table = deletion_table(grid)
    write_csv(table, options.output / "block_deletion.csv")
    write_csv(deletion_summary(grid, table), options.output / "block_deletion_summary.csv")
