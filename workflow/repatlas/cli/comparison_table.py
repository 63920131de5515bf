"""A study's values beside the paper's, for every cell that both have."""

import argparse
from pathlib import Path

import pandas as pd

from repatlas.analysis.paper import comparison
from repatlas.analysis.writing import write_csv
from repatlas.files import read_json
from repatlas.stores import read_manifest


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--tables", type=Path, required=True, help="folder of the study's tables")
    parser.add_argument("--results", type=Path, required=True, help="folder of all results")
    parser.add_argument("--output", type=Path, required=True, help="table to write")


def run(options: argparse.Namespace) -> None:
    """Make the table."""
    runs = pd.read_csv(options.tables / "runs.csv")
    blocks = pd.read_csv(options.tables / "block_metrics.csv")
    specs, manifests = {}, {}
    for name, probe in runs[["run", "probe"]].itertuples(index=False):
        specs[name] = read_json(options.results / "runs" / name / "spec.json")
        manifests[name] = read_manifest(options.results / "grams" / f"{name}--{probe}.zarr")
    write_csv(comparison(runs, blocks, specs, manifests), options.output)
