"""A user's own folder of images: one folder a class, with train/ and test/ or to be split here."""

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from repatlas.data.content import Content, Description, Part, Shape, check_class_sizes
from repatlas.data.order import split_sizes, stratified_split
from repatlas.errors import ConfigError, DataError

EXTENSIONS = (
    *(".bmp", ".gif", ".jpeg", ".jpg", ".pbm", ".pgm"),
    *(".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp"),
)
BLOCK = 64  # images
TEST_FRACTION = 0.2


@dataclass(frozen=True, slots=True)
class _Listing:
    """Image files as paths relative to the data set's folder, by class, sorted by name.

    `test` is None where train/ and test/ are not given and the images have yet to be split.
    """

    root: Path
    train: dict[str, list[str]]
    test: dict[str, list[str]] | None


def describe(spec: Mapping[str, Any]) -> Description:
    """Shape from the spec, classes and numbers from the listing; no image is opened.

    Raises:
        ConfigError: size, channels or test_fraction is missing or not accepted.
        DataError: no folder, no classes, a class of fewer than two images, folders in a class.
    """
    shape = _shape(spec)
    listing = _list(spec)
    train = [len(files) for files in listing.train.values()]
    if listing.test is not None:
        test = [len(files) for files in listing.test.values()]
        return Description(shape, tuple(listing.train), sum(train), sum(test))
    n_test = sum(split_sizes(train, _test_fraction(spec)))
    return Description(shape, tuple(listing.train), sum(train) - n_test, n_test)


def fingerprint(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Number of images, and a digest of their relative paths and sizes in bytes."""
    listing = _list(spec)
    hasher = hashlib.sha256()
    names = [name for half in (listing.train, listing.test or {}) for name in _flat(half)[0]]
    with _unreadable_is_named():
        for name in names:
            size = os.stat(listing.root / name).st_size
            hasher.update(os.fsencode(name) + b"\0" + str(size).encode() + b"\n")
    return {"images": len(names), "listing": hasher.hexdigest()[:16]}


def read(spec: Mapping[str, Any]) -> Content:
    """The images of the folder, class after class and by name within a class."""
    shape = _shape(spec)
    listing = _list(spec)
    files, labels = _flat(listing.train)
    if listing.test is None:
        seed = spec.get("split_seed", 0)
        train, test = stratified_split(labels, _test_fraction(spec), seed)
        test_files, test_labels = [files[i] for i in test], labels[test]
        files, labels = [files[i] for i in train], labels[train]
    else:
        names = list(listing.train)
        test_files, test_labels = _flat({name: listing.test.get(name, []) for name in names})
    return Content(
        shape=shape,
        classes=tuple(listing.train),
        train=_part(listing.root, files, labels, shape),
        test=_part(listing.root, test_files, test_labels, shape),
    )


def _flat(classes: Mapping[str, Sequence[str]]) -> tuple[list[str], np.ndarray]:
    files = [name for names in classes.values() for name in names]
    labels = np.repeat(np.arange(len(classes)), [len(names) for names in classes.values()])
    return files, labels.astype(np.int64)


def _part(root: Path, files: Sequence[str], labels: np.ndarray, shape: Shape) -> Part:
    def blocks() -> Iterator[np.ndarray]:
        # Imported on call: describing a folder needs no decoder.
        from repatlas.data.images import read_image

        for start in range(0, len(files), BLOCK):
            chunk = files[start : start + BLOCK]
            yield np.stack([read_image(root / name, shape[1:], shape[0]) for name in chunk])

    return Part(labels=labels, blocks=blocks)


def _list(spec: Mapping[str, Any]) -> _Listing:
    if not spec.get("path"):
        raise ConfigError("A data set from a folder needs `path`, the folder that holds it.")
    root = Path(spec["path"]).expanduser()
    with _unreadable_is_named():
        if not root.is_dir():
            found = "is not a folder" if root.exists() else "does not exist"
            raise DataError(
                f"Data set folder: {root} {found} (relative paths start at {Path.cwd()}).\n"
                "Accepted is a folder with one folder of images a class."
            )
        if _subfolders(root / "train") and _subfolders(root / "test"):
            return _given_split(root)
        classes = _classes(root, root)
    check_class_sizes(str(root), list(classes), [len(files) for files in classes.values()])
    return _Listing(root, classes, None)


@contextmanager
def _unreadable_is_named() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(f"{error.filename} cannot be read: {error.strerror}.") from error


def _given_split(root: Path) -> _Listing:
    train, test = _classes(root, root / "train"), _classes(root, root / "test")
    check_class_sizes(str(root / "train"), list(train), [len(f) for f in train.values()])
    unknown = sorted(set(test) - set(train))
    if unknown:
        raise DataError(
            f"{root / 'test'} has classes that {root / 'train'} has not: {', '.join(unknown[:5])}."
        )
    if not any(test.values()):
        raise DataError(f"{root / 'test'} holds no images.")
    return _Listing(root, train, test)


def _classes(root: Path, folder: Path) -> dict[str, list[str]]:
    """The image files of every class folder in `folder`, as paths relative to `root`."""
    classes = {}
    for name in _subfolders(folder):
        inner = _subfolders(folder / name)
        if inner:
            raise DataError(
                f"{folder / name} is taken for a class, but holds the folder {inner[0]!r}.\n"
                f"Accepted is one folder of images a class in {root}, or train/ and test/ with one "
                "folder a class in each."
            )
        relative = (folder / name).relative_to(root).as_posix()
        classes[name] = [f"{relative}/{file}" for file in _image_names(folder / name)]
    return classes


def _subfolders(folder: Path) -> list[str]:
    """Names of the folders in `folder`, hidden ones left out, sorted; none if it is no folder."""
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        return sorted(e.name for e in entries if not e.name.startswith(".") and e.is_dir())


def _image_names(folder: Path) -> list[str]:
    """Names of the image files in `folder`, by extension, hidden ones left out, sorted."""
    with os.scandir(folder) as entries:
        return sorted(
            e.name
            for e in entries
            if not e.name.startswith(".")
            and os.path.splitext(e.name)[1].lower() in EXTENSIONS
            and not e.is_dir()  # a broken link stays in, and is named when it is read
        )


def _shape(spec: Mapping[str, Any]) -> Shape:
    channels, size = spec.get("channels", 3), spec.get("size")
    if channels not in (1, 3):
        raise ConfigError(f"channels: found {channels!r}, accepted is 1 (grey) or 3 (colour).")
    sides = [size, size] if isinstance(size, int) else size
    if (
        not isinstance(sides, list | tuple)
        or len(sides) != 2
        or not all(isinstance(side, int) and side > 0 for side in sides)
    ):
        raise ConfigError(
            f"size: found {size!r}, accepted is one number of pixels or [height, width]."
        )
    return (channels, sides[0], sides[1])


def _test_fraction(spec: Mapping[str, Any]) -> float:
    fraction = spec.get("test_fraction", TEST_FRACTION)
    if not 0 < fraction < 1:
        raise ConfigError(f"test_fraction: found {fraction!r}, accepted is between 0 and 1.")
    return fraction
