"""Say what a finished study found, in numbers, and where its results are."""

import argparse
import sys
from pathlib import Path

from repatlas.report.findings import findings
from repatlas.report.places import places
from repatlas.results import load_study
from repatlas.terminal import points


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("study", type=Path, help="folder of the study, results/studies/NAME")


def run(options: argparse.Namespace) -> None:
    """Print it."""
    study = load_study(options.study)
    text = [f"The study {study.name} is finished.", *points(findings(study)), "Where to look:"]
    text += points(places(options.study), "  ")
    sys.stdout.write("\n" + "\n".join(text) + "\n\n")
