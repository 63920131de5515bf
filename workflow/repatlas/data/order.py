"""Orders of examples: seeded permutations, and orders whose every prefix is class-balanced.

All of them are derived from SHA-256 and the raw bits of PCG64, both of which are fixed for good;
the distributions of `numpy.random.Generator` may change between NumPy releases (NEP 19).
"""

import hashlib
from collections.abc import Sequence

import numpy as np


def random_bits(n: int, *key: str | int) -> np.ndarray:
    """`n` independent uniform 64-bit integers (n,) that depend on `key` alone."""
    text = "\x1f".join(str(part) for part in key)
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest(), "big")
    return np.random.PCG64(seed).random_raw(n)


def permutation(n: int, *key: str | int) -> np.ndarray:
    """A uniformly drawn permutation of 0..n-1 (n,) int64 that depends on `n` and `key` alone."""
    return np.argsort(random_bits(n, *key), kind="stable").astype(np.int64)


def stratified_order(labels: np.ndarray, *key: str | int) -> np.ndarray:
    """An order of all examples in which the prefix of every length is class-balanced.

    The example of rank r (a seeded permutation within its class) among the n_c of class c gets the
    key (r + u_c) / n_c, where the offsets u_c = (c + 1/2) / C spread the C classes evenly; examples
    are taken by rising key. With classes of one size any two classes differ by at most one example
    in every prefix. In general class c is off its share m n_c / N of a prefix of m examples by at
    most 1 + C n_c / 2N.

    Args:
        labels: class of every example, (n,) integers.
        key: what the draw within the classes depends on.

    Returns:
        Indices into `labels`, (n,) int64.
    """
    labels = np.asarray(labels)
    _, classes, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    shuffled = permutation(len(labels), *key)
    grouped = shuffled[np.argsort(classes[shuffled], kind="stable")]
    starts = np.cumsum(sizes) - sizes
    rank = np.empty(len(labels), dtype=np.int64)
    rank[grouped] = np.arange(len(labels)) - starts[classes[grouped]]
    # One division of exact integers: equal keys stay equal, so that ties fall by class.
    number = len(sizes)
    keys = (2 * rank * number + 2 * classes + 1) / (2 * number * sizes[classes])
    return np.lexsort((classes, keys)).astype(np.int64)


def split_sizes(counts: Sequence[int], test_fraction: float) -> list[int]:
    """How many examples of each class go to the test set: the nearest number to the fraction.

    Every class keeps at least one example on either side; halves are rounded up. `counts` are at
    least 2 each.
    """
    return [min(max(int(test_fraction * n + 0.5), 1), n - 1) for n in counts]


def stratified_split(
    labels: np.ndarray, test_fraction: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the training and of the test examples, each in ascending order (int64).

    Class by class, `split_sizes` examples, drawn by `seed`, go to the test set.
    """
    labels = np.asarray(labels)
    is_test = np.zeros(len(labels), dtype=bool)
    shuffled = permutation(len(labels), "split", seed)
    classes, counts = np.unique(labels, return_counts=True)
    for label, n_test in zip(classes, split_sizes(counts.tolist(), test_fraction), strict=True):
        is_test[shuffled[labels[shuffled] == label][:n_test]] = True
    return np.flatnonzero(~is_test), np.flatnonzero(is_test)


def pass_order(probe_hash: str, pass_index: int, n: int) -> np.ndarray:
    """The order in which pass `pass_index` over a probe set of `n` examples takes them, (n,) int64.

    Derived from the probe set's hash and the number of the pass alone, so that every network sees
    the same batches. Pass 0 is the stored order itself.
    """
    if pass_index == 0:
        return np.arange(n, dtype=np.int64)
    return permutation(n, "pass", probe_hash, pass_index)
