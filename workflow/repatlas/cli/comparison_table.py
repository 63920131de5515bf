"""A study's values beside the paper's, for every cell that both have."""

import argparse
from pathlib import Path

import pandas as pd

from repatlas.analysis.departures import departures
from repatlas.analysis.paper import comparison
from repatlas.analysis.paper_quantities import quantities
from repatlas.analysis.writing import write_csv
from repatlas.files import read_json
from repatlas.stores import read_manifest
from repatlas.terminal import json_argument


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--tables", type=Path, required=True, help="folder of the study's tables")
    parser.add_argument(
        "--analyses", type=Path, nargs="*", default=[], help="tables of the study's analyses"
    )
    parser.add_argument("--results", type=Path, required=True, help="folder of all results")
    parser.add_argument(
        "--options",
        type=json_argument,
        required=True,
        help="linear_probes: options of the analysis; probe: settings of the data set that all "
        "networks are probed with, if there is one (JSON)",
    )
    parser.add_argument("--output", type=Path, required=True, help="table to write")


def run(options: argparse.Namespace) -> None:
    """Make the table."""
    files = [options.tables / "runs.csv", options.tables / "block_metrics.csv"]
    files += [path for path in options.analyses if path.suffix == ".csv"]
    tables = {path.stem: pd.read_csv(path) for path in files}
    specs, manifests, hardware = {}, {}, {}
    for name, probe in tables["runs"][["run", "probe"]].itertuples(index=False):
        folder = options.results / "runs" / name
        specs[name] = read_json(folder / "spec.json")
        hardware[name] = read_json(folder / "hardware.json")
        manifests[name] = read_manifest(options.results / "grams" / f"{name}--{probe}.zarr")
    ours = quantities(tables, options.tables / "layer_similarity.parquet", specs)
    table = comparison(
        ours,
        lambda runs, quantity: departures(
            runs, quantity, specs, manifests, hardware, options.options
        ),
    )
    write_csv(table, options.output)
