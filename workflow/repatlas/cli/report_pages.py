"""Write the pages and captions that a study's report shows, and the text it opens with."""

import argparse
from pathlib import Path

from repatlas.report.pages import write_pages
from repatlas.results import load_study


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--study", type=Path, required=True, help="folder of the study")
    parser.add_argument(
        "--figures", type=Path, nargs="*", default=[], help="figures to show: SVG files"
    )
    parser.add_argument("--tables", type=Path, nargs="+", required=True, help="tables to show")
    parser.add_argument("--output", type=Path, required=True, help="folder to write into")


def run(options: argparse.Namespace) -> None:
    """Write them."""
    write_pages(load_study(options.study), options.figures, options.tables, options.output)
