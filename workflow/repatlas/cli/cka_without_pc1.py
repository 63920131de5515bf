"""Similarity within a network after the first principal component of each batch is taken out.

Reads the network's Gram store and leaves one .npz file: all layers with all layers.
"""

import argparse
from pathlib import Path

from repatlas.analysis.arrays import write_arrays
from repatlas.analysis.without_pc1 import cka_without_pc1
from repatlas.stores import GramStore


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--grams", type=Path, required=True, help="Gram store of the network")
    parser.add_argument("--output", type=Path, required=True, help="file to write (.npz)")


def run(options: argparse.Namespace) -> None:
    """Make the file."""
    store = GramStore(options.grams)
    store.verify()
    write_arrays(options.output, cka_without_pc1(store))
