"""How the time and disk of an analysis of one network follow from what it computes.

Rougher than the other laws: iterations of which nobody knows how many it takes count as many as
usual, so that a time may be wrong by a factor of two.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from repatlas.costs.laws import (
    FLOAT,
    compare_seconds,
    extract_seconds,
    forward_seconds,
    gram_bytes,
    pairs,
)
from repatlas.costs.rates import rate
from repatlas.costs.workload import Workload
from repatlas.probe_sizes import KEPT

# As in `repatlas.frozen`, whose modules bring torch with them: of principal components the examples
# up to which one Gram matrix is made and the activations up to which it is, directions of a pass,
# bytes of search spaces and passes that these have room for; of linear probes the penalties tried,
# rows of a block of the Gram matrix and share of the images held out.
MOST, AT_ONCE, BLOCK, SPACES, ROOM = 1024, 1 << 24, 16, 2 << 30, 6
PENALTIES, ROWS, HELD_OUT = 13, 1024, 0.2
PASSES = 4  # that principal components take: ResNet-38 of width 1 on 10,000 images of CIFAR-10


def components_seconds(
    work: Workload, features: Sequence[int], n: int, device: str = "cpu"
) -> float:
    """Principal components of layers that give so many `features`, on `n` examples."""
    together = sum(features)
    if n <= MOST and n * max(features) <= AT_ONCE:
        # One pass, and a Gram matrix a layer, on the host wherever the pass was.
        seconds = forward_seconds(work, n, device, n) + _double(together * n * (n + 1) / 2, "cpu")
        return rate("cpu_start") + seconds + rate("cpu_eigen_mac") * len(features) * n**3
    passes = PASSES * math.ceil(8 * BLOCK * ROOM * together / SPACES)
    seconds = passes * forward_seconds(work, n, device)
    if device == "cpu":
        seconds += rate("cpu_lanczos_feature") * PASSES * n * together
    else:
        seconds += _double(2 * BLOCK * PASSES * n * together, device)
    return rate("cpu_start") + seconds


def without_pc1_seconds(layers: int, batch: int, batches: int) -> float:
    """Minibatch CKA within a network from its Gram store, with and without first components."""
    stored = gram_bytes(layers, batch, batches)
    seconds = compare_seconds(1, layers**2 / 2, layers**2, 2 * stored, batch, batches)
    seconds += rate("cpu_eigen_mac") * layers * batches * batch**3
    return seconds + _altered_seconds(layers, batch, batches)


def removal_seconds(layers: int, relu: int, removals: int, batch: int, batches: int) -> float:
    """Minibatch CKA within a network from its Gram store of `layers`, between `relu` of them, whole
    and after each of the `removals` of examples."""
    # The store is read for the similarity, and for the share of the first component.
    stored = (1 + 2 * removals) * gram_bytes(layers, batch, batches)
    seconds = compare_seconds(1, relu**2 / 2, relu**2, stored, batch, batches)
    seconds += removals * rate("cpu_eigen_mac") * batches * batch**3
    return seconds + removals * _altered_seconds(relu, batch, batches)


def _altered_seconds(layers: int, batch: int, batches: int) -> float:
    """Gram matrices taken apart and put together again, and compared in float64."""
    seconds = rate("cpu_altered_entry") * layers * batches * batch**2
    seconds += rate("cpu_altered_layer") * layers * batches
    return seconds + 2 * rate("cpu_compare_mac") * layers**2 / 2 * batches * pairs(batch)


def ridge_seconds(
    work: Workload,
    features: Sequence[int],
    train: int,
    test: int,
    classes: int,
    device: str = "cpu",
) -> float:
    """Linear probes in closed form of layers that give so many `features`."""
    wide, narrow = _sides(features, train)
    # As many features a pass as may be kept, and one pass that makes weights of the coefficients.
    passes = math.ceil(4 * train * sum(wide) / KEPT) + 1 if wide else 0
    passes += math.ceil(8 * sum(count**2 for count in narrow) / KEPT)
    seconds = rate("cpu_start") + forward_seconds(work, passes * train + test, device)
    solved = ridge_work(features, train, classes)
    if device == "cpu":
        seconds += rate("cpu_factor_mac") * solved.factors
        return seconds + rate("cpu_factor_entry") * solved.entries + _double(solved.products, "cpu")
    return seconds + _double(solved.products + solved.factors, device)


class RidgeWork(NamedTuple):
    """Multiply-adds of linear probes in closed form in matrix `products` and in Cholesky's
    `factors`, and the `entries` of the matrices that are factored, each once a penalty."""

    products: float
    factors: float
    entries: float


def ridge_work(features: Sequence[int], train: int, classes: int) -> RidgeWork:
    """The Gram matrix of the layers that give more features than there are images, the normal
    equations of the others, and their solutions."""
    wide, narrow = _sides(features, train)
    fitted = round((1 - HELD_OUT) * train)
    products = sum(wide) * train * ((train + min(train, ROWS)) / 2 + classes)
    products += sum(train * count**2 for count in narrow)
    products += PENALTIES * (train - fitted) * classes * sum(narrow)

    def solved(power: int) -> float:
        dual = len(wide) * (PENALTIES * fitted**power + train**power)
        return dual + (PENALTIES + 1) * sum(count**power for count in narrow)

    return RidgeWork(products, solved(3) / 6, solved(2))


def _sides(features: Sequence[int], train: int) -> tuple[list[int], list[int]]:
    """Layers that give more features than there are images, and the others."""
    wide = [count for count in features if count > train]
    return wide, [count for count in features if count <= train]


def sgd_seconds(
    work: Workload,
    features: Sequence[int],
    train: int,
    test: int,
    classes: int,
    epochs: int,
    tests: int,
    batch: int,
    device: str = "cpu",
) -> float:
    """Linear probes by gradient descent of layers that give so many `features`: `epochs` over the
    training images, and `tests` of the test images."""
    seconds = forward_seconds(work, epochs * train, device, batch)
    seconds += forward_seconds(work, tests * test, device)
    if device == "cpu":
        # A test takes the product that is half of a step.
        learnt = epochs * train + tests * test / 2
        seconds += rate("cpu_probe_mac") * sum(features) * classes * learnt
        seconds += rate("cpu_probe_step") * len(features) * learnt / batch
    return rate("cpu_start") + seconds


def deletion_seconds(
    work: Workload, blocks: Sequence[int], test: int, device: str = "cpu"
) -> float:
    """Tests of a network of so many residual `blocks` a stage: whole, without the last ones of a
    stage, and without each alone.

    What precedes the first deleted block is computed once. Blocks cost alike, as they do where a
    stage has half the side and twice the channels of the one before.
    """
    every, before, passes = sum(blocks), 0, 1.0
    for count in blocks:
        after = every - before - count
        # From the end: only later stages are left. Alone: the rest of the stage too; the last block
        # is the first of the ones from the end, and so computed once.
        passes += (count * after + (count - 1) * (after + count / 2)) / every
        before += count
    return rate("cpu_start") + passes * forward_seconds(work, test, device)


def dynamics_seconds(
    work: Workload,
    features: int,
    layers: int,
    checkpoints: int,
    batch: int,
    batches: int,
    device: str = "cpu",
) -> float:
    """Reading `checkpoints` networks out, layers within each compared, and a first component of
    each layer and batch."""
    once = rate("cpu_start")
    each = extract_seconds(work, features, layers, batch, batches, device) - once
    each += rate("cpu_compare_mac") * layers**2 / 2 * batches * pairs(batch)
    each += rate("cpu_component_layer") * layers * batches
    each += rate("cpu_component_entry") * layers * batches * batch**2
    return once + checkpoints * each


def _double(macs: float, device: str) -> float:
    """Products and factorisations in float64."""
    if device == "cpu":
        return rate("cpu_double_mac") * macs
    return 2 * macs / rate("gpu_double_flops")


def components_bytes(layers: int, n: int) -> int:
    """A file of principal components: two float64 numbers an example and layer."""
    return 2 * 2 * FLOAT * layers * n


def matrices_bytes(count: int, layers: int) -> int:
    """`count` float64 tables of all layers with all layers."""
    return 2 * FLOAT * count * layers**2
