"""Take one network from saved weights instead of training it.

Leaves what training leaves: spec.json, model.pt, curve.csv (without rows), test_logits.npy,
status.json and hardware.json in the output folder.
"""

import argparse
from pathlib import Path

from repatlas.data.dataset import load
from repatlas.errors import StoreError
from repatlas.files import sha256_file
from repatlas.terminal import json_argument
from repatlas.training.device import choose
from repatlas.training.loaded import take


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--spec", type=json_argument, required=True, help="the run's spec, as JSON")
    parser.add_argument("--dataset", type=Path, required=True, help="folder of the data set")
    parser.add_argument("--checkpoint", type=Path, required=True, help="file of the saved weights")
    parser.add_argument("--output", type=Path, required=True, help="folder of the run")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")


def run(options: argparse.Namespace) -> None:
    """Take the network."""
    spec = options.spec
    weights = options.checkpoint.expanduser()
    if sha256_file(weights) != spec["model"]["checkpoint"]:
        raise StoreError(
            f"{weights} has changed since the study was read.\n"
            "Start again: its new content is another network."
        )
    device = choose(options.device, spec["training"]["threads"])
    take(spec, load(options.dataset), weights, options.output, device)
