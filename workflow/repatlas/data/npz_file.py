"""Reading an .npz archive without holding its arrays: headers alone, or block after block.

Nothing is unpacked to disk and no pickle is ever opened.
"""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

import numpy as np

from repatlas.errors import DataError

BLOCK_BYTES = 1 << 24
_HEADER_READERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


@dataclass(frozen=True, slots=True)
class ArrayHeader:
    """Shape, element type and memory order of a stored array."""

    shape: tuple[int, ...]
    fortran_order: bool
    dtype: np.dtype


class NpzFile:
    """The arrays in the .npz file at `path`, by name.

    Raises DataError, naming the file, wherever it is missing, no .npz file, or damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.headers: dict[str, ArrayHeader] = {}
        with self._archive() as archive:
            for member in archive.namelist():
                if member.endswith(".npy"):
                    with archive.open(member) as handle:
                        self.headers[member.removesuffix(".npy")] = _read_header(handle)

    def checksums(self) -> dict[str, int]:
        """CRC-32 of each array's bytes, as the archive's directory has them."""
        with self._archive() as archive:
            return {m.filename.removesuffix(".npy"): m.CRC for m in archive.infolist()}

    def array(self, key: str) -> np.ndarray:
        """The whole array `key`, for arrays that are small."""
        header = self.headers[key]
        blocks = list(self.blocks(key))
        return np.concatenate(blocks) if blocks else np.empty(header.shape, header.dtype)

    def blocks(self, key: str) -> Iterator[np.ndarray]:
        """The array `key` as runs of its first axis, each of about 16 MiB.

        An array saved in Fortran order cannot be cut so: it comes as one block.
        """
        header = self.headers[key]
        row = header.dtype.itemsize * int(np.prod(header.shape[1:], dtype=np.int64))
        step = header.shape[0] if header.fortran_order else max(1, BLOCK_BYTES // max(row, 1))
        with self._archive() as archive, archive.open(f"{key}.npy") as handle:
            _read_header(handle)
            for start in range(0, header.shape[0], step):
                n = min(step, header.shape[0] - start)
                data = handle.read(n * row)
                if len(data) < n * row:
                    raise EOFError(f"{key} ends early")
                flat = np.frombuffer(data, dtype=header.dtype)
                order: Literal["C", "F"] = "F" if header.fortran_order else "C"
                yield flat.reshape((n, *header.shape[1:]), order=order)
            # Reading on to the very end is what makes zipfile compare its checksum.
            if handle.read(1):
                raise EOFError(f"{key} is longer than its header says")

    @contextmanager
    def _archive(self) -> Iterator[zipfile.ZipFile]:
        try:
            with zipfile.ZipFile(self.path) as archive:
                yield archive
        except FileNotFoundError:
            raise DataError(
                f"Data set file: {self.path} does not exist (relative paths start at {Path.cwd()})."
            ) from None
        except (DataError, MemoryError):
            raise
        except Exception as error:
            # zipfile, zlib and NumPy's header parser each raise their own kinds on damage.
            raise DataError(
                f"{self.path} cannot be read as an .npz file ({type(error).__name__}: {error}).\n"
                "Save it again with numpy.savez or numpy.savez_compressed."
            ) from error


def _read_header(handle: IO[bytes]) -> ArrayHeader:
    version = np.lib.format.read_magic(handle)
    if version not in _HEADER_READERS:
        raise ValueError(f"array format version {version}")
    return ArrayHeader(*_HEADER_READERS[version](handle))
