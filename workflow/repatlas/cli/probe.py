"""Draw and save an ordered probe set from a data set's test images."""

import argparse
from pathlib import Path

from repatlas.data.probe import make_probe


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--dataset", type=Path, required=True, help="folder of the data set")
    parser.add_argument("--size", type=int, required=True, help="number of images")
    parser.add_argument("--output", type=Path, required=True, help="file of the probe set")


def run(options: argparse.Namespace) -> None:
    """Make the probe set."""
    make_probe(options.dataset, options.size, options.output)
