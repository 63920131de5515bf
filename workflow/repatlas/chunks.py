"""Arrays of a Zarr v3 group as the stores keep them: one chunk a step along the first axis.

Written by the specification (https://zarr-specs.readthedocs.io), so that every Zarr reads them. The
zarr package would copy the numbers twice to write them, take ten times as long to read a Gram
matrix, and would have to read all of a store again, perhaps tens of gigabytes, to know its digests.

Nothing is compressed: it would save a tenth of the disk for all layers of a ResNet and a third for
its ReLU layers, and cost as much time as the network's forward pass.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np

from repatlas.files import CHUNK

CHECKSUM = 4  # bytes of a crc32c
METADATA = "zarr.json"
UNLIKE = "a chunk's checksum does not match"
BLOCK = 1 << 19  # bytes brought in order, summed and written at a time: they stay in cache


class ArrayWriter:
    """Writes one array (steps, ...) of float32 or float64 in the folder `path`, in chunks of
    `chunk` steps, each with a checksum.

    `checksums`: the crc32c of the content of the files written so far, by their paths in the
    folder; that of a chunk without the checksum that ends it.
    """

    def __init__(self, path: Path, shape: tuple[int, ...], chunk: int, dtype: str):
        self.path, self.chunk_shape = path, (chunk, *shape[1:])
        self.dtype = np.dtype(dtype).newbyteorder("<")
        self.checksums: dict[str, int] = {}
        path.mkdir()
        metadata = json.dumps(self._metadata(shape, dtype), indent=2).encode()
        (path / METADATA).write_bytes(metadata)
        self.checksums[METADATA] = google_crc32c.value(metadata)
        self._lengths = {METADATA: len(metadata)}

    def write(self, number: int, values: np.ndarray) -> None:
        """Write chunk `number` from `values` (steps, ...) in any memory order; a short last one is
        filled up with zeros."""
        chunk, *rest = self.chunk_shape
        if list(values.shape[1:]) != rest or len(values) > chunk:
            raise ValueError(f"a chunk of shape {values.shape} is none of {self.chunk_shape}")
        name = chunk_name(number, len(self.chunk_shape))
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        checksum = 0
        with open(file, "wb", buffering=0) as handle:
            for block in self._blocks(values):
                checksum = google_crc32c.extend(checksum, block)
                _write(handle, block.data)
            _write(handle, checksum.to_bytes(CHECKSUM, "little"))
            self._lengths[name] = handle.tell()
        self.checksums[name] = checksum

    def missing(self) -> list[str]:
        """The files written so far that are no longer there, or not as long as they were."""
        return [name for name, long in self._lengths.items() if _length(self.path / name) != long]

    def _blocks(self, values: np.ndarray) -> Iterator[np.ndarray]:
        """The bytes of a chunk, block by block; a block is good until the next one."""
        if values.flags.c_contiguous and values.dtype == self.dtype:
            content = values.reshape(-1).view(np.uint8)
            for start in range(0, len(content), BLOCK):
                yield content[start : start + BLOCK]
        else:
            step = self.dtype.itemsize * int(np.prod(values.shape[1:]))
            steps = max(1, BLOCK // max(1, step))
            room = np.empty((min(steps, len(values)), *values.shape[1:]), dtype=self.dtype)
            for start in range(0, len(values), steps):
                part = values[start : start + steps]
                np.copyto(room[: len(part)], part)
                yield room[: len(part)].reshape(-1).view(np.uint8)
        missing = int(np.prod(self.chunk_shape)) * self.dtype.itemsize
        missing -= values.size * self.dtype.itemsize
        for start in range(0, missing, BLOCK):
            yield np.zeros(min(BLOCK, missing - start), dtype=np.uint8)

    def _metadata(self, shape: tuple[int, ...], dtype: str) -> dict[str, Any]:
        chunks = {"name": "regular", "configuration": {"chunk_shape": self.chunk_shape}}
        return {
            "zarr_format": 3,
            "node_type": "array",
            "shape": shape,
            "data_type": dtype,
            "chunk_grid": chunks,
            "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
            "fill_value": 0.0,
            "codecs": [
                {"name": "bytes", "configuration": {"endian": "little"}},
                {"name": "crc32c"},
            ],
            "attributes": {},
        }


def _length(file: Path) -> int | None:
    """Bytes of a file; None where there is none."""
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return None


def _write(handle: Any, content: bytes | memoryview) -> None:
    """Write all of `content`, of which a raw file may take a part only."""
    view = memoryview(content)
    while view:
        view = view[handle.write(view) :]


def make_group(path: Path) -> None:
    """An empty group in the new folder `path`."""
    path.mkdir(parents=True)
    content = {"zarr_format": 3, "node_type": "group", "attributes": {}}
    (path / METADATA).write_text(json.dumps(content, indent=2))


def chunk_name(number: int, axes: int) -> str:
    """The path, in an array's folder, of chunk `number` along the first of its axes."""
    return "/".join(["c", str(number), *["0"] * (axes - 1)])


def read_chunk(
    file: Path, shape: tuple[int, ...], dtype: str = "float32", out: np.ndarray | None = None
) -> np.ndarray:
    """The numbers of a chunk, in `out` (C order, of that `shape` and `dtype`) if given.

    FileNotFoundError without the file; ValueError where it is damaged.
    """
    values = np.empty(shape, dtype=np.dtype(dtype).newbyteorder("<")) if out is None else out
    missing = values.reshape(-1).view(np.uint8).data
    with open(file, "rb", buffering=0) as handle:
        while missing and (count := handle.readinto(missing)):
            missing = missing[count:]
        rest = handle.read(CHECKSUM + 1)
    if missing or len(rest) != CHECKSUM:
        raise ValueError(f"a chunk of shape {shape} is too short or too long")
    if google_crc32c.value(values) != int.from_bytes(rest, "little"):
        raise ValueError(UNLIKE)
    return values


def fetch(file: Path) -> None:
    """Ask the system, where it can be asked, to read a file into its page cache, without waiting.
    A file that cannot be opened is left for whoever reads it to complain about."""
    if hasattr(os, "posix_fadvise"):
        with suppress(OSError), open(file, "rb", buffering=0) as handle:
            os.posix_fadvise(handle.fileno(), 0, 0, os.POSIX_FADV_WILLNEED)


def array_digest(checksums: Mapping[str, int]) -> str:
    """One hex SHA-256 for an array, of its files' paths and checksums."""
    lines = [f"{name} {checksum:08x}\n" for name, checksum in sorted(checksums.items())]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def read_digest(array: Path) -> str:
    """The digest of the array in folder `array`, from its files. ValueError where a chunk is not
    what its checksum says."""
    files = {f.relative_to(array).as_posix(): f for f in array.rglob("*") if f.is_file()}
    return array_digest({name: _file_checksum(file) for name, file in files.items()})


def _file_checksum(file: Path) -> int:
    """The crc32c of a file's content, in a chunk without the checksum that ends it."""
    left = file.stat().st_size - (CHECKSUM if file.name != METADATA else 0)
    checksum = 0
    with open(file, "rb") as handle:
        while left > 0 and (block := handle.read(min(CHUNK, left))):
            checksum = google_crc32c.extend(checksum, block)
            left -= len(block)
        rest = handle.read()
    if file.name != METADATA and rest != checksum.to_bytes(CHECKSUM, "little"):
        raise ValueError(f"{UNLIKE}: {file}")
    return checksum
