"""Draw one figure of a study from its tables.

Writes PREFIX.png (300 dpi), PREFIX.pdf, PREFIX.svg, the plotted data as PREFIX.parquet and the
caption as PREFIX.txt.
"""

import argparse
import json
from pathlib import Path

from repatlas.figures import draw, save
from repatlas.results import StudyResults


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("name", metavar="NAME", help="the figure, such as within_by_depth")
    parser.add_argument("--tables", type=Path, required=True, help="folder of the study's tables")
    parser.add_argument("--settings", type=json.loads, default={}, help="its settings, as JSON")
    parser.add_argument(
        "--output", type=Path, required=True, metavar="PREFIX", help="what to write"
    )


def run(options: argparse.Namespace) -> None:
    """Draw the figure."""
    save(draw(options.name, StudyResults(options.tables), options.settings), options.output)
