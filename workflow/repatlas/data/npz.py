"""A user's own .npz file of images and labels, split already or to be split here.

Keys: x_train, y_train, x_test, y_test, or x and y; and, if wished, `classes`, the class names.
Images: uint8, or floating point in [0, 1], as (N, H, W, C), (N, C, H, W) or (N, H, W) with C 1 or
3. Labels: integers 0, 1, ... as (N,) or (N, 1). Other arrays in the file are left alone.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from repatlas.data.content import Content, Description, Part, Shape, check_class_sizes
from repatlas.data.npz_file import ArrayHeader, NpzFile
from repatlas.data.order import split_sizes, stratified_split
from repatlas.errors import ConfigError, DataError

GIVEN_SPLIT = (("x_train", "y_train"), ("x_test", "y_test"))
POOLED = (("x", "y"),)
KEYS = (*(key for pair in (*GIVEN_SPLIT, *POOLED) for key in pair), "classes")
TEST_FRACTION = 0.2
CHANNELS = (1, 3)


class Source(Protocol):
    """Arrays by name: those of an .npz file, or others. `path` is what messages call it."""

    path: Path
    headers: dict[str, ArrayHeader]

    def array(self, key: str) -> np.ndarray:
        """The whole array `key`."""

    def blocks(self, key: str) -> Iterator[np.ndarray]:
        """The array `key` as runs of its first axis."""


@dataclass(frozen=True, slots=True)
class _Arrays:
    """What the source holds: the keys of its images, their labels, and what both agree on."""

    file: Source
    keys: tuple[str, ...]
    labels: tuple[np.ndarray, ...]
    shape: Shape
    classes: tuple[str, ...]


def describe(spec: Mapping[str, Any]) -> Description:
    """What the file is, see `describe_source`.

    Raises:
        ConfigError: path or test_fraction is missing or not accepted.
        DataError: the file is missing or damaged, or keys, shapes, types or values do not fit.
    """
    return describe_source(NpzFile(_path(spec)), spec)


def describe_source(source: Source, spec: Mapping[str, Any]) -> Description:
    """Shape from the arrays' headers, classes and numbers from the labels.

    Of floating-point images the first block is read too: that they range over 0..255 shows there.

    Raises:
        ConfigError: path or test_fraction is missing or not accepted.
        DataError: the file is missing or damaged, or keys, shapes, types or values do not fit.
    """
    arrays = _examine(source)
    for key in arrays.keys:
        if arrays.file.headers[key].dtype.kind == "f":
            _bytes_of(next(arrays.file.blocks(key)), arrays.file.path, key)
    if len(arrays.keys) == 2:
        n_train, n_test = (len(labels) for labels in arrays.labels)
    else:
        counts = np.bincount(arrays.labels[0]).tolist()
        n_test = sum(split_sizes(counts, _test_fraction(spec)))
        n_train = sum(counts) - n_test
    return Description(arrays.shape, arrays.classes, n_train, n_test)


def fingerprint(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The checksum of each array that counts, from the file's directory: no array is read."""
    found = NpzFile(_path(spec)).checksums()
    return {"crc32": {key: found[key] for key in KEYS if key in found}}


def read(spec: Mapping[str, Any]) -> Content:
    """The images in the file."""
    return read_source(NpzFile(_path(spec)), spec)


def read_source(source: Source, spec: Mapping[str, Any]) -> Content:
    """The images in the order of the file; floating-point values become round(v * 255)."""
    arrays = _examine(source)
    if len(arrays.keys) == 2:
        train, test = (_part(arrays, i, np.arange(len(arrays.labels[i]))) for i in (0, 1))
    else:
        seed = spec.get("split_seed", 0)
        halves = stratified_split(arrays.labels[0], _test_fraction(spec), seed)
        train, test = (_part(arrays, 0, rows) for rows in halves)
    return Content(arrays.shape, arrays.classes, train=train, test=test)


def _part(arrays: _Arrays, which: int, rows: np.ndarray) -> Part:
    """The given rows, ascending, of one pair of images and labels."""
    key, file = arrays.keys[which], arrays.file

    def blocks() -> Iterator[np.ndarray]:
        start = 0
        for block in file.blocks(key):
            first, last = np.searchsorted(rows, (start, start + len(block)))
            pixels = _bytes_of(block[rows[first:last] - start], file.path, key)
            yield _channels_first(pixels, arrays.shape)
            start += len(block)

    return Part(labels=arrays.labels[which][rows], blocks=blocks)


def _examine(file: Source) -> _Arrays:
    pairs = _pairs(file)
    shapes = {x: _image_shape(file, x) for x, _ in pairs}
    labels = tuple(_labels(file, x, y) for x, y in pairs)
    shape = shapes[pairs[0][0]]
    if len(set(shapes.values())) > 1:
        raise DataError(
            f"{file.path}: images of different shapes (C, H, W): "
            + ", ".join(f"{key} {found}" for key, found in shapes.items())
        )
    classes = _classes(file, labels)
    counts = np.bincount(labels[0], minlength=len(classes)).tolist()
    check_class_sizes(f"{file.path} ({pairs[0][1]})", classes, counts)
    return _Arrays(file, tuple(shapes), labels, shape, classes)


def _pairs(file: Source) -> tuple[tuple[str, str], ...]:
    given = [key for pair in GIVEN_SPLIT for key in pair]
    pooled = [key for pair in POOLED for key in pair]
    has_given = all(key in file.headers for key in given)
    has_pooled = all(key in file.headers for key in pooled)
    if has_given == has_pooled:
        found = ", ".join(sorted(file.headers)) or "no arrays"
        raise DataError(
            f"{file.path}: found {found}. Accepted is either {', '.join(given)}, or "
            f"{' and '.join(pooled)}."
        )
    return GIVEN_SPLIT if has_given else POOLED


def _image_shape(file: Source, key: str) -> Shape:
    header = file.headers[key]
    if header.dtype != np.uint8 and header.dtype.kind != "f":
        raise DataError(
            f"{file.path}: {key} is of type {header.dtype}. Accepted are uint8 (0 to 255) and "
            "floating point (0 to 1)."
        )
    shape = header.shape
    if len(shape) == 3 and min(shape) > 0:
        return (1, shape[1], shape[2])
    if len(shape) == 4 and min(shape) > 0:
        first, last = shape[1] in CHANNELS, shape[3] in CHANNELS
        if first != last:
            return (shape[1], *shape[2:]) if first else (shape[3], *shape[1:3])
    raise DataError(
        f"{file.path}: {key} has the shape {shape}. Accepted are (N, H, W, C), (N, C, H, W) and "
        "(N, H, W), where C is 1 or 3 and, so that the two can be told apart, H and W are neither."
    )


def _labels(file: Source, x: str, y: str) -> np.ndarray:
    header, n = file.headers[y], file.headers[x].shape[0]
    if header.dtype.kind not in "iu" or header.shape not in ((n,), (n, 1)):
        raise DataError(
            f"{file.path}: {y} is of type {header.dtype} and shape {header.shape}. Accepted are "
            f"integers of shape ({n},), one for each image in {x}."
        )
    labels = file.array(y).reshape(n)
    low, high = int(labels.min()), int(labels.max())
    # More classes than examples cannot be; it also keeps a stray label from filling the memory.
    if low < 0 or high >= n:
        raise DataError(
            f"{file.path}: {y} ranges from {low} to {high}. Accepted are the classes' numbers "
            "0, 1, 2, ... without gaps."
        )
    return labels.astype(np.int64)


def _classes(file: Source, labels: tuple[np.ndarray, ...]) -> tuple[str, ...]:
    needed = max(int(part.max()) for part in labels) + 1
    if "classes" not in file.headers:
        return tuple(str(label) for label in range(needed))
    header = file.headers["classes"]
    if header.dtype.kind != "U" or len(header.shape) != 1 or header.shape[0] < needed:
        raise DataError(
            f"{file.path}: classes is of type {header.dtype} and shape {header.shape}. Accepted is "
            f"a list of text, one name for each of the {needed} classes."
        )
    return tuple(str(name) for name in file.array("classes"))


def _bytes_of(block: np.ndarray, path: Path, key: str) -> np.ndarray:
    """`block` as uint8; DataError when floating-point values are outside [0, 1]."""
    if block.dtype == np.uint8 or block.size == 0:
        return block.astype(np.uint8, copy=False)
    low, high = float(block.min()), float(block.max())
    if not (low >= 0 and high <= 1):
        raise DataError(
            f"{path}: {key} holds values from {low:g} to {high:g}. Accepted are floating-point "
            "values from 0 to 1, or uint8 from 0 to 255."
        )
    return np.rint(block.astype(np.float64) * 255).astype(np.uint8)


def _channels_first(pixels: np.ndarray, shape: Shape) -> np.ndarray:
    if pixels.ndim == 4 and pixels.shape[1:] != shape:
        return pixels.transpose(0, 3, 1, 2)
    return pixels.reshape((len(pixels), *shape))


def _path(spec: Mapping[str, Any]) -> Path:
    if not spec.get("path"):
        raise ConfigError("A data set from an .npz file needs `path`, the file.")
    return Path(spec["path"]).expanduser()


def _test_fraction(spec: Mapping[str, Any]) -> float:
    fraction = spec.get("test_fraction", TEST_FRACTION)
    if not 0 < fraction < 1:
        raise ConfigError(f"test_fraction: found {fraction!r}, accepted is between 0 and 1.")
    return fraction
