"""Test a network without some of its residual branches, not retrained."""

import argparse
from pathlib import Path

import pandas as pd

from repatlas.activations.trained import load_network
from repatlas.analysis.writing import write_checked_csv
from repatlas.data.dataset import load
from repatlas.data.selection import evaluation_examples
from repatlas.durations import Progress
from repatlas.frozen.block_deletion import COLUMNS, delete_blocks, deletions, no_deletions
from repatlas.run_record import read_run
from repatlas.training.device import choose


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--run", type=Path, required=True, help="folder of the trained network")
    parser.add_argument("--dataset", type=Path, required=True, help="folder of its data set")
    parser.add_argument("--output", type=Path, required=True, help="table to write")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")


def run(options: argparse.Namespace) -> None:
    """Make the table."""
    spec, status = read_run(options.run)
    if status["status"] != "completed":
        reason = f"network {status['status']}: {status['reason']}"
        rows = no_deletions(spec["model"], reason)
    elif not deletions(spec["model"]):
        rows = no_deletions(spec["model"], "no residual connections")
    else:
        dataset = load(options.dataset)
        device = choose(options.device, spec["training"]["threads"])
        network = load_network(spec, options.run, dataset.shape, device)
        progress = Progress(options.run.name, "image")
        rows = delete_blocks(
            network, spec["model"], evaluation_examples(spec, dataset), device, progress
        )
    write_checked_csv(pd.DataFrame(rows, columns=COLUMNS), options.output)
