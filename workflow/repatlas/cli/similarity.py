"""Compare the networks of one tile, layer by layer, and write one tidy table (Parquet)."""

import argparse
from pathlib import Path

from repatlas.errors import StoreError
from repatlas.similarity.network_pairs import compare_networks, write_table
from repatlas.stores import open_store
from repatlas.terminal import json_argument


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--measure", required=True, help="name of the similarity measure")
    parser.add_argument(
        "--tile",
        type=json_argument,
        required=True,
        help="JSON: runs, pairs (positions in runs), layers (compared across networks), "
        "options, and own: where a measure of your own is",
    )
    parser.add_argument("--stores", type=Path, nargs="+", required=True, help="one store a run")
    parser.add_argument("--output", type=Path, required=True, help="table to write")


def run(options: argparse.Namespace) -> None:
    """Make the tile."""
    tile = options.tile
    stores = [open_store(path) for path in options.stores]
    for store, name in zip(stores, tile["runs"], strict=True):
        if store.run != name:
            raise StoreError(f"The store {store.path} is of network {store.run}, wanted is {name}.")
        # Zarr reads a missing chunk as zeros, and a chunk's own checksum does not see an exchange.
        store.verify()
    pairs = [tuple(pair) for pair in tile["pairs"]]
    measure = tile.get("own", options.measure)
    table = compare_networks(measure, stores, pairs, tile["layers"], tile.get("options"))
    write_table(table, options.output)
