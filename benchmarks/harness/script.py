"""The command line of a benchmark: parts in processes of their own, a table, JSON and a figure."""

import argparse
import importlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from harness import report

PUBLISHED = Path(__file__).resolve().parents[2] / "results" / "published" / "benchmarks"
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class Job(NamedTuple):
    """A part of a case: where its function stands, with how many threads, and for how many rounds
    unless told otherwise."""

    case: int
    name: str
    title: str
    function: str
    threads: int
    rounds: int


@dataclass(frozen=True)
class Script:
    """A benchmark: the script's `path`, what it says of itself, its jobs, the package of their
    functions, which also holds FULL and SMALL sizes in its module `sizes`, and of what the ratios
    of its figure are."""

    path: Path
    about: str
    jobs: Sequence[Job]
    package: str
    ratio_of: str = "times"

    @property
    def name(self) -> str:
        """What its JSON and its figure are called."""
        return self.path.stem

    def main(self) -> None:
        """Run what the command line names."""
        options = self._options()
        if options.worker:
            self.work(options.worker, options.rounds, options.small, options.output)
            return
        output = options.output or (None if options.small else PUBLISHED)
        parts = []
        for job in self.jobs:
            if options.case in (None, job.case) and options.part in (None, job.name):
                record = self.run_alone(job, options.rounds, options.small)
                parts.append(report.part_of(job.name, record))
                print(report.table(parts[-1:]), flush=True)
        if output is not None:
            self.save(parts, output)

    def _options(self) -> argparse.Namespace:
        parser = argparse.ArgumentParser(description=self.about)
        cases = sorted({job.case for job in self.jobs})
        only = parser.add_mutually_exclusive_group()
        only.add_argument("--case", type=int, choices=cases, help="only this case")
        names = [job.name for job in self.jobs]
        only.add_argument("--part", choices=names, help="only this part of one")
        parser.add_argument("--rounds", type=int, help="rounds (default: each part its own)")
        parser.add_argument("--small", action="store_true", help="tiny sizes: does everything run?")
        parser.add_argument(
            "--output", type=Path, help="folder for JSON and figure (--small: none unless given)"
        )
        parser.add_argument("--worker", help=argparse.SUPPRESS)
        return parser.parse_args()

    def run_alone(self, job: Job, rounds: int | None, small: bool) -> dict:
        """The job's record, made in a process with the job's number of threads."""
        with tempfile.TemporaryDirectory() as folder:
            record = Path(folder, "record.json")
            command = [sys.executable, str(self.path), "--worker", job.name]
            command += ["--output", str(record), "--rounds", str(rounds or job.rounds)]
            command += ["--small"] * small
            environment = os.environ | dict.fromkeys(THREADS, str(job.threads))
            subprocess.run(command, check=True, env=environment | {"TQDM_DISABLE": "1"})
            return json.loads(record.read_text())

    def work(self, name: str, rounds: int, small: bool, record: Path) -> None:
        """Run one job here, and write its record."""
        sizes = importlib.import_module(f"{self.package}.sizes")
        job = next(job for job in self.jobs if job.name == name)
        module, function = job.function.split(".")
        run = getattr(importlib.import_module(f"{self.package}.{module}"), function)
        load = round(os.getloadavg()[0], 1)
        outcome = run(sizes.SMALL if small else sizes.FULL, rounds, job.threads)
        part = report.Part(
            job.name, job.title, job.threads, outcome.lines, outcome.seconds, load, report.made()
        )
        record.write_text(json.dumps(part.as_record()))

    def save(self, parts: Sequence[report.Part], output: Path) -> None:
        """Write JSON and figure; parts that were not run now keep their last record."""
        path = output / f"{self.name}.json"
        names = [job.name for job in self.jobs]
        ordered = report.with_last(parts, path, names, report.part_of)
        report.save(ordered, output, self.name, self.ratio_of)
        print(f"\n{path} and {self.name}.png written.")
