"""How fast and how large: repatlas.similarity beside other libraries and the machine's limit.

    python benchmarks/similarity.py [--case N | --part NAME] [--rounds K] [--small]

Prints a table; writes similarity.json and similarity.png to results/published/benchmarks, where
the other parts' last results stay if --case or --part names some. See benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
PUBLISHED = HERE.parent / "results" / "published" / "benchmarks"


class Job(NamedTuple):
    """A part of a case: where its function stands, with how many threads, and for how many rounds
    unless told otherwise."""

    case: int
    name: str
    title: str
    function: str
    threads: int
    rounds: int


JOBS = (
    Job(1, "within-1", "1 One network with itself", "within.run", 1, 9),
    Job(1, "within-2", "1 One network with itself", "within.run", 2, 11),
    Job(2, "few", "2 All pairs of 6 networks", "many.run_few", 1, 7),
    Job(2, "many", "2 All pairs of 20 networks", "many.run_many", 1, 7),
    Job(2, "most", "2 All pairs of 100 networks", "growing.run_most", 1, 7),
    Job(2, "one-more", "2 One more network", "growing.run_one_more", 1, 7),
    Job(3, "extraction", "3 Extraction", "extraction.run", 1, 7),
    Job(4, "memory", "4 Peak memory of extraction", "memory.run", 2, 1),
    Job(5, "exact-peers", "5 All examples at once", "exact.run_peers", 1, 7),
    Job(5, "exact-large", "5 Exact CKA of 10,000 examples", "exact.run_large", 1, 3),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--case", type=int, choices=range(1, 6), help="only this case")
    only.add_argument("--part", choices=[job.name for job in JOBS], help="only this part of one")
    parser.add_argument("--rounds", type=int, help="rounds of each part (default: 3 to 11)")
    parser.add_argument("--small", action="store_true", help="tiny sizes, to see that all works")
    parser.add_argument(
        "--output", type=Path, help="folder for JSON and figure (--small: none unless given)"
    )
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work(options.worker, options.rounds, options.small, options.output)
        return
    output = options.output or (None if options.small else PUBLISHED)
    from similarity_cases import report

    parts = []
    for job in JOBS:
        if options.case in (None, job.case) and options.part in (None, job.name):
            part = report.part_of(job.name, run_alone(job, options.rounds, options.small))
            parts.append(part)
            print(report.table([part]), flush=True)
    if output is not None:
        save(parts, output, report)


def run_alone(job: Job, rounds: int | None, small: bool) -> dict:
    """The job's record, made in a process with the job's number of threads."""
    count = str(job.threads)
    libraries = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    with tempfile.TemporaryDirectory() as folder:
        record = Path(folder, "record.json")
        command = [sys.executable, __file__, "--worker", job.name, "--output", str(record)]
        command += ["--rounds", str(rounds or job.rounds)] + ["--small"] * small
        environment = os.environ | dict.fromkeys(libraries, count) | {"TQDM_DISABLE": "1"}
        subprocess.run(command, check=True, env=environment)
        return json.loads(record.read_text())


def work(name: str, rounds: int, small: bool, record: Path) -> None:
    """Run one job here, and write its record."""
    from similarity_cases.sizes import FULL, SMALL

    job = next(job for job in JOBS if job.name == name)
    module, function = job.function.split(".")
    run = getattr(importlib.import_module(f"similarity_cases.{module}"), function)
    load = round(os.getloadavg()[0], 1)
    outcome = run(SMALL if small else FULL, rounds, job.threads)
    from similarity_cases.report import Part

    part = Part(job.name, job.title, job.threads, outcome.lines, outcome.seconds, load)
    record.write_text(json.dumps(part.as_record()))


def save(parts: list, output: Path, report: object) -> None:
    """Write JSON and figure; parts that were not run now keep their last record."""
    path = output / "similarity.json"
    known = json.loads(path.read_text())["parts"] if path.exists() else {}
    found = {name: report.part_of(name, record) for name, record in known.items()}
    found |= {part.name: part for part in parts}
    ordered = [found[job.name] for job in JOBS if job.name in found]
    report.save(ordered, report.machine(), output)
    print(f"\n{path} and similarity.png written.")


if __name__ == "__main__":
    main()
