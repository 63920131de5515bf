"""Draw one figure of a study from its tables.

Writes PREFIX.png (300 dpi), PREFIX.pdf, PREFIX.svg, the plotted data as PREFIX.parquet and the
caption as PREFIX.txt. Where networks failed and those that completed give no data for the figure,
the files say so.
"""

import argparse
import logging
from pathlib import Path

from repatlas.errors import DataError
from repatlas.figures import draw, notice, save
from repatlas.results import StudyResults
from repatlas.terminal import json_argument

log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("name", metavar="NAME", help="the figure, such as within_by_depth")
    parser.add_argument("--tables", type=Path, required=True, help="folder of the study's tables")
    parser.add_argument("--settings", type=json_argument, default={}, help="its settings, as JSON")
    parser.add_argument(
        "--output", type=Path, required=True, metavar="PREFIX", help="what to write"
    )


def run(options: argparse.Namespace) -> None:
    """Draw the figure."""
    results = StudyResults(options.tables)
    try:
        drawing = draw(options.name, results, options.settings)
    except DataError as error:
        # A study goes on without the networks that failed. Where none failed, the figure should
        # not have been asked for.
        if (results.runs["status"] == "completed").all():
            raise
        log.warning("%s is not drawn: %s", options.name, error)
        drawing = notice(options.name, str(error))
    save(drawing, options.output)
