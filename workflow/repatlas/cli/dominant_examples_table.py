"""Tables of dominant examples, with the images of those that dominate most."""

import argparse
from pathlib import Path

from repatlas.analysis.design import read_grid
from repatlas.analysis.dominant_tables import dominance_tables
from repatlas.analysis.writing import write_csv, write_parquet
from repatlas.data.dataset import load


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--grid", type=Path, required=True, help="grid.json of the study")
    parser.add_argument("--data", type=Path, required=True, help="folder of all data sets")
    parser.add_argument("--output", type=Path, required=True, help="folder of the tables")


def run(options: argparse.Namespace) -> None:
    """Make the tables."""
    grid = read_grid(options.grid)
    loaded = {name: load(options.data / name) for name in sorted(set(grid.runs["probe_folder"]))}
    probed = grid.runs.set_index("run")["probe_folder"].map(loaded).to_dict()
    for name, table in dominance_tables(grid, probed).items():
        write = write_csv if name.endswith(".csv") else write_parquet
        write(table, options.output / name)
