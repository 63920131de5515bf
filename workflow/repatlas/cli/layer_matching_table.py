"""How often each measure finds the same layer in a network of another seed, and which layers."""

import argparse
from pathlib import Path

import pandas as pd

from repatlas.analysis.design import read_grid
from repatlas.analysis.layer_matching import by_layer_table, layer_matching_table
from repatlas.analysis.writing import write_csv


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--grid", type=Path, required=True, help="grid.json of the study")
    parser.add_argument("--similarity", type=Path, required=True, help="layer_similarity.parquet")
    parser.add_argument("--output", type=Path, required=True, help="table to write: by measure")
    parser.add_argument("--layers", type=Path, required=True, help="table to write: by layer")


def run(options: argparse.Namespace) -> None:
    """Make the tables."""
    grid, similarity = read_grid(options.grid), pd.read_parquet(options.similarity)
    write_csv(layer_matching_table(grid, similarity), options.output)
    write_csv(by_layer_table(grid, similarity), options.layers)
