"""Arrays of a Zarr v3 group as the stores keep them: one chunk a step along the first axis.

Written by the specification (https://zarr-specs.readthedocs.io), so that every Zarr reads them. The
zarr package would take twice as long to write them, ten times as long to read a Gram matrix, and
would have to read all of a store again, perhaps tens of gigabytes, to know its digests.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np
from numcodecs.blosc import NOSHUFFLE, Blosc

from repatlas.files import CHUNK, sha256_file

CHECKSUM = 4  # bytes of a crc32c
METADATA = "zarr.json"


class ArrayWriter:
    """Writes one array (steps, ...) of float32 or float64 in the folder `path`, in chunks of
    `chunk` steps: compressed without loss if `compress`, and with a checksum.

    `digests`: the hex SHA-256 of the files written so far, by their paths in the folder.
    """

    def __init__(
        self, path: Path, shape: tuple[int, ...], chunk: int, dtype: str, compress: bool = False
    ):
        self.path, self.chunk_shape = path, (chunk, *shape[1:])
        self.dtype = np.dtype(dtype).newbyteorder("<")
        # Cheap; half of a ReLU layer is zeros, whose runs shuffling the bytes would break up.
        self.blosc = Blosc("lz4", 1, NOSHUFFLE, typesize=self.dtype.itemsize) if compress else None
        self.digests: dict[str, str] = {}
        path.mkdir()
        metadata = self._metadata(shape, dtype)
        self._write_file(METADATA, json.dumps(metadata, indent=2).encode())

    def write(self, number: int, values: np.ndarray) -> None:
        """Write chunk `number`; a short last one is filled up with zeros."""
        if len(values) < self.chunk_shape[0]:
            whole = np.zeros(self.chunk_shape, dtype=self.dtype)
            whole[: len(values)] = values
            values = whole
        values = np.ascontiguousarray(values, dtype=self.dtype)
        if values.shape != self.chunk_shape:
            raise ValueError(f"a chunk of shape {values.shape} is none of {self.chunk_shape}")
        content = values if self.blosc is None else self.blosc.encode(values)
        self._write_file(chunk_name(number, len(self.chunk_shape)), content, checksum(content))

    def _write_file(self, name: str, *parts: Any) -> None:
        hasher = hashlib.sha256()
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        with open(file, "wb", buffering=0) as handle:
            for part in parts:
                view = memoryview(part).cast("B")
                hasher.update(view)
                while view:
                    view = view[handle.write(view) :]
        self.digests[name] = hasher.hexdigest()

    def _metadata(self, shape: tuple[int, ...], dtype: str) -> dict[str, Any]:
        codecs: list[dict[str, Any]] = [{"name": "bytes", "configuration": {"endian": "little"}}]
        if self.blosc is not None:
            settings = {"cname": "lz4", "clevel": 1, "shuffle": "noshuffle", "blocksize": 0}
            settings["typesize"] = self.dtype.itemsize
            codecs.append({"name": "blosc", "configuration": settings})
        chunks = {"name": "regular", "configuration": {"chunk_shape": self.chunk_shape}}
        return {
            "zarr_format": 3,
            "node_type": "array",
            "shape": shape,
            "data_type": dtype,
            "chunk_grid": chunks,
            "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
            "fill_value": 0.0,
            "codecs": [*codecs, {"name": "crc32c"}],
            "attributes": {},
        }


def make_group(path: Path) -> None:
    """An empty group in the new folder `path`."""
    path.mkdir(parents=True)
    content = {"zarr_format": 3, "node_type": "group", "attributes": {}}
    (path / METADATA).write_text(json.dumps(content, indent=2))


def chunk_name(number: int, axes: int) -> str:
    """The path, in an array's folder, of chunk `number` along the first of its axes."""
    return "/".join(["c", str(number), *["0"] * (axes - 1)])


def checksum(content: Any) -> bytes:
    """The crc32c of `content` as it is stored."""
    return google_crc32c.value(content).to_bytes(CHECKSUM, "little")


def read_chunk(file: Path, shape: tuple[int, ...], out: np.ndarray | None = None) -> np.ndarray:
    """The float32 numbers of an uncompressed chunk, in `out` (C order, of that `shape`) if given.

    FileNotFoundError without the file; ValueError where it is damaged.
    """
    values = np.empty(shape, dtype="<f4") if out is None else out
    missing = values.reshape(-1).view(np.uint8).data
    with open(file, "rb", buffering=0) as handle:
        while missing and (count := handle.readinto(missing)):
            missing = missing[count:]
        rest = handle.read(CHECKSUM + 1)
    if missing or len(rest) != CHECKSUM:
        raise ValueError(f"a chunk of shape {shape} is too short or too long")
    if checksum(values) != rest:
        raise ValueError("a chunk's checksum does not match")
    return values


def array_digest(files: Mapping[str, str]) -> str:
    """One hex SHA-256 for an array, from its files' by their paths."""
    lines = [f"{name} {digest}\n" for name, digest in sorted(files.items())]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def read_digests(store: Path) -> dict[str, str]:
    """The digest of each array of a store, from its files."""
    return {
        array.name: array_digest({f.relative_to(array).as_posix(): sha256_file(f) for f in files})
        for array, files in _files(store).items()
    }


def read_digests_of_content(store: Path) -> dict[str, str]:
    """The digests as the first stores have them: of all paths and contents in a row."""
    digests = {}
    for array, files in _files(store).items():
        hasher = hashlib.sha256()
        for file in files:
            hasher.update(str(file.relative_to(array)).encode())
            with open(file, "rb") as handle:
                while block := handle.read(CHUNK):
                    hasher.update(block)
        digests[array.name] = hasher.hexdigest()
    return digests


def _files(store: Path) -> dict[Path, list[Path]]:
    """The files of each array, in the order of their paths."""
    arrays = sorted(p for p in store.iterdir() if p.is_dir())
    return {array: sorted(p for p in array.rglob("*") if p.is_file()) for array in arrays}
