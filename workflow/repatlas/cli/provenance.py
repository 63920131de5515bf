"""Record when and with what a study was made (software versions, commit, hardware, data), and which
tables and figures it has."""

import argparse
from datetime import UTC, datetime
from pathlib import Path

from repatlas.analysis.provenance import record
from repatlas.files import write_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--grid", type=Path, required=True, help="grid.json of the study")
    parser.add_argument("--results", type=Path, required=True, help="folder of all results")
    parser.add_argument("--repository", type=Path, required=True, help="folder of the workflow")
    parser.add_argument("--tables", type=Path, nargs="+", required=True, help="the study's tables")
    parser.add_argument("--figures", nargs="*", default=[], help="names of the study's figures")
    parser.add_argument("--output", type=Path, required=True, help="file to write")


def run(options: argparse.Namespace) -> None:
    """Write the record."""
    made = record(
        options.grid, options.results, options.repository, options.tables, options.figures
    )
    write_json(options.output, {"date": datetime.now(UTC).date().isoformat(), **made})
