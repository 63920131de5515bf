"""SIGKILL of the workflow and of its jobs, at random moments of training, of writing stores and of
writing tiles: after one recovery every result is the uninterrupted study's, byte for byte."""

import json
import os
import random
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import psutil
import pytest

from ..fingerprint import fingerprint
from .conftest import ENVIRONMENT, command, run, write_study

pytestmark = [pytest.mark.faults, pytest.mark.xdist_group("faults")]

PHASES = {"train": "training", "extract": "store writing", "similarity": "tile writing"}
# The file that each of their jobs makes last.
MADE = {
    "train": "results/runs/*/status.json",
    "extract": "results/grams/*.manifest.json",
    "similarity": "results/similarity/*/*.parquet",
}
KILLS = {"job": 7, "driver": 4}  # in each phase: 33 together
SEED = 20240229


class Killer:
    """Starts the workflow in a folder, up to the tiles, again and again, and kills it and its jobs.

    `targets`: the files of all phases; `seconds`: what a job of each phase takes.
    """

    def __init__(self, folder: Path, targets: list[str], seconds: dict[str, float]):
        self.folder, self.targets, self.seconds = folder, targets, seconds
        self.random = random.Random(SEED)
        self.wanted = Counter({(p, t): n for p in PHASES for t, n in KILLS.items()})
        self.done: Counter = Counter()
        self.output: list[str] = []
        self.driver: subprocess.Popen | None = None

    def start(self) -> None:
        """The documented recovery, which also is a first start."""
        run(self.folder, "--unlock")
        log = open(self.folder / "driver.log", "a")  # noqa: SIM115
        self.driver = subprocess.Popen(
            command(self.folder, "--", *self.targets),
            stdout=log,
            stderr=subprocess.STDOUT,
            env=ENVIRONMENT,
        )

    def jobs(self) -> dict[str, list[psutil.Process]]:
        """The running jobs of this folder by sub-command, children of the driver alone."""
        found: dict[str, list[psutil.Process]] = {}
        try:
            children = psutil.Process(self.driver.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return found
        for process in children:
            try:
                words = process.cmdline()
            except psutil.Error:
                continue
            if words[1:3] == ["-m", "repatlas"] and words[3] in PHASES:
                found.setdefault(words[3], []).append(process)
        return found

    def kill_once(self) -> bool:
        """Wait for a job of a phase that is still to be hit, and for a random moment of it; kill
        it, or the driver. False where the workflow ended by itself before."""
        while self.driver.poll() is None:
            phases = [p for p in self.jobs() if self.wanted[p, "job"] or self.wanted[p, "driver"]]
            if not phases:
                time.sleep(0.02)
                continue
            phase = self.random.choice(sorted(phases))
            process = self.random.choice(self.jobs().get(phase) or [None])
            self.wait_for_a_moment(process, phase)
            if process is None or not process.is_running() or self.driver.poll() is not None:
                continue
            target = self.random.choice([t for t in KILLS if self.wanted[phase, t]])
            victim = process.pid if target == "job" else self.driver.pid
            try:
                os.kill(victim, signal.SIGKILL)
            except ProcessLookupError:
                continue
            self.wanted[phase, target] -= 1
            self.done[phase, target] += 1
            if target == "driver":
                self.driver.wait()
                return True
        return False

    def wait_for_a_moment(self, process: psutil.Process | None, phase: str) -> None:
        """Some time within the job's life; every other time within its work, imports being over."""
        if self.random.random() < 0.5:
            time.sleep(self.random.uniform(0, self.seconds[phase]))
            return
        while process is not None and not works(process) and self.driver.poll() is None:
            time.sleep(0.01)
        time.sleep(self.random.uniform(0, 0.3 * self.seconds[phase]))

    def make_room(self) -> None:
        """Remove a result of every phase that is still to be hit and has nothing left to do."""
        for phase, pattern in MADE.items():
            paths = sorted(self.folder.glob(pattern))
            if paths and any(self.wanted[phase, target] for target in KILLS):
                self.random.choice(paths).unlink()

    def spend(self) -> None:
        """Kill until every wanted kill is done."""
        while sum(self.wanted.values()):
            self.start()
            while self.kill_once() and self.driver.poll() is None:
                pass
            if self.driver.poll() is not None and self.driver.returncode >= 0:
                self.make_room()


def works(process: psutil.Process) -> bool:
    """Whether a job holds its lock, or is over."""
    try:
        return any(file.path.endswith(".lock") for file in process.open_files())
    except psutil.Error:
        return True


def test_kills_at_random_moments_lose_nothing(reference, tmp_path, fault):
    seconds = {}
    for phase in PHASES:
        files = (reference / "results/benchmarks" / phase).rglob("*.jsonl")
        times = [json.loads(path.read_text().splitlines()[0])["s"] for path in files]
        seconds[phase] = max(times)
    write_study(tmp_path)
    made = [path for pattern in MADE.values() for path in sorted(reference.glob(pattern))]
    targets = [path.relative_to(reference).as_posix() for path in made]
    killer = Killer(tmp_path, targets, seconds)
    killer.spend()
    for (phase, target), count in killer.done.items():
        who = "the workflow" if target == "driver" else "a job"
        fault(f"SIGKILL of {who} during {PHASES[phase]}", count)
    assert sum(killer.done.values()) >= 30
    run(tmp_path, "--unlock")
    code, output = run(tmp_path)
    assert code == 0, output
    made, expected = fingerprint(tmp_path), fingerprint(reference)
    assert made.keys() == expected.keys()
    assert [name for name in made if made[name] != expected[name]] == []
    said = (tmp_path / "driver.log").read_text()
    assert "unexpected error" not in said
    assert "is damaged" not in said
    assert run(tmp_path)[1].count("Nothing to be done") == 1
