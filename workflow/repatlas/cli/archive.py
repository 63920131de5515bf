"""Put a finished study into one zip, for a paper's supplement.

Report, explorer, figures, tables, configuration and provenance, with a description of every file
(ro-crate-metadata.json). Networks and stores stay where they are. The same files give the same
bytes.
"""

import argparse
import sys
from pathlib import Path

from repatlas.report.archive import NO_LICENSE, write_archive
from repatlas.results import load_study


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("study", type=Path, help="folder of the study, results/studies/NAME")
    parser.add_argument(
        "--output", type=Path, help="zip to write; by default NAME.zip in the study's folder"
    )
    parser.add_argument(
        "--license",
        default=NO_LICENSE,
        help="how others may use it, by address or in words; by default that none is given",
    )


def run(options: argparse.Namespace) -> None:
    """Write the zip."""
    study = load_study(options.study)
    output = options.output or options.study / f"{study.name}.zip"
    count = write_archive(study, output, options.license)
    size = output.stat().st_size / 1e6
    sys.stdout.write(f"{output}: {count} files, {size:.1f} MB\n")
