"""Tables of the dynamics: layers, checkpoints, and similarity within each checkpoint."""

import argparse
from pathlib import Path

from repatlas.analysis.design import read_grid
from repatlas.analysis.dynamics import checkpoint_table, layer_table, similarity_table
from repatlas.analysis.writing import write_csv, write_parquet


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--grid", type=Path, required=True, help="grid.json of the study")
    parser.add_argument("--runs", type=Path, required=True, help="folder of all networks")
    parser.add_argument("--output", type=Path, required=True, help="folder of the tables")


def run(options: argparse.Namespace) -> None:
    """Make the tables."""
    grid = read_grid(options.grid)
    write_csv(layer_table(grid), options.output / "dynamics.csv")
    write_csv(checkpoint_table(grid, options.runs), options.output / "dynamics_blocks.csv")
    write_parquet(similarity_table(grid), options.output / "dynamics_similarity.parquet")
