"""The images of a network's experiments: those that it learned from, and those that test it."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from repatlas.data.dataset import Dataset
from repatlas.data.selection import held_out, randomise_labels, subset
from repatlas.training.batches import as_input
from repatlas.training.evaluate import BATCH


class Examples(NamedTuple):
    """images: uint8 (n, C, H, W); labels: int64 (n,)."""

    images: np.ndarray
    labels: np.ndarray

    def batches(self, device: torch.device, size: int = BATCH) -> Iterator[tuple[slice, Tensor]]:
        """Consecutive (place, images), float32 in [0, 1] on `device`; the last may be short."""
        for start in range(0, len(self.labels), size):
            place = slice(start, min(start + size, len(self.labels)))
            yield place, as_input(self.images[place], device)


def training_examples(spec: Mapping, dataset: Dataset) -> Examples:
    """The images that the network of `spec` was trained on, not augmented, in the stratified order
    (every prefix is class-balanced), with the labels that it was given."""
    data = spec["data"]
    chosen = subset(dataset, data["fraction"])
    labels = randomise_labels(
        np.asarray(dataset.train_labels)[chosen],
        data.get("random_labels", 0),
        len(dataset.classes),
        data.get("label_seed", 0),
    )
    return Examples(np.asarray(dataset.train_images[chosen]), labels)


def evaluation_examples(spec: Mapping, dataset: Dataset) -> Examples:
    """The images behind the network's reported accuracy: the test set, or training images outside
    its fraction where its spec says `held_out`."""
    data = spec["data"]
    if data["evaluate_on"] == "held_out":
        chosen = held_out(dataset, data["fraction"])
        return Examples(np.asarray(dataset.train_images[chosen]), dataset.train_labels[chosen])
    return Examples(dataset.test_images, dataset.test_labels)
