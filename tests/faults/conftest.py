"""Faults injected into the real workflow, and their count at the end.

The study of these tests is small enough to be killed thirty times within minutes. All of them are
marked `faults`, which leaves them out of `make test`; `pytest -m faults tests/faults` runs them.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from ..starting import snakemake

ROOT = Path(__file__).resolve().parents[2]
STUDY = {
    "study": "faults",
    "grid": {"dataset": "digits", "fraction": 0.5, "depth": 8, "width": [0.5, 1], "seed": [0, 1]},
    "model": {"bn_momentum": 0.1},
    "training": {
        "epochs": 8,
        "batch_size": 32,
        "learning_rate": 0.1,
        "crop_padding": 1,
        "flip": False,
    },
    "probe": {"size": 512, "batch_size": 64},
    "comparisons": {"across_architectures": "all"},
    "analyses": ["linear_probes", "predictions"],
    "device": "cpu",
}


def command(folder: Path, *arguments: str, cores: int = 2) -> list[str]:
    """A start of the workflow as config/RECOVERY.md gives it."""
    where = ("--directory", folder, "--configfile", folder / "study.yaml")
    return snakemake(*where, *arguments, cores=cores)


# Training that is killed goes on from a checkpoint of half a second ago instead of a minute ago.
ENVIRONMENT = {**os.environ, "REPATLAS_RESUME_SECONDS": "0.5"}


def run(folder: Path, *arguments: str, cores: int = 2) -> tuple[int, str]:
    """Start the workflow and wait for it: exit code and output."""
    done = subprocess.run(
        command(folder, *arguments, cores=cores),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=ENVIRONMENT,
        timeout=1800,
        check=False,
    )
    return done.returncode, done.stdout


def repatlas(folder: Path, *arguments: str) -> tuple[int, str]:
    """A sub-command of repatlas in `folder`: exit code and output."""
    done = subprocess.run(
        [sys.executable, "-m", "repatlas", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=folder,
        env={**ENVIRONMENT, "PYTHONPATH": str(ROOT / "workflow")},
        timeout=600,
        check=False,
    )
    return done.returncode, done.stdout


def write_study(folder: Path, **changes) -> None:
    """The study's file in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "study.yaml").write_text(yaml.safe_dump({**STUDY, **changes}))


def flip(path: Path, place: float = 0.5) -> None:
    """Change one bit of the file, at that share of its length."""
    content = bytearray(path.read_bytes())
    content[min(int(place * len(content)), len(content) - 1)] ^= 1
    path.write_bytes(content)


@pytest.fixture(scope="session")
def reference(tmp_path_factory):
    """Folder of the study, run without a fault."""
    folder = tmp_path_factory.mktemp("reference")
    write_study(folder)
    code, output = run(folder)
    assert code == 0, output
    return folder


@pytest.fixture
def fault(record_property):
    """Count faults of a kind that the test injects; they survive if it passes."""
    return lambda kind, count=1: record_property("fault", (kind, count))


def pytest_terminal_summary(terminalreporter):
    """Faults injected, survived and lost, by kind."""
    counts: dict[str, list[int]] = {}
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, []):
            for name, value in getattr(report, "user_properties", []):
                if name == "fault" and report.when == "call":
                    kind, count = value
                    entry = counts.setdefault(kind, [0, 0])
                    entry[outcome == "failed"] += count
    if not counts:
        return
    terminalreporter.section("faults")
    rows = [(kind, *entry) for kind, entry in sorted(counts.items())]
    rows.append(("all", sum(r[1] for r in rows), sum(r[2] for r in rows)))
    for kind, survived, lost in rows:
        text = f"{kind}: {survived + lost} injected, {survived} survived, {lost} lost"
        terminalreporter.write_line(text)
