"""Which examples a network learns from, with which labels, and which it is tested on."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from repatlas.data.dataset import Dataset
from repatlas.data.order import random_bits
from repatlas.errors import ConfigError, DataError


class Examples(NamedTuple):
    """images: uint8 (n, C, H, W); labels: int64 (n,)."""

    images: np.ndarray
    labels: np.ndarray


def training_examples(spec: Mapping[str, Any], dataset: Dataset) -> Examples:
    """What the network of `spec` learns from: its fraction of the training images in the stratified
    order (every prefix is class-balanced), with the labels that it is given."""
    data = spec["data"]
    chosen = subset(dataset, data["fraction"])
    labels = randomise_labels(
        np.asarray(dataset.train_labels)[chosen],
        data.get("random_labels", 0),
        len(dataset.classes),
        data.get("label_seed", 0),
    )
    return Examples(np.asarray(dataset.train_images[chosen]), labels)


def evaluation_examples(spec: Mapping[str, Any], dataset: Dataset) -> Examples:
    """What the accuracy of the network of `spec` is of: the test set, or training images outside
    its fraction where the spec says `held_out`."""
    data = spec["data"]
    if data["evaluate_on"] == "held_out":
        chosen = held_out(dataset, data["fraction"])
        return Examples(dataset.train_images[chosen], dataset.train_labels[chosen])
    return Examples(dataset.test_images, dataset.test_labels)


def subset(dataset: Dataset, fraction: float) -> np.ndarray:
    """Indices of the given fraction of the training images, stratified and nested, int64.

    The first round(fraction * N) examples of the data set's training order; fraction in (0, 1].

    Raises:
        ConfigError: the fraction is outside (0, 1].
        DataError: not one example is left.
    """
    size = _size(dataset, fraction)
    if size == 0:
        raise DataError(
            f"A training fraction of {fraction:g} leaves none of the "
            f"{len(dataset.train_order)} training images. Choose a larger fraction."
        )
    return dataset.train_order[:size]


def held_out(dataset: Dataset, fraction: float, limit: int = 10_000) -> np.ndarray:
    """Indices of training images outside the given fraction, at most `limit`, stratified, int64.

    They are the end of the training order, so that several small fractions share one held-out set.

    Raises:
        ConfigError: the fraction is outside (0, 1], or `limit` is below 1.
        DataError: no training image lies outside the fraction.
    """
    if limit < 1:
        raise ConfigError(f"Held-out images: found a limit of {limit}, accepted is 1 or more.")
    size, n = _size(dataset, fraction), len(dataset.train_order)
    if size == n:
        raise DataError(
            f"No training image is left outside the fraction {fraction:g} of {n}.\n"
            "Choose a smaller fraction where a held-out set is needed."
        )
    return dataset.train_order[max(size, n - limit) :]


def _size(dataset: Dataset, fraction: float) -> int:
    if not 0 < fraction <= 1:
        raise ConfigError(f"Training fraction: found {fraction!r}, accepted is 0 < fraction <= 1.")
    return round(fraction * len(dataset.train_order))


def randomise_labels(labels: np.ndarray, share: float, n_classes: int, seed: int) -> np.ndarray:
    """Labels of which a share is replaced by uniformly drawn ones ("partially corrupted labels").

    round(share * n) examples are chosen at random and each gets one of all `n_classes` labels, so
    one in `n_classes` of them keeps its own by chance. With one seed the examples of a smaller
    share are among those of a larger one and get the same labels in both. Source: Zhang, Bengio,
    Hardt, Recht & Vinyals, ICLR 2017, section 2.1, with the number of examples fixed rather than
    binomial.

    Args:
        labels: (n,) int64, left as they are.
        share: between 0 and 1.

    Returns:
        New labels, (n,) int64.
    """
    if not 0 <= share <= 1:
        raise ConfigError(f"Share of random labels: found {share!r}, accepted is 0 to 1.")
    n = len(labels)
    # The bits order the examples; other bits choose their labels (their bias is below 2**-50).
    chosen = np.argsort(random_bits(n, "random labels: which", seed), kind="stable")
    drawn = (random_bits(n, "random labels: what", seed) % np.uint64(n_classes)).astype(np.int64)
    chosen = chosen[: round(share * n)]
    result = np.array(labels, dtype=np.int64)
    result[chosen] = drawn[chosen]
    return result
