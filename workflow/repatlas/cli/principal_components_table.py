"""Tables of first principal components and of sparsity."""

import argparse
from pathlib import Path

from repatlas.analysis.design import read_grid
from repatlas.analysis.principal_components import (
    layer_table,
    network_table,
    similarity_table,
    summary_table,
)
from repatlas.analysis.writing import write_csv, write_parquet


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--grid", type=Path, required=True, help="grid.json of the study")
    parser.add_argument(
        "--similarity", type=Path, required=True, help="the study's layer_similarity.parquet"
    )
    parser.add_argument("--output", type=Path, required=True, help="folder of the tables")


def run(options: argparse.Namespace) -> None:
    """Make the tables."""
    grid = read_grid(options.grid)
    write_csv(layer_table(grid), options.output / "principal_components.csv")
    write_parquet(similarity_table(grid), options.output / "pc_similarity.parquet")
    networks = network_table(grid, options.similarity)
    write_csv(networks, options.output / "principal_component_networks.csv")
    write_csv(summary_table(grid, networks), options.output / "principal_component_summary.csv")
