"""Say what a study has still to make, how long that takes and how much disk it needs.

Starts nothing. Times come from exact counts of what networks compute, at the speed of earlier
trainings in `results/` where there are any. What changed code makes anew is not seen here:
`snakemake --dry-run` lists that.
"""

import argparse
import sys
from pathlib import Path

from repatlas.costs.outlook import outlook, this_machine
from repatlas.study import Study
from repatlas.study.read import check_yaml


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--configfile", type=Path, required=True, help="the study's file")
    parser.add_argument("--cores", default="all", help="number of cores to use, or all")


def run(options: argparse.Namespace) -> None:
    """Print the plan."""
    study = Study(check_yaml(options.configfile), [str(options.configfile)])
    machine = this_machine(study, None if options.cores == "all" else int(options.cores))
    lines = outlook(study, machine, lambda path: Path(path).exists())
    sys.stdout.write("\n".join(lines) + "\n")
