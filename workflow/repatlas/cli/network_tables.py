"""Tables of a study's networks: outcome of every run, accuracy over seeds, learning curves."""

import argparse
from pathlib import Path

from repatlas.analysis.design import read_grid
from repatlas.analysis.networks import accuracy_table, curves_table, runs_table
from repatlas.analysis.writing import write_csv, write_parquet


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--grid", type=Path, required=True, help="grid.json of the study")
    parser.add_argument("--runs", type=Path, required=True, help="folder of all runs")
    parser.add_argument("--output", type=Path, required=True, help="folder of the tables")


def run(options: argparse.Namespace) -> None:
    """Make the tables."""
    grid = read_grid(options.grid)
    runs = runs_table(grid, options.runs)
    write_csv(runs, options.output / "runs.csv")
    write_csv(accuracy_table(grid, runs), options.output / "accuracy.csv")
    write_parquet(curves_table(grid, options.runs), options.output / "learning_curves.parquet")
