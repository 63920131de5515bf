"""Layers on disk: a store of repatlas, or activations that someone else saved with NumPy."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from repatlas.errors import DataError, StoreError
from repatlas.stores import ActivationStore, GramStore, manifest_path, open_store

ACCEPTED = (
    "Accepted are an activation or Gram store (a .zarr folder with its manifest beside it), a "
    "folder of .npy files (one a layer), a folder of .npz files, and an .npz file (one array a "
    "layer), each array of shape (examples, ...)."
)


def load(path: str | os.PathLike) -> Mapping[str, np.ndarray] | ActivationStore | GramStore:
    """The store at `path`, or name -> array of what lies there, names in natural order (layer2
    before layer10). Arrays in .npy files are mapped, not read.

    An array in a folder of .npz files is named file/array. StoreError where nothing is, DataError
    where something else is.
    """
    path = Path(path)
    if manifest_path(path).exists() or path.suffix == ".zarr":
        return open_store(path)
    if not path.exists():
        raise StoreError(f"There is nothing at {path}. {ACCEPTED}")
    if path.is_file() and path.suffix == ".npz":
        return dict(sorted(_archive(path).items(), key=lambda item: _natural(item[0])))
    found: dict[str, np.ndarray] = {}
    if path.is_dir():
        for file in sorted(path.iterdir(), key=lambda file: _natural(file.stem)):
            if file.suffix == ".npy":
                found[file.stem] = _read(file)
            elif file.suffix == ".npz":
                for name in sorted(archive := _archive(file), key=_natural):
                    found[f"{file.stem}/{name}"] = archive[name]
    if not found:
        raise DataError(f"{path} holds no activations that can be read. {ACCEPTED}")
    return found


def _archive(path: Path) -> dict[str, np.ndarray]:
    with _read(path) as archive:
        return {name: archive[name] for name in archive.files}


def _read(path: Path) -> Any:
    """An array of an .npy file, or the archive that an .npz file is."""
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path} cannot be read as NumPy data ({error}). {ACCEPTED}") from error


def _natural(name: str) -> list[tuple[int, int | str]]:
    return [
        (0, int(part)) if part.isdigit() else (1, part) for part in re.split(r"(\d+)", name) if part
    ]
