"""A prepared data set: the files of its folder, and reading them back verified."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from repatlas.data.content import Shape
from repatlas.data.record import read_record
from repatlas.errors import DataError
from repatlas.files import sha256_file

MANIFEST = "manifest.json"
IMAGE_FILES = ("train_images.npy", "test_images.npy")
INDEX_FILES = ("train_labels.npy", "test_labels.npy", "train_order.npy", "test_order.npy")


@dataclass(frozen=True, slots=True)
class Dataset:
    """A prepared data set.

    Attributes:
        spec: what it was made from, without the place where the user keeps it.
        shape: (C, H, W) of every image.
        classes: name of every class; a label is an index into it.
        train_images, test_images: uint8 (N, C, H, W), memory-mapped read-only.
        train_labels, test_labels: int64 (N,).
        train_order, test_order: int64 (N,), stratified orders (`order.stratified_order`).
        checksum: SHA-256 of the manifest's content, which holds that of every file.
    """

    spec: Mapping[str, Any]
    shape: Shape
    classes: tuple[str, ...]
    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    train_order: np.ndarray
    test_order: np.ndarray
    checksum: str


def load(folder: str | Path, verify: bool = True) -> Dataset:
    """The data set in `folder`.

    Args:
        verify: compare the SHA-256 of every file with the manifest before using it.

    Raises:
        DataError: the folder is incomplete, of another format version, or a file was altered.
    """
    folder = Path(folder)
    remake = f"Delete the folder {folder} and start again: it will be made anew."
    manifest = read_record(folder / MANIFEST, remake)
    for name, entry in manifest["files"].items():
        path = folder / name
        if not path.is_file():
            raise DataError(f"{path} is missing.\n{remake}")
        if path.stat().st_size != entry["bytes"] or (
            verify and sha256_file(path) != entry["sha256"]
        ):
            raise DataError(f"{path} is damaged: its content is not what was written.\n{remake}")
    arrays = {name: np.load(folder / name, mmap_mode="r") for name in IMAGE_FILES}
    arrays |= {name: np.load(folder / name) for name in INDEX_FILES}
    return Dataset(
        spec=manifest["spec"],
        shape=tuple(manifest["shape"]),
        classes=tuple(manifest["classes"]),
        checksum=manifest["checksum"],
        **{name.removesuffix(".npy"): array for name, array in arrays.items()},
    )
