"""A data set that a function of the user's own gives, as arrays named as in an .npz file."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from repatlas.data import npz
from repatlas.data.content import Content, Description
from repatlas.data.npz_file import BLOCK_BYTES, ArrayHeader
from repatlas.errors import DataError
from repatlas.own import load, told


class Arrays:
    """Arrays in memory, by name, read as those of an .npz file are; `name` is their function's."""

    def __init__(self, arrays: Mapping[str, np.ndarray], name: str) -> None:
        self.path = Path(name)
        self._arrays = {key: np.asarray(value) for key, value in arrays.items()}
        self.headers = {k: ArrayHeader(v.shape, False, v.dtype) for k, v in self._arrays.items()}

    def array(self, key: str) -> np.ndarray:
        """The whole array `key`."""
        return self._arrays[key]

    def blocks(self, key: str) -> Iterator[np.ndarray]:
        """The array `key` as runs of its first axis, each of about 16 MiB."""
        array = self._arrays[key]
        step = max(1, BLOCK_BYTES // max(array[:1].nbytes, 1))
        yield from (array[start : start + step] for start in range(0, len(array), step))


def describe(spec: Mapping[str, Any]) -> Description:
    """What the data set is, found by making its arrays. ConfigError and DataError as `read`."""
    return npz.describe_source(_arrays(spec), spec)


def read(spec: Mapping[str, Any]) -> Content:
    """The images that `spec["source"]` gives, called with the spec's arguments.

    ConfigError where there is no such function, DataError where it fails or gives anything but
    arrays that make a data set (see `repatlas.data.npz`).
    """
    return npz.read_source(_arrays(spec), spec)


def _arrays(spec: Mapping[str, Any]) -> Arrays:
    name = spec["source"]
    make = load(name)
    try:
        found = make(**dict(spec.get("arguments", [])))
    except Exception as error:
        raise DataError(f"{name} cannot make its data set: {told(error)}") from error
    if not isinstance(found, Mapping):
        raise DataError(
            f"{name} gives {type(found).__name__}; a mapping from names to arrays is expected: "
            "x_train, y_train, x_test, y_test, or x and y, and if wished classes"
        )
    return Arrays(found, name)
