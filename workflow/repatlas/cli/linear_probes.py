"""Fit linear classifiers to the layers of a frozen network, before and after each residual
connection, and test them."""

import argparse
from pathlib import Path

import pandas as pd

from repatlas.activations.trained import load_network
from repatlas.analysis.writing import write_checked_csv
from repatlas.data.dataset import load
from repatlas.durations import Progress
from repatlas.frozen.linear_probes import COLUMNS, no_probes, probe_network
from repatlas.run_record import read_run
from repatlas.terminal import json_argument
from repatlas.training.device import choose


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--run", type=Path, required=True, help="folder of the trained network")
    parser.add_argument("--dataset", type=Path, required=True, help="folder of its data set")
    parser.add_argument(
        "--options",
        type=json_argument,
        required=True,
        help="those of the analysis in config/README.md, as JSON",
    )
    parser.add_argument("--output", type=Path, required=True, help="table to write")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")


def run(options: argparse.Namespace) -> None:
    """Make the table."""
    spec, status = read_run(options.run)
    if status["status"] != "completed":
        reason = f"network {status['status']}: {status['reason']}"
        rows = no_probes(spec, options.options, reason)
    else:
        dataset, training = load(options.dataset), spec["training"]
        device = choose(options.device, training["threads"])
        network = load_network(spec, options.run, dataset.shape, device)
        unit = "probe" if options.options["method"] == "ridge" else "epoch"
        progress = Progress(options.run.name, unit)
        rows = probe_network(network, spec, dataset, options.options, device, progress)
    write_checked_csv(pd.DataFrame(rows, columns=COLUMNS), options.output)
