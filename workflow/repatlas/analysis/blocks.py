"""Block structure as numbers.

Nguyen, Raghu & Kornblith (2021) show it as a picture: a contiguous range of layers that are all
alike. Their mean CKA does not detect it (large networks can have the lower mean), so the two
measures here are the share of layer pairs above a threshold, and the longest contiguous range of
layers with all pairs at or above it.
"""

from dataclasses import dataclass

import numpy as np

THRESHOLD = 0.9


@dataclass(frozen=True)
class BlockMetrics:
    """Block structure of one similarity matrix over n layers.

    pairs, pairs_undefined: off-diagonal unordered pairs, and those without a value; fraction_above:
    share of the defined pairs above the threshold; longest_run with run_start, run_end: number of
    layers and 1-based ends of the longest range; mean_similarity: mean of the defined pairs;
    first_last: similarity of the first and the last layer. Shares are of 1.
    """

    threshold: float
    n_layers: int
    pairs: int
    pairs_undefined: int
    fraction_above: float
    longest_run: int
    run_start: int
    run_end: int
    mean_similarity: float
    first_last: float


def block_metrics(matrix: np.ndarray, threshold: float = THRESHOLD) -> BlockMetrics:
    """The metrics of a symmetric matrix (layers, layers) of a measure that is larger for layers
    that are more alike. Its diagonal plays no part.

    A pair without a value (NaN) never counts as similar. Where no pair has one, fraction_above and
    mean_similarity are NaN, and the longest run is the first layer; first_last is NaN where there
    is one layer. Of several longest ranges the first is given.
    """
    n = len(matrix)
    values = matrix[np.triu_indices(n, 1)]
    defined = values[~np.isnan(values)]
    start, length = longest_run(matrix >= threshold)
    return BlockMetrics(
        threshold=threshold,
        n_layers=n,
        pairs=len(values),
        pairs_undefined=len(values) - len(defined),
        fraction_above=float((defined > threshold).mean()) if len(defined) else float("nan"),
        longest_run=length,
        run_start=start + 1,
        run_end=start + length,
        mean_similarity=float(defined.mean()) if len(defined) else float("nan"),
        first_last=float(matrix[0, -1]) if n > 1 else float("nan"),
    )


def longest_run(alike: np.ndarray) -> tuple[int, int]:
    """(start, length) of the longest range of layers of which all pairs are `alike` (n, n) bool;
    the first of several, and of a single layer where no neighbours are alike. `start` counts from
    0."""
    best, start = (0, 1), 0
    for end in range(1, len(alike)):
        # The range that ends here starts after the last layer that differs from this one.
        differs = np.flatnonzero(~alike[start:end, end])
        if len(differs):
            start += int(differs[-1]) + 1
        if end - start + 1 > best[1]:
            best = (start, end - start + 1)
    return best
