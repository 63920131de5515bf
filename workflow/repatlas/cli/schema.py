"""Print the JSON schema of a study file; check study files; bring the manual's tables up to date.

Without options the schema is printed. `--check` says of each study file how many networks and
comparisons it comes to, or what is wrong with it, without starting a workflow.
"""

import argparse
import sys
from pathlib import Path

from repatlas.files import write_text
from repatlas.labels import count
from repatlas.study import Study
from repatlas.study.manual import with_tables
from repatlas.study.read import check_yaml, shown_path
from repatlas.study.schema import schema_text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--output", type=Path, help="write the schema to this file")
    parser.add_argument(
        "--manual",
        type=Path,
        nargs="+",
        default=[],
        help="pages whose tables of keys are rewritten",
    )
    parser.add_argument("--check", type=Path, nargs="+", default=[], help="study files to check")


def run(options: argparse.Namespace) -> None:
    """Print, write or check."""
    for path in options.check:
        study = Study(check_yaml(path), [str(path)])
        sys.stdout.write(
            f"{shown_path(path)}: study {study.name}, {count(len(study.runs), 'network')}, "
            f"{count(sum(len(tile.pairs) for tile in study.tiles), 'comparison')} in "
            f"{count(len(study.tiles), 'job')}\n"
        )
    for page in options.manual:
        write_text(page, with_tables(page.read_text(encoding="utf-8")))
    if options.output:
        write_text(options.output, schema_text())
    if not (options.check or options.manual or options.output):
        sys.stdout.write(schema_text())
