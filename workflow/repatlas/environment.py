"""The environment in which the workflow's jobs start."""

import os
import sys
from pathlib import Path

from repatlas.gpus import SHARES


def set_up_jobs(library: str) -> None:
    """Let `python -m repatlas` in every job be this library run by this Python.

    A conda environment or container that a job is wrapped in puts its own Python before ours.
    """
    _prepend("PYTHONPATH", library)
    _prepend("PATH", str(Path(sys.executable).parent))


def share_gpus(jobs_per_gpu: int) -> None:
    """Let so many jobs that are started from here use one GPU at a time."""
    os.environ[SHARES] = str(jobs_per_gpu)


def _prepend(variable: str, folder: str) -> None:
    present = os.environ.get(variable, "").split(os.pathsep)
    os.environ[variable] = os.pathsep.join([folder, *(p for p in present if p and p != folder)])
