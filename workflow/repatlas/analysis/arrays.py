"""Artifacts that hold arrays: one .npz file a network, whole or absent."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from repatlas.errors import StoreError
from repatlas.files import checked_file, verified


def write_arrays(path: Path, arrays: Mapping[str, Any]) -> None:
    """Write arrays, numbers and texts by name, and the checksum of the file beside it."""
    with checked_file(path) as partial, open(partial, "wb") as handle:
        np.savez(handle, **arrays)


def read_arrays(path: str | Path) -> dict[str, np.ndarray]:
    """What :func:`write_arrays` wrote; StoreError when it is missing or damaged."""
    try:
        with np.load(verified(path), allow_pickle=False) as arrays:
            return dict(arrays)
    except StoreError:
        raise
    except Exception as error:  # a damaged zip file raises many kinds
        raise StoreError(f"{path} is damaged ({error}). Delete it and start again.") from error
