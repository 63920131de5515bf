"""Similarity within a network after its dominant examples are taken out of the probe set.

Reads the network's Gram store and its first principal components; leaves one .npz file.
"""

import argparse
from pathlib import Path

from repatlas.analysis.arrays import read_arrays, write_arrays
from repatlas.analysis.dominant_removal import removals
from repatlas.stores import GramStore
from repatlas.terminal import json_argument


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--grams", type=Path, required=True, help="Gram store of the network")
    parser.add_argument(
        "--components", type=Path, required=True, help="its principal components (.npz)"
    )
    parser.add_argument(
        "--options", type=json_argument, required=True, help="removed, layer, draws, seed, as JSON"
    )
    parser.add_argument("--output", type=Path, required=True, help="file to write (.npz)")


def run(options: argparse.Namespace) -> None:
    """Make the file."""
    store = GramStore(options.grams)
    store.verify()
    found = removals(store, read_arrays(options.components), options.options)
    write_arrays(options.output, found)
