"""The two stores of a network's probe pass: activations, and packed Gram matrices.

Both are Zarr v3 groups in a folder, written by one process, a chunk a probe batch, checksummed
(crc32c), with a manifest written last in a file beside the folder: a store without its manifest
does not exist. The manifest names the network, the probe set, every layer, and a digest of each
array (SHA-256 of its files' paths and checksums). So damage is found when a chunk is read, and
:meth:`verify` also finds a chunk that is missing or another store's.
"""

import shutil
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from repatlas.chunks import (
    ArrayWriter,
    array_digest,
    chunk_name,
    fetch,
    make_group,
    read_chunk,
    read_digest,
)
from repatlas.errors import StoreError
from repatlas.files import disk_full_is_named, read_json, write_json
from repatlas.grams import pairs

FORMAT_VERSION = 2


@dataclass(frozen=True)
class StoredLayer:
    """A tapped layer: name, kind, shape of one example's activation, and the reason why its
    values are undefined ("" where they are not)."""

    name: str
    kind: str
    shape: tuple[int, ...]
    reason: str = ""


def manifest_path(store: Path) -> Path:
    """Where the manifest of the store at `store` lies."""
    return store.with_name(store.name.removesuffix(".zarr") + ".manifest.json")


class StoreWriter:
    """Common part of the two writers: a fresh group, and a manifest at the end.

    `about` is what identifies the content: run, probe hash (and `probe_members`, that of its images
    in any order, which tells other images from another order), batch size, passes, taps.
    """

    kind = ""

    def __init__(self, path: Path, about: dict[str, Any]):
        self.path, self.about = Path(path), about
        self.arrays: dict[str, ArrayWriter] = {}
        manifest_path(self.path).unlink(missing_ok=True)
        shutil.rmtree(self.path, ignore_errors=True)
        with disk_full_is_named(self.path):
            make_group(self.path)

    def _array(self, name: str, shape: tuple[int, ...], chunk: int, dtype: str) -> None:
        with disk_full_is_named(self.path):
            self.arrays[name] = ArrayWriter(self.path / name, shape, chunk, dtype)

    def _write(self, name: str, chunk: int, values: np.ndarray) -> None:
        with disk_full_is_named(self.path):
            self.arrays[name].write(chunk, values)

    def finish(self, layers: Iterable[StoredLayer], status: str = "completed") -> None:
        """Write the manifest; from here on the store exists.

        StoreError where some of it is gone: a workflow that starts after another was killed clears
        away what that one left unfinished, and a job left over from it may still be writing there.
        """
        gone = [f"{name}/{file}" for name, a in self.arrays.items() for file in a.missing()]
        if gone:
            raise StoreError(
                f"{len(gone)} files of the store {self.path} were deleted while it was being "
                f"written ({gone[0]}, for one). Start the workflow again: the store is made anew."
            )
        write_json(
            manifest_path(self.path),
            {
                "format_version": FORMAT_VERSION,
                "kind": self.kind,
                "status": status,
                **self.about,
                "layers": [asdict(layer) for layer in layers],
                "digests": {n: array_digest(a.checksums) for n, a in self.arrays.items()},
            },
        )


class ActivationWriter(StoreWriter):
    """Writes one array (examples, ...) a layer, float32, a chunk a probe batch."""

    kind = "activations"

    def __init__(self, path: Path, about: dict[str, Any], n_examples: int):
        super().__init__(path, about)
        self.n_examples = n_examples

    def write(self, index: int, start: int, values: np.ndarray) -> None:
        """Store `values` (examples, ...) of layer number `index`: whole probe batches from example
        `start` on, or the last ones."""
        name, batch_size = f"{index:04d}", self.about["batch_size"]
        if start % batch_size:
            raise ValueError(f"example {start} begins no batch of {batch_size}")
        if name not in self.arrays:
            shape = (self.n_examples, *values.shape[1:])
            self._array(name, shape, batch_size, "float32")
        for offset in range(0, len(values), batch_size):
            chunk = (start + offset) // batch_size
            self._write(name, chunk, values[offset : offset + batch_size])


class GramWriter(StoreWriter):
    """Writes `grams` (batch, layer, pair) float32, the packed U-centred Gram matrices, and
    `diagonals` (batch, layer, example) float64, from which the doubly centred ones are exact."""

    kind = "grams"

    def __init__(self, path: Path, about: dict[str, Any], n_batches: int, n_layers: int):
        super().__init__(path, about)
        shape, size = (n_batches, n_layers), about["batch_size"]
        self._array("grams", (*shape, pairs(size)), 1, "float32")
        self._array("diagonals", (*shape, size), 1, "float64")

    def write(self, batch: int, packed: np.ndarray, diagonals: np.ndarray) -> None:
        """Store the Grams of all layers for one probe batch."""
        self._write("grams", batch, packed[None])
        self._write("diagonals", batch, diagonals[None])


class _Store:
    kind = ""

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.manifest = read_manifest(self.path, self.kind)
        self.layers = [
            StoredLayer(item["name"], item["kind"], tuple(item["shape"]), item["reason"])
            for item in self.manifest["layers"]
        ]
        self.run: str = self.manifest["run"]
        self.probe: str = self.manifest["probe"]
        self.probe_members: str | None = self.manifest.get("probe_members")
        self.batch_size: int = self.manifest["batch_size"]
        self.passes: int = self.manifest["passes"]
        self.status: str = self.manifest["status"]

    def _read(
        self,
        name: str,
        chunk: tuple[int, int],
        shape: tuple[int, ...],
        dtype: str = "float32",
        out: np.ndarray | None = None,
    ) -> np.ndarray:
        """The numbers of a chunk, in `shape`; in `out`, C-ordered, if it is such an array. `chunk`:
        its number, and the number of the array's axes."""
        if out is not None and (out.shape != shape or out.dtype != dtype):
            out = None
        try:
            return read_chunk(self.path / name / chunk_name(*chunk), shape, dtype, out)
        except (OSError, ValueError) as error:
            raise self._damaged(name, error) from error

    def _damaged(self, name: str, error: Exception) -> StoreError:
        return StoreError(
            f"Array {name} of the store {self.path} is damaged ({error}).\n"
            f"Delete {manifest_path(self.path)} and start again: the store is rebuilt from the "
            "network's checkpoint."
        )

    def verify(self) -> None:
        """Read every array and compare it with the manifest's digest; StoreError names what
        differs."""
        for name, digest in self.manifest["digests"].items():
            try:
                found = read_digest(self.path / name)
            except (OSError, ValueError) as error:
                raise self._damaged(name, error) from error
            if found != digest:
                raise self._damaged(name, ValueError("its digest is not the manifest's"))


class ActivationStore(_Store):
    """Activations of one network on one probe set."""

    kind = "activations"

    @property
    def n_examples(self) -> int:
        """Probe examples stored."""
        return self.manifest["n_examples"]

    def read(self, index: int) -> np.ndarray:
        """All activations of layer number `index`, shape (examples, ...), float32."""
        return self._rows(index, 0, self.n_examples)

    def read_batch(self, index: int, batch: int) -> np.ndarray:
        """Activations of layer number `index` in probe batch `batch`, shape (batch size, ...)."""
        start = batch * self.batch_size
        return self._rows(index, start, min(start + self.batch_size, self.n_examples))

    def _rows(self, index: int, start: int, stop: int) -> np.ndarray:
        """The examples from `start`, which begins a batch, to `stop`."""
        size, shape = self.batch_size, self.layers[index].shape
        rows = np.empty((max(0, stop - start), *shape), dtype=np.float32)
        for first in range(start, stop, size):
            part = rows[first - start : first - start + size]
            chunk = first // size, 1 + len(shape)
            found = self._read(f"{index:04d}", chunk, (size, *shape), out=part)
            if found is not part:  # the last chunk of an array, filled up
                part[:] = found[: len(part)]
        return rows


class GramStore(_Store):
    """Packed Gram matrices of one network on one probe set."""

    kind = "grams"

    @property
    def n_batches(self) -> int:
        """Batches stored, over all passes."""
        return self.manifest["n_batches"]

    def batch(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Packed Grams (layers, pairs) float32 and diagonals (layers, batch size) float64."""
        shape = len(self.layers), self.batch_size
        return self.packed(index), self._read("diagonals", (index, 3), shape, "float64")

    def announce(self, index: int) -> None:
        """Have the system fetch a batch's packed Grams from disk, without waiting for them."""
        fetch(self.path / "grams" / chunk_name(index, 3))

    def packed(self, index: int, out: np.ndarray | None = None) -> np.ndarray:
        """The packed Grams of a batch alone, float32 (layers, pairs); in `out`, C-ordered, if it is
        such an array."""
        shape = len(self.layers), pairs(self.batch_size)
        return self._read("grams", (index, 3), shape, out=out)


def open_store(path: str | Path) -> ActivationStore | GramStore:
    """The store at `path`, of whichever kind its manifest says."""
    kind = read_manifest(Path(path)).get("kind")
    return ActivationStore(path) if kind == "activations" else GramStore(path)


def read_manifest(path: Path, kind: str = "") -> dict[str, Any]:
    """A store's manifest; StoreError when it is missing, of another kind, or of another format."""
    where = manifest_path(path)
    if not where.exists():
        raise StoreError(
            f"The store {path} is missing or was never finished (no {where.name} beside it). "
            "Start the workflow again to make it."
        )
    manifest = read_json(where)
    if manifest.get("format_version") != FORMAT_VERSION:
        raise StoreError(
            f"{where} has format {manifest.get('format_version')}; this version of repatlas reads "
            f"format {FORMAT_VERSION}. Delete it and start again: the store is rebuilt."
        )
    if kind and manifest["kind"] != kind:
        raise StoreError(f"{path} holds {manifest['kind']}, wanted are {kind}.")
    return manifest
