"""CIFAR-10 as torchvision holds it, and as repatlas does."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from repatlas.data.dataset import Dataset
from torch.utils.data import Dataset as TorchDataset

from training_cases.sizes import Sizes

DOWNLOADS = Path(__file__).resolve().parents[2] / "results" / "downloads"
TEST = 10_000  # as CIFAR-10 has


class Pictures(TorchDataset):
    """Random images behind the interface of torchvision's CIFAR10, for tests."""

    def __init__(self, n: int, side: int):
        generator = np.random.default_rng(0)
        self.data = generator.integers(256, size=(n, side, side, 3), dtype=np.uint8)
        self.targets = generator.integers(10, size=n).tolist()
        self.transform: Callable | None = None

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        picture = Image.fromarray(self.data[index])
        return (self.transform(picture) if self.transform else picture), self.targets[index]


def pictures(sizes: Sizes, n: int) -> TorchDataset:
    """The first `n` training images with their labels, as PIL pictures."""
    if not sizes.real:
        return Pictures(n, sizes.side)
    from torchvision.datasets import CIFAR10

    root = os.environ.get("REPATLAS_DATA")
    found = CIFAR10(root or str(DOWNLOADS), train=True, download=not root)
    found.data, found.targets = found.data[:n], found.targets[:n]
    return found


def arrays(source: TorchDataset) -> Dataset:
    """The same images as a prepared data set of repatlas; the first of them are the test set."""
    images = np.ascontiguousarray(source.data.transpose(0, 3, 1, 2))
    labels, order = np.array(source.targets), np.arange(len(images))
    # Copies, so that the training images go when a training has taken what it wants of them.
    test = images[:TEST].copy()
    return Dataset(
        spec={"source": "cifar10"},
        shape=images.shape[1:],
        classes=tuple(map(str, range(10))),
        train_images=images,
        train_labels=labels,
        test_images=test,
        test_labels=labels[:TEST].copy(),
        train_order=order,
        test_order=order[:TEST].copy(),
        checksum="",
    )
