"""A GPU for each job: which one, and who has it.

Snakemake counts GPUs but never says which, so jobs that start together would all take the first
one. Here a job takes a lock on a GPU, or on a share of one, and sees no other; the lock is the
operating system's and ends with the job, however it ends.
"""

import ctypes
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

from repatlas.errors import StoreError
from repatlas.locks import orphaned

log = logging.getLogger(__name__)

VISIBLE = "CUDA_VISIBLE_DEVICES"
SHARES = "REPATLAS_JOBS_PER_GPU"  # how many jobs may use one GPU at a time
LOOK_EVERY = 1.0  # seconds between looks for a free GPU
USED = ["nvidia-smi", "--query-gpu=index,uuid,memory.used", "--format=csv,noheader,nounits"]


def count_gpus() -> int:
    """Number of GPUs that CUDA shows to this process, counted by another one.

    Once a process has started CUDA it is too late to choose what it sees.
    """
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return 0  # no driver, no need to ask further
    command = "from repatlas.hardware import cuda_devices; print(cuda_devices())"
    done = subprocess.run(
        [sys.executable, "-c", command], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        log.warning("The GPUs of this machine cannot be counted: %s", done.stderr.strip())
        return 0
    return int(done.stdout)


def visible_gpus(count: Callable[[], int] = count_gpus) -> list[str]:
    """The GPUs this process may use, as CUDA_VISIBLE_DEVICES names them: numbers or identifiers."""
    number = count()
    if VISIBLE in os.environ:
        return [name.strip() for name in os.environ[VISIBLE].split(",")][:number]
    return [str(index) for index in range(number)]


@contextmanager
def own_gpu(
    device: str | None, gpus: Callable[[], list[str]] = visible_gpus, folder: Path | None = None
) -> Iterator[float]:
    """Hold a GPU, or one of its shares, while the block runs; yields the seconds waited for it.

    `device` is what the job was told: `auto` and `cuda` leave the choice, and where there is a GPU
    the block finds CUDA_VISIBLE_DEVICES set to the one it has. With `cuda:N` it is that one, by the
    number that it has for this process. Jobs of one user on one machine meet in `folder`, by
    default one under the temporary folder. What others do on a GPU shows in its memory alone:
    of free ones that of which least is used is taken.

    StoreError where the workflow that started this job ends while it waits.
    """
    kind, _, number = (device or "").partition(":")
    names = gpus() if kind in ("auto", "cuda") else []
    if number:
        names = names[int(number) : int(number) + 1]
    if not names:
        yield 0.0
        return
    shares = max(1, int(os.environ.get(SHARES, "1")))
    folder = folder or _meeting_place()
    folder.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    name, lock = _take(names, shares, folder)
    waited = time.monotonic() - began
    log.debug("GPU %s, after %.1f s of waiting", name, waited)
    before = os.environ.get(VISIBLE)
    if not number:
        os.environ[VISIBLE] = name
    try:
        yield waited
    finally:
        lock.release()
        if before is None:
            os.environ.pop(VISIBLE, None)
        else:
            os.environ[VISIBLE] = before


def _take(names: list[str], shares: int, folder: Path) -> tuple[str, filelock.FileLock]:
    """The first free share, those of idle GPUs first; waits for one as long as it takes."""
    said, names = False, _least_used_first(names)
    while True:
        for share in range(shares):
            for name in names:
                lock = filelock.FileLock(folder / f"{name.replace('/', '_')}-{share}.lock")
                try:
                    lock.acquire(blocking=False)
                except filelock.Timeout:
                    continue
                return name, lock
        if not said:
            log.info("Waiting for a GPU: %d, each with %d jobs, are taken", len(names), shares)
            said = True
        if orphaned():
            raise StoreError(
                "All GPUs are taken, and the workflow that started this job has ended.\n"
                "Start the workflow again: it goes on from what is there."
            )
        time.sleep(LOOK_EVERY)


def _least_used_first(names: list[str]) -> list[str]:
    """`names` by the memory that is used on each; in their order where nobody can tell."""
    if len(names) == 1:
        return names
    try:
        done = subprocess.run(USED, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return names
    lines = [[part.strip() for part in line.split(",")] for line in done.stdout.splitlines()]
    rows = [row for row in lines if len(row) == 3 and row[2].isdecimal()]

    def used(name: str) -> int:
        # A number, or as much of the identifier as tells it from others.
        return next((int(mib) for n, uid, mib in rows if n == name or uid.startswith(name)), 0)

    return sorted(names, key=used)


def _meeting_place() -> Path:
    # Jobs of SLURM are given GPUs of their own, which each of them may see as number 0; only
    # processes of the same job share.
    job = os.environ.get("SLURM_JOB_ID", "")
    who = f"{os.getuid()}-slurm{job}" if job else str(os.getuid())
    return Path(tempfile.gettempdir(), f"repatlas-gpus-{who}")
