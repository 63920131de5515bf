"""Make the page on which a study is explored.

Writes a folder with index.html, which opens by double click and needs neither server nor network.
Everything it shows comes from the study's tables; what is larger than a screen is loaded when asked
for.
"""

import argparse
import logging
from pathlib import Path

from repatlas.explorer.page import write_page
from repatlas.results import StudyResults

log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--tables", type=Path, required=True, help="folder of the study's tables")
    parser.add_argument(
        "--names", nargs="+", help="those shown, by file names without suffix; by default all"
    )
    parser.add_argument("--title", default="", help="the study's title")
    parser.add_argument("--output", type=Path, required=True, help="folder of the page")


def run(options: argparse.Namespace) -> None:
    """Write the page."""
    results = StudyResults(options.tables, options.names)
    write_page(results, options.title, options.output)
    log.info("%d networks on %s", len(results.runs), options.output / "index.html")
