"""CIFAR-10, CIFAR-100, MNIST and Fashion-MNIST: found, verified, and read without unpacking.

torchvision supplies addresses, file names, checksums and the download. Every byte that is used has
been compared with those checksums first: pickles are not opened before. Archives are read in
place; nothing in them decides where a file is written.
"""

import gzip
import hashlib
import pickle
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from repatlas.data.content import Content, Part, part_of
from repatlas.data.download import fetch
from repatlas.data.known import KNOWN
from repatlas.errors import DataError
from repatlas.files import CHUNK

TORCHVISION_NAME = {
    "cifar10": "CIFAR10",
    "cifar100": "CIFAR100",
    "mnist": "MNIST",
    "fashion-mnist": "FashionMNIST",
}

# torchvision knows the checksums of the .gz files only; these are of the same files unpacked.
UNPACKED_MD5 = {
    "mnist": {
        "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
        "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
        "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
        "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
    },
    "fashion-mnist": {
        "train-images-idx3-ubyte": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
        "train-labels-idx1-ubyte": "9018921c3c673c538a1fc5bad174d6f9",
        "t10k-images-idx3-ubyte": "8181f5470baa50b63fa0f6fddb340f0a",
        "t10k-labels-idx1-ubyte": "15d484375f8d13e6eb1aabb0c3f46965",
    },
}


def read(source: str, roots: Sequence[Path], download_to: Path | None) -> Content:
    """The data set `source`, from the first place that has it.

    A copy is looked for under each of `roots` and then `download_to`, laid out as torchvision
    leaves it (unpacked or not); it is verified, used as it is, and never written to. Where there is
    none, it is downloaded to `download_to`.

    Raises:
        DataError: a copy is damaged or incomplete, or there is none and none can be downloaded.
    """
    # Imported on call: it takes seconds, and only these four data sets need it.
    import torchvision.datasets

    torchvision_class = getattr(torchvision.datasets, TORCHVISION_NAME[source])
    family = _Cifar if source.startswith("cifar") else _Mnist
    for root in roots:
        place = family(source, torchvision_class, root)
        if place.present():
            return place.content()
    if download_to is None:
        raise DataError(
            f"No copy of {source} was found{_searched(roots)}, and downloading is not allowed.\n"
            f"Put {family.by_hand(torchvision_class)} into a folder that REPATLAS_DATA names."
        )
    place = family(source, torchvision_class, download_to)
    place.complete(
        f"{source} was not found{_searched(roots)}. Without a network, put it there by hand: "
        f"{family.by_hand(torchvision_class)} in {download_to}, or set REPATLAS_DATA to a folder "
        "that has it, then start again."
    )
    return place.content()


def _searched(roots: Sequence[Path]) -> str:
    return f" in {', '.join(str(root) for root in roots)}" if roots else ""


class _Cifar:
    """A copy of CIFAR-10 or CIFAR-100 under one root: the folder of pickles, or the archive."""

    def __init__(self, source: str, torchvision_class: Any, root: Path) -> None:
        self.source = source
        self.set = torchvision_class
        self.folder = root / torchvision_class.base_folder
        self.archive = root / torchvision_class.filename

    @staticmethod
    def by_hand(torchvision_class: Any) -> str:
        return f"the file {torchvision_class.filename} (from {torchvision_class.url})"

    def present(self) -> bool:
        return self.folder.is_dir() or self.archive.is_file()

    def complete(self, otherwise: str) -> None:
        if not self.present():
            fetch(self.archive, [self.set.url], self.set.tgz_md5, otherwise)

    def content(self) -> Content:
        # The file of class names is verified as part of the copy; the names themselves are known.
        batches = {
            name: pickle.loads(data, encoding="latin1")
            for name, data in self._verified_files()
            if name != self.set.meta["filename"]
        }
        train, test = (
            self._part([batches[name] for name, _ in listing])
            for listing in (self.set.train_list, self.set.test_list)
        )
        known = KNOWN[self.source]
        return Content(known.shape, known.classes, train=train, test=test)

    def _part(self, batches: list[dict[str, Any]]) -> Part:
        key = "labels" if self.source == "cifar10" else "fine_labels"
        labels = [label for batch in batches for label in batch[key]]
        return part_of(labels, *(batch["data"].reshape(-1, 3, 32, 32) for batch in batches))

    def _verified_files(self) -> Iterator[tuple[str, bytes]]:
        """Name and bytes of every file of the copy, each compared with its checksum first."""
        meta = (self.set.meta["filename"], self.set.meta["md5"])
        wanted = dict([*self.set.train_list, *self.set.test_list, meta])
        if self.folder.is_dir():
            for name, md5 in wanted.items():
                yield name, _verified_bytes(self.folder / name, md5)
            return
        _verify(self.archive, self.set.tgz_md5)
        members = {f"{self.set.base_folder}/{name}": name for name in wanted}
        # One pass in the archive's own order: going back would unpack it from the start again.
        with tarfile.open(self.archive, "r:gz") as tar:
            for member in tar:
                handle = tar.extractfile(member) if member.isfile() else None
                if handle and member.name in members:
                    name, data = members.pop(member.name), handle.read()
                    if _md5(data) != wanted[name]:
                        raise DataError(f"{self.archive}: {member.name} in it is altered.")
                    yield name, data
        if members:
            raise DataError(f"{self.archive}: {', '.join(members)} missing in it.")


class _Mnist:
    """A copy of MNIST or Fashion-MNIST under one root: four files, each unpacked or as .gz."""

    def __init__(self, source: str, torchvision_class: Any, root: Path) -> None:
        self.source = source
        self.set = torchvision_class
        self.folder = root / torchvision_class.__name__ / "raw"

    @staticmethod
    def by_hand(torchvision_class: Any) -> str:
        names = ", ".join(name for name, _ in torchvision_class.resources)
        return (
            f"the files {names} (from {torchvision_class.mirrors[0]}) under "
            f"{torchvision_class.__name__}/raw/"
        )

    def present(self) -> bool:
        return any(self._has(name) for name, _ in self.set.resources)

    def complete(self, otherwise: str) -> None:
        for name, md5 in self.set.resources:
            if not self._has(name):
                urls = [f"{mirror}{name}" for mirror in self.set.mirrors]
                fetch(self.folder / name, urls, md5, otherwise)

    def content(self) -> Content:
        arrays = [_idx(self._unpacked(name, md5)) for name, md5 in self.set.resources]
        train_images, train_labels, test_images, test_labels = arrays
        known = KNOWN[self.source]
        return Content(
            known.shape,
            known.classes,
            train=part_of(train_labels, train_images[:, None]),
            test=part_of(test_labels, test_images[:, None]),
        )

    def _has(self, name: str) -> bool:
        path = self.folder / name
        return path.is_file() or path.with_suffix("").is_file()

    def _unpacked(self, name: str, md5: str) -> bytes:
        path = self.folder / name
        plain = path.with_suffix("")
        if not path.is_file() and plain.is_file():
            return _verified_bytes(plain, UNPACKED_MD5[self.source][plain.name])
        return gzip.decompress(_verified_bytes(path, md5))


def _idx(data: bytes) -> np.ndarray:
    """The uint8 array in an IDX file: byte 3 counts the dimensions, big-endian sizes follow."""
    dimensions = data[3]
    sizes = np.frombuffer(data, dtype=">u4", count=dimensions, offset=4)
    return np.frombuffer(data, dtype=np.uint8, offset=4 * (1 + dimensions)).reshape(sizes)


def _verified_bytes(path: Path, md5: str) -> bytes:
    """The bytes of `path`, compared with its checksum before anything is made of them."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise DataError(
            f"{path} is missing: the copy of the data set there is incomplete.\n"
            "Complete it, or move the whole copy away to have it downloaded, then start again."
        ) from None
    if _md5(data) != md5:
        raise _damaged(path, md5)
    return data


def _verify(path: Path, md5: str) -> None:
    hasher = hashlib.md5(usedforsecurity=False)
    with open(path, "rb") as handle:
        while block := handle.read(CHUNK):
            hasher.update(block)
    if hasher.hexdigest() != md5:
        raise _damaged(path, md5)


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _damaged(path: Path, md5: str) -> DataError:
    return DataError(
        f"{path} is damaged: its MD5 is not the original's ({md5}).\n"
        "It was left as it is. Replace it by a good copy, or move the copy of the data set away to "
        "have it downloaded, then start again."
    )
