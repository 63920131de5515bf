"""Make a data set's verified arrays, splits and order.

Reads an existing copy where there is one, downloads it otherwise, and writes the arrays with
their checksums into the output folder, the manifest last.
"""

import argparse
import os
from pathlib import Path

from repatlas.data.artifact import prepare
from repatlas.terminal import json_argument


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--spec", type=json_argument, required=True, help="the data set, as JSON")
    parser.add_argument("--output", type=Path, required=True, help="folder of the data set")
    parser.add_argument("--root", type=Path, help="folder that already holds downloaded data sets")
    parser.add_argument("--downloads", type=Path, required=True, help="where downloads are kept")


def run(options: argparse.Namespace) -> None:
    """Make the data set."""
    places = [options.root, os.environ.get("REPATLAS_DATA")]
    roots = [Path(p).expanduser() for p in places if p]
    prepare(options.spec, options.output, roots, options.downloads)
