"""Files that are whole or absent, and the checksums that say whether they still are."""

import errno
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from repatlas.errors import ResourceError, StoreError

CHUNK = 1 << 20
CHECKSUM = ".sha256"  # what the name of a file's checksum ends in
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# NumPy and PyTorch keep no error number of a write that came to nothing; these say it in words.
CUT_OFF = ("requested and", "inline_container", "PytorchStreamWriter")


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
    """Turn a write that a full disk, a quota or a limit cut off into a ResourceError that says
    where and what to do."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        number = error.errno if isinstance(error, OSError) else None
        if number in FULL or (number is None and any(said in str(error) for said in CUT_OFF)):
            raise ResourceError(
                f"The disk is full (or a quota is used up) while writing {path}.\n"
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
def checked_file(path: str | os.PathLike) -> Iterator[Path]:
    """As :func:`whole_file`, with the SHA-256 of the new file beside it, in PATH.sha256 (as
    `sha256sum` writes it), for :func:`verified`."""
    path = Path(path)
    with whole_file(path) as partial:
        yield partial
        digest = sha256_file(partial)
    write_text(checksum_path(path), f"{digest}  {path.name}\n")


def checksum_path(path: Path) -> Path:
    """Where the checksum of a file lies that :func:`checked_file` wrote."""
    return path.with_name(path.name + CHECKSUM)


def verified(path: str | os.PathLike) -> Path:
    """`path`, whose content is what :func:`checked_file` wrote; StoreError otherwise."""
    path = Path(path)
    again = f"Delete {path} and start again: the workflow makes it anew."
    if not path.is_file():
        raise StoreError(f"{path} is missing. Start the workflow again to make it.")
    try:
        recorded = checksum_path(path).read_text(encoding="utf-8").split()
    except (FileNotFoundError, UnicodeDecodeError):
        recorded = []
    if not recorded:
        raise StoreError(f"{path} has no checksum ({checksum_path(path).name} beside it).\n{again}")
    if sha256_file(path) != recorded[0]:
        raise StoreError(f"{path} is damaged: its content is not what was written.\n{again}")
    return path
