"""One writer at a time: jobs that would write the same thing wait for each other."""

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock
import psutil

from repatlas.errors import StoreError

log = logging.getLogger(__name__)

PAUSE = 0.2  # seconds between two attempts


@contextmanager
def sole_writer(
    path: str | os.PathLike, purpose: str = "", patience: float | None = None
) -> Iterator[None]:
    """Hold the exclusive lock on whatever is about to be written at `path`.

    The lock is the operating system's and ends with the process, however it ends: a job orphaned by
    a killed workflow and its successor never write one artifact together. The successor waits until
    the orphan is done, or for `patience` seconds. An orphan does not wait: the next start of its
    workflow does the same, and must not find its results replaced later.

    `purpose` tells jobs apart that each write something of their own in the folder `path`.

    Raises StoreError when the lock is not to be had.
    """
    path = Path(path)
    lock = Path(path.parent, ".".join(["", path.name, *filter(None, [purpose]), "lock"]))
    lock.parent.mkdir(parents=True, exist_ok=True)
    handle = filelock.FileLock(lock)
    began = time.monotonic()
    waiting = False
    while True:
        try:
            handle.acquire(timeout=0)
            break
        except filelock.Timeout:
            pass
        if not waiting:
            log.info(
                "waiting for another process that is writing %s (it holds %s); it may be a job "
                "left over from a workflow that was killed",
                path,
                lock,
            )
            waiting = True
        if patience is not None and time.monotonic() - began > patience:
            raise StoreError(
                f"Another process is still writing {path} (it holds {lock}).\n"
                "It may be a job left over from a workflow that was killed: wait for it or end it, "
                "then start again."
            )
        if orphaned():
            raise StoreError(
                f"Another process is writing {path} (it holds {lock}), and the workflow that "
                "started this job has ended.\nStart the workflow again: it goes on from what is "
                "there."
            )
        time.sleep(PAUSE)
    try:
        yield
    finally:
        # Whoever opened the file before it goes finds it without a name, and tries again.
        lock.unlink(missing_ok=True)
        handle.release()


def orphaned() -> bool:
    """Whether the workflow that started this process, or what lies between the two, has ended since
    this module was imported. Never so of a process that was started by hand."""
    return not all(_is_alive(process) for process in _STARTED_BY)


def _is_alive(process: psutil.Process) -> bool:
    """Whether a process runs: one that was killed stays visible until its parent takes note."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _started_by() -> list[psutil.Process]:
    """The processes from the one above this up to Snakemake's, the outermost where Snakemake
    started itself again. What lies above it may end: a workflow outlives its terminal."""
    parents = psutil.Process().parents()
    found = [number for number, process in enumerate(parents, 1) if _is_snakemake(process)]
    return parents[: max(found, default=0)]


def _is_snakemake(process: psutil.Process) -> bool:
    """Whether a process is Snakemake itself, not one that started it, as `time snakemake`."""
    try:
        names = [Path(word).name for word in process.cmdline()]
    except psutil.Error:
        return False  # ended meanwhile, or another user's
    runs_it = names[1:2] == ["snakemake"] or names[1:3] == ["-m", "snakemake"]
    return runs_it and names[0].startswith("python")


_STARTED_BY = _started_by()
