"""Tables of predictions: of examples, classes, class groups and pairs of architectures, and the
images of the examples that most divide two architectures."""

import argparse
from pathlib import Path

from repatlas.analysis.design import read_grid
from repatlas.analysis.dividing import images_of
from repatlas.analysis.prediction_tables import Options, prediction_tables
from repatlas.analysis.predictions import read_architectures
from repatlas.analysis.writing import write_csv, write_parquet
from repatlas.terminal import json_argument


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--grid", type=Path, required=True, help="grid.json of the study")
    parser.add_argument("--results", type=Path, required=True, help="folder of all results")
    parser.add_argument("--options", type=json_argument, required=True, help="options, as JSON")
    parser.add_argument("--output", type=Path, required=True, help="folder of the tables")


def run(options: argparse.Namespace) -> None:
    """Make the tables."""
    grid = read_grid(options.grid)
    chosen = Options(**{key: options.options[key] for key in Options._fields})
    groups = list(dict.fromkeys(group for pair in grid.prediction_pairs for group in pair))
    found, datasets = read_architectures(groups, grid.runs, options.results, chosen.seed)
    made = prediction_tables(grid, found, grid.prediction_pairs, chosen)
    write_parquet(made.examples, options.output / "prediction_examples.parquet")
    for name in ("classes", "groups", "pairs"):
        write_csv(getattr(made, name), options.output / f"prediction_{name}.csv")
    write_csv(made.dividing, options.output / "dividing_examples.csv")
    write_parquet(images_of(made.dividing, datasets), options.output / "dividing_images.parquet")
