"""Files that are whole or absent: atomic writes, checksums, and one writer at a time."""

import errno
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import filelock

from repatlas.errors import ResourceError, StoreError

CHUNK = 1 << 20


@contextmanager
def whole_file(path: str | os.PathLike) -> Iterator[Path]:
    """Yield a temporary path beside `path`; move it there when the block ends without error.

    A reader sees the old file or the new one, never a part. ResourceError when the disk is full.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    try:
        with disk_full_is_named(path):
            yield partial
            with open(partial, "rb") as handle:
                os.fsync(handle.fileno())
            os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def disk_full_is_named(path: str | os.PathLike) -> Iterator[None]:
    """Turn 'no space left on device' into a message that says where and what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise ResourceError(
                f"The disk is full while writing {path}.\n"
                "Free some space (results/activations is usually the largest folder, and a study "
                "with `keep_activations: false` needs none of it), then start again: finished work "
                "is kept."
            ) from error
        raise


def write_text(path: str | os.PathLike, text: str) -> None:
    """Write `text` (UTF-8) to `path` in one step."""
    with whole_file(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_json(path: str | os.PathLike, value: Any) -> None:
    """Write `value` as indented JSON with sorted keys, in one step."""
    write_text(path, json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n")


def read_json(path: str | os.PathLike) -> Any:
    """The content of a JSON file; StoreError when it is missing or damaged."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StoreError(f"{path} is missing.") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise StoreError(
            f"{path} is damaged (not JSON: {error}). Delete it and start again."
        ) from error


def sha256_file(path: str | os.PathLike) -> str:
    """Hex SHA-256 of a file's bytes."""
    hasher = hashlib.sha256()
    with open(path, "rb") as handle:
        while block := handle.read(CHUNK):
            hasher.update(block)
    return hasher.hexdigest()


@contextmanager
def sole_writer(path: str | os.PathLike, patience: float = 5.0) -> Iterator[None]:
    """Hold the exclusive lock on whatever is about to be written at `path`.

    The lock is the operating system's and ends with the process, however it ends. A job orphaned by
    a killed driver and its successor therefore never write one artifact together.

    Raises StoreError when another process still holds it after `patience` seconds.
    """
    path = Path(path)
    lock = Path(path.parent, f".{path.name}.lock")
    lock.parent.mkdir(parents=True, exist_ok=True)
    try:
        with filelock.FileLock(lock, timeout=patience):
            yield
    except filelock.Timeout:
        raise StoreError(
            f"Another process is still writing {path} (it holds {lock}).\n"
            "It may be a job left over from a workflow that was killed: wait for it or end it, "
            "then start again."
        ) from None
