"""Copy what git keeps of a finished study: small tables, pictures, captions, configuration.

What the study no longer has is taken out of the folder of its earlier copy.
"""

import argparse
import sys
from pathlib import Path

from repatlas.report.publish import publish


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("study", type=Path, help="folder of the study, results/studies/NAME")
    parser.add_argument("--output", type=Path, required=True, help="folder of the copy")


def run(options: argparse.Namespace) -> None:
    """Copy the files."""
    files = publish(options.study, options.output)
    size = sum(path.stat().st_size for path in files) / 1e6
    sys.stdout.write(f"{options.output}: {len(files)} files, {size:.1f} MB\n")
