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
    parser.add_argument(
        "--cores", type=_cores, default="all", help="number of cores to use, or all"
    )


def _cores(text: str) -> int | None:
    """A number of cores; None for all of them."""
    if text == "all":
        return None
    if not (text.isdecimal() and int(text)):
        raise argparse.ArgumentTypeError(f"found {text!r}; accepted are `all` and 1 or more")
    return int(text)


def run(options: argparse.Namespace) -> None:
    """Print the plan."""
    study = Study(check_yaml(options.configfile), [str(options.configfile)])
    machine = this_machine(study, options.cores)
    lines = outlook(study, machine, lambda path: Path(path).exists())
    sys.stdout.write("\n".join(lines) + "\n")
