"""Tables of linear probes: every layer of every network, and over seeds."""

import argparse
from pathlib import Path

from repatlas.analysis.design import read_grid
from repatlas.analysis.linear_probes import probe_summary, probe_table
from repatlas.analysis.writing import write_csv


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--grid", type=Path, required=True, help="grid.json of the study")
    parser.add_argument("--output", type=Path, required=True, help="folder of the tables")


def run(options: argparse.Namespace) -> None:
    """Make the tables."""
    grid = read_grid(options.grid)
    table = probe_table(grid)
    write_csv(table, options.output / "linear_probes.csv")
    write_csv(probe_summary(grid, table), options.output / "linear_probe_summary.csv")
