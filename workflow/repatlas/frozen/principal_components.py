"""First principal components of the layers of a network over the whole probe set.

Nguyen, Raghu & Kornblith (2021), section 4: centred activations of all probe examples, the share of
the first component in their variance, and its left singular vector, which has an entry an example
and so can be compared between layers. Sparsity (their figure D.8) comes from the same pass.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.linalg import eigh
from torch import Tensor, nn

from repatlas.frozen.krylov import BLOCK, ROUNDING, Krylov
from repatlas.layers import BROKEN, CONSTANT
from repatlas.models.taps import tapped
from repatlas.training.batches import as_input

SHARES = 5  # components whose shares are kept
BATCH = 250  # examples of a forward pass
MOST = 1024  # examples up to which a Gram matrix of all of them is made,
AT_ONCE = 1 << 24  # where a layer has no more activations than this on all of them
BUDGET = 2 << 30  # bytes of search spaces held at a time
EXPECTED = 6  # passes that a search space is budgeted for


@dataclass
class LayerComponents:
    """The first principal component of a layer on n examples.

    shares (SHARES,): of the first components in the variance, NaN where there are no more; u1 (n,):
    left singular vector of the first, of length 1, of either sign; norms (n,): distance of each
    example from the mean; zeros: share of activations that are exactly zero; residual: of the
    first component, |A v - lambda v| / lambda with A the covariance; angle: bound on the sine of
    its angle with the true one; passes over the examples (1 where a Gram matrix of all was made);
    converged: whether the angle met the tolerance; reason: why there are no values, or ''. Without
    values, numbers are NaN; zeros is known all the same where activations were read.
    """

    shares: np.ndarray
    u1: np.ndarray
    norms: np.ndarray
    zeros: float
    residual: float
    angle: float
    passes: int
    converged: bool
    reason: str = ""


def undefined(n: int, reason: str, passes: int = 0, zeros: float = np.nan) -> LayerComponents:
    """A layer on `n` examples without values, for a reason."""
    nothing = np.full(n, np.nan)
    return LayerComponents(
        np.full(SHARES, np.nan), nothing, nothing, zeros, np.nan, np.nan, passes, False, reason
    )


def principal_components(
    network: nn.Module,
    layers: Sequence[str],
    images: np.ndarray,
    device: torch.device,
    tolerance: float,
    most_passes: int,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> list[LayerComponents]:
    """The components of each of the `layers` on `images` (n, C, H, W) uint8, in their order, of the
    `network` on `device` and in evaluation mode.

    Passes go on until the first component's `angle` is at most `tolerance`, in every layer, and
    `most_passes` at most. Few examples take a single pass, in which the components are exact.
    `report` is called after each pass with the number done and the number expected.

    Memory: the forward pass of a batch, and the search spaces of as many layers as fit into BUDGET,
    or of one.
    """
    counts = _features(network, layers, images[:1], device)
    n = len(images)
    if n <= MOST and n * max(counts) <= AT_ONCE:
        exact = _at_once(network, layers, images, device, tolerance)
        report(1, 1)
        return exact
    results: list[LayerComponents | None] = [None] * len(layers)
    groups = list(_groups(counts))
    done = 0
    for group in groups:
        spaces = {k: Krylov(counts[k], n, device) for k in group}
        for turn in range(1, most_passes + 1):
            _pass(network, layers, spaces, images, device)
            # How many it takes shows only when it is done.
            total = max(len(groups) * EXPECTED, done + turn + 1)
            report(done + turn, total)
            for k, space in list(spaces.items()):
                found = _settled(space, turn, tolerance, turn == most_passes)
                if found is not None:
                    results[k] = found
                    del spaces[k]
            if not spaces:
                break
        done += turn
    return [r for r in results if r is not None]


def _settled(space: Krylov, turn: int, tolerance: float, last: bool) -> LayerComponents | None:
    """What is known of a layer after `turn` passes, if that is enough or there are no more."""
    zeros = space.zeros / (space.n * space.features)
    if not space.finite:
        return undefined(space.n, BROKEN, turn, zeros)
    space.finish()
    if turn == 1:
        # Norms take the mean, which is known from now on.
        return None
    if space.constant:
        return undefined(space.n, CONSTANT, turn, zeros)
    found = space.components()
    converged = found.angle <= tolerance
    if not (converged or last):
        return None
    return LayerComponents(
        shares=_first(found.variances / (space.norms @ space.norms)),
        u1=found.projections / np.linalg.norm(found.projections),
        norms=space.norms,
        zeros=zeros,
        residual=float(found.residuals[0]),
        angle=found.angle,
        passes=turn,
        converged=converged,
    )


def _at_once(
    network: nn.Module,
    layers: Sequence[str],
    images: np.ndarray,
    device: torch.device,
    tolerance: float,
) -> list[LayerComponents]:
    """From the Gram matrix of all examples, in one pass."""
    found: dict[int, LayerComponents] = {}

    def receive(index: int, output: Tensor) -> None:
        found[index] = from_activations(flat(output).cpu().numpy(), tolerance)

    with torch.inference_mode(), tapped(network, layers, receive):
        network(as_input(images, device))
    return [found[k] for k in range(len(layers))]


def from_activations(x: np.ndarray, tolerance: float) -> LayerComponents:
    """The components of activations `x` (n, p) in memory, from their Gram matrix in float64. They
    are `converged` unless two variances are so near each other that no direction is the first."""
    n, x = len(x), x.astype(np.float64)
    zeros = 1 - np.count_nonzero(x) / x.size
    if not np.isfinite(x).all():
        return undefined(n, BROKEN, 1, zeros)
    mean = x.mean(axis=0)
    x -= mean
    gram = x @ x.T
    squares = gram.diagonal().clip(min=0)
    total = float(squares.sum())
    if not total > ROUNDING**2 * n * float(mean @ mean):
        return undefined(n, CONSTANT, 1, zeros)
    values, vectors = eigh(gram, subset_by_index=[max(0, n - BLOCK), n - 1])
    values, u1 = values[::-1].clip(min=0), vectors[:, -1]
    residual = float(np.linalg.norm(gram @ u1 - values[0] * u1) / values[0])
    gap = 1 - values[1] / values[0]
    angle = residual / gap if gap > 0 else np.inf
    return LayerComponents(
        _first(values / total),
        u1,
        np.sqrt(squares),
        zeros,
        residual,
        angle,
        1,
        angle <= tolerance,
    )


def flat(output: Tensor) -> Tensor:
    """(n, C, H, W) or (n, p) -> (n, p), channels last, as maps lie in memory."""
    return output.movedim(1, -1).reshape(len(output), -1)


def _first(shares: np.ndarray) -> np.ndarray:
    kept = np.full(SHARES, np.nan)
    kept[: min(SHARES, len(shares))] = shares[:SHARES]
    return kept


def _pass(
    network: nn.Module,
    layers: Sequence[str],
    spaces: dict[int, Krylov],
    images: np.ndarray,
    device: torch.device,
) -> None:
    wanted = list(spaces)
    for start in range(0, len(images), BATCH):

        def receive(index: int, output: Tensor, start: int = start) -> None:
            spaces[wanted[index]].add(start, flat(output))

        with torch.inference_mode(), tapped(network, [layers[k] for k in wanted], receive):
            network(as_input(images[start : start + BATCH], device))


def _features(
    network: nn.Module, layers: Sequence[str], image: np.ndarray, device: torch.device
) -> list[int]:
    counts = [0] * len(layers)

    def receive(index: int, output: Tensor) -> None:
        counts[index] = output[0].numel()

    with torch.inference_mode(), tapped(network, layers, receive):
        network(as_input(image, device))
    return counts


def _groups(counts: Sequence[int]) -> Iterator[list[int]]:
    """Layers whose search spaces are held together, by number."""
    held = 0
    group: list[int] = []
    for k, features in enumerate(counts):
        size = 8 * features * BLOCK * EXPECTED
        if group and held + size > BUDGET:
            yield group
            held, group = 0, []
        held, group = held + size, [*group, k]
    yield group
