"""What a study cost: one row a job, from Snakemake's benchmark files and what jobs say of GPUs."""

import argparse
from pathlib import Path

from repatlas.analysis.cost import cost_table
from repatlas.analysis.writing import write_csv
from repatlas.files import read_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--grid", type=Path, required=True, help="grid.json of the study")
    parser.add_argument("--benchmarks", type=Path, required=True, help="folder of benchmark files")
    parser.add_argument("--logs", type=Path, required=True, help="folder of log files")
    parser.add_argument("--runs", type=Path, required=True, help="folder of the networks")
    parser.add_argument("--output", type=Path, required=True, help="table to write")


def run(options: argparse.Namespace) -> None:
    """Make the table."""
    jobs = read_json(options.grid)["jobs"]
    table = cost_table(options.benchmarks, options.logs, options.runs, jobs)
    write_csv(table, options.output)
