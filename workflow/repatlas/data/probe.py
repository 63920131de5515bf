"""The probe set: the test images that every network is shown, in one fixed order."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from repatlas.data.dataset import Dataset, load
from repatlas.data.order import permutation
from repatlas.data.record import read_record, write_record
from repatlas.errors import ConfigError, DataError

HASH_LENGTH = 16


@dataclass(frozen=True, slots=True)
class Probe:
    """A probe set in its order.

    Attributes:
        indices: which test images, (n,) int64.
        images: uint8 (n, C, H, W).
        labels: int64 (n,).
        hash: what every store made on this probe set carries, 16 hex digits.
    """

    indices: np.ndarray
    images: np.ndarray
    labels: np.ndarray
    hash: str

    def members(self) -> str:
        """What the same images with the same labels carry in any order, 16 hex digits."""
        pairs = zip(self.images, self.labels, strict=True)
        each = sorted(_content_hash(image, label) for image, label in pairs)
        return hashlib.sha256("".join(each).encode()).hexdigest()[:HASH_LENGTH]


def make_probe(dataset_folder: str | Path, size: int | None, path: str | Path) -> None:
    """Write the probe set of `size` test images (None: all of them) of a data set to `path` (JSON).

    The first `size` images of the stratified test order, then shuffled once, because batches in
    stratified order would have the classes more evenly than chance. One data set and size give one
    probe set.

    Raises:
        ConfigError: `size` is below 1.
        DataError: the data set has fewer test images, or is damaged.
    """
    dataset = load(dataset_folder)
    available = len(dataset.test_order)
    size = available if size is None else size
    if size < 1:
        raise ConfigError(f"Probe set size: found {size}, accepted is 1 or more.")
    if size > available:
        raise DataError(
            f"A probe set of {size} images was asked of {dataset_folder}, which has {available} "
            f"test images. Ask for {available} or fewer, or leave the size out to take them all."
        )
    indices = dataset.test_order[:size][permutation(size, "probe")]
    record = {
        "dataset": dataset.checksum,
        "size": size,
        "hash": _content_hash(dataset.test_images[indices], dataset.test_labels[indices]),
        "indices": indices.tolist(),
    }
    write_record(Path(path), record)


def load_probe(path: str | Path, dataset: Dataset) -> Probe:
    """The probe set at `path`, its images and labels taken from `dataset` and verified.

    Raises:
        DataError: the file is damaged, was made from another data set, or the images differ.
    """
    remake = f"Delete {path} and start again: it will be made anew."
    record = read_record(Path(path), remake)
    if record["dataset"] != dataset.checksum:
        raise DataError(f"{path} was made from another data set.\n{remake}")
    indices = np.array(record["indices"], dtype=np.int64)
    images, labels = dataset.test_images[indices], dataset.test_labels[indices]
    if _content_hash(images, labels) != record["hash"]:
        raise DataError(f"The images of the probe set {path} have changed.\n{remake}")
    return Probe(indices=indices, images=images, labels=labels, hash=record["hash"])


def _content_hash(images: np.ndarray, labels: np.ndarray) -> str:
    """The first 16 hex digits of the SHA-256 over the ordered image bytes and labels (int64 LE)."""
    hasher = hashlib.sha256(np.ascontiguousarray(images).tobytes())
    hasher.update(np.ascontiguousarray(labels, dtype="<i8").tobytes())
    return hasher.hexdigest()[:HASH_LENGTH]
