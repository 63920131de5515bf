"""What linear probes in closed form may hold in memory, known from sizes alone."""

import math
from collections.abc import Mapping, Sequence

from repatlas.errors import ResourceError

# Side of the largest square matrix that is factored: 3.2 GB in float64.
LARGEST = 20_000
KEPT = 1 << 30  # bytes of features, or of moments, that a pass over the network may hold
# Copies of the square matrix at the peak: itself, shifted by the penalty, its factor, LAPACK's.
COPIES = 4
BASE = 2_000 << 20  # bytes of torch, the data and a batch's forward pass


def probed_features(
    model: Mapping, shape: tuple[int, int, int], pool: int | None = None
) -> list[int]:
    """Features of a probed layer in each of the three stages of a built-in network, for images of
    `shape` (C, H, W), after max-pooling in squares of `pool` positions."""
    (_, height, width), counts = shape, []
    for stage in (1, 2, 3):
        if stage > 1:
            height, width = math.ceil(height / 2), math.ceil(width / 2)
        pooled = [math.ceil(side / (pool or 1)) for side in (height, width)]
        counts.append(round(16 * model["width"]) * 2 ** (stage - 1) * math.prod(pooled))
    return counts


def check_size(n: int, features: int, name: str) -> None:
    """ResourceError where `n` images and the features of layers are both too many to be factored;
    `name` says whose."""
    if min(n, features) > LARGEST:
        raise ResourceError(
            f"{name} has {features:,} features on {n:,} training images; the closed form factors a "
            f"square matrix of the smaller of the two, of at most {LARGEST:,}. Accepted: "
            "`method: sgd`, a `pool` that leaves fewer features, or a smaller `fraction`"
        )


def closed_form_bytes(n: int, features: Sequence[int]) -> int:
    """Memory that probing layers of so many `features` on `n` images takes at its peak."""
    side = max(min(n, count) for count in features)
    return BASE + KEPT + COPIES * 8 * side**2
