"""Tables of a study's similarities: layers, layer pairs, block metrics, same layer across seeds."""

import argparse
from pathlib import Path

from repatlas.analysis.design import read_grid
from repatlas.analysis.similarity_tables import layers_table, write_similarity_tables
from repatlas.analysis.writing import write_parquet


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--grid", type=Path, required=True, help="grid.json of the study")
    parser.add_argument("--grams", type=Path, required=True, help="folder of all Gram stores")
    parser.add_argument("--output", type=Path, required=True, help="folder of the tables")


def run(options: argparse.Namespace) -> None:
    """Make the tables."""
    grid, output = read_grid(options.grid), options.output
    stores = [
        options.grams / f"{run}--{probe}.zarr"
        for run, probe in grid.runs[["run", "probe"]].itertuples(index=False)
    ]
    write_parquet(layers_table(grid, stores), output / "layers.parquet")
    write_similarity_tables(grid, output)
