"""What a source of images hands over: a description first, then labels and blocks of images."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from repatlas.errors import DataError

Shape = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Description:
    """What a data set will be: image shape (C, H, W), class names, numbers of examples."""

    shape: Shape
    classes: tuple[str, ...]
    n_train: int
    n_test: int


@dataclass(frozen=True, slots=True)
class Part:
    """The training or the test half of a data set.

    Attributes:
        labels: class of every example, (n,) int64.
        blocks: starts a new run over the images, in the order of `labels`, as uint8 blocks
            (m, C, H, W) of bounded size.
    """

    labels: np.ndarray
    blocks: Callable[[], Iterator[np.ndarray]]


@dataclass(frozen=True, slots=True)
class Content:
    """A whole data set, its images not yet read."""

    shape: Shape
    classes: tuple[str, ...]
    train: Part
    test: Part


def part_of(labels: Sequence[int] | np.ndarray, *blocks: np.ndarray) -> Part:
    """The part whose images, uint8 (m, C, H, W) each block, are in memory already."""
    return Part(labels=np.asarray(labels, dtype=np.int64), blocks=lambda: iter(blocks))


def check_class_sizes(where: str, classes: Sequence[str], counts: Sequence[int]) -> None:
    """DataError unless there are two classes or more with two examples or more each.

    A class of one example cannot be split, and no fraction of it can be stratified.
    """
    if len(classes) < 2:
        found = f"only the class {classes[0]!r}" if classes else "no classes"
        raise DataError(f"{where} holds {found}. A data set needs at least two classes.")
    small = [(name, n) for name, n in zip(classes, counts, strict=True) if n < 2]
    if small:
        listed = ", ".join(f"{name!r} ({n} image{'' if n == 1 else 's'})" for name, n in small[:5])
        more = f" and {len(small) - 5} more" if len(small) > 5 else ""
        raise DataError(
            f"{where}: too few images in {listed}{more}. Every class needs at least two.\n"
            "Add images to these classes, or take the classes out of the data set."
        )
