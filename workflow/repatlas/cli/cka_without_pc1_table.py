"""Tables of similarity without the first principal component."""

import argparse
from pathlib import Path

from repatlas.analysis.design import read_grid
from repatlas.analysis.without_pc1 import block_table, similarity_table, summary_table
from repatlas.analysis.writing import write_csv, write_parquet


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--grid", type=Path, required=True, help="grid.json of the study")
    parser.add_argument("--output", type=Path, required=True, help="folder of the tables")


def run(options: argparse.Namespace) -> None:
    """Make the tables."""
    grid = read_grid(options.grid)
    write_parquet(similarity_table(grid), options.output / "cka_without_pc1.parquet")
    blocks = block_table(grid)
    write_csv(blocks, options.output / "cka_without_pc1_blocks.csv")
    write_csv(summary_table(grid, blocks), options.output / "cka_without_pc1_summary.csv")
