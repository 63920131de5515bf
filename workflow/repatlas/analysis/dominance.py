"""Dominant examples: the few that a layer's first principal component is made of.

Nguyen, Raghu & Kornblith (2022): inside a block structure the projections of test examples on the
first component are bimodal, with a small set orders of magnitude above the median that the layers
of the block share.
"""

from collections.abc import Mapping

import numpy as np
from scipy.stats import kurtosis, rankdata, skew

SHARES = (0.01, 0.1)  # of the examples, by size of their projection
LEAST_OF_LARGEST = 0.5  # share of a block's first component, as part of the network's largest


def dominant(u1: np.ndarray, share: float) -> np.ndarray:
    """Numbers of the `share` (of 1) of examples with the largest |u1|, the largest first; at least
    one. Of equal ones the first is taken. `u1` (n,), finite."""
    return np.argsort(-np.abs(u1), kind="stable")[: count(len(u1), share)]


def count(n: int, share: float) -> int:
    """How many examples a share of n is: the nearest number, at least 1."""
    return max(1, round(share * n))


def distribution(u1: np.ndarray, norms: np.ndarray) -> dict[str, float]:
    """Statistics of the projections `u1` (n,) of the examples on a first component, on any scale.

    carried_1, carried_10: share of their sum of squares that the largest 1 % and 10 % carry (of
    normally distributed ones .084 and .439); p99_to_median: 99th percentile of |u1| over its median
    (3.8); bimodality: see :func:`sarle`; norm_correlation: Spearman's, between |u1| and the
    distance from the mean `norms` (n,); norm_ratio: median norm of the largest 1 % over that of
    all. NaN where undefined: all of them where `u1` is not finite or all zero, or has fewer than 4
    examples.
    """
    size = np.abs(u1)
    n, total = len(u1), float(size @ size)
    if not (np.isfinite(total) and total > 0 and n > 3):
        return dict.fromkeys(DISTRIBUTION, np.nan)
    order = np.argsort(-size, kind="stable")
    carried = np.cumsum(size[order] ** 2) / total
    middle, middle_norm = float(np.median(size)), float(np.median(norms))
    ranks = np.corrcoef(rankdata(size), rankdata(norms)) if np.ptp(norms) > 0 else None
    top = norms[order[: count(n, SHARES[0])]]
    with np.errstate(all="ignore"):
        return {
            "carried_1": float(carried[count(n, SHARES[0]) - 1]),
            "carried_10": float(carried[count(n, SHARES[1]) - 1]),
            "p99_to_median": float(np.quantile(size, 0.99) / middle) if middle else np.nan,
            "bimodality": sarle(u1),
            "norm_correlation": float(ranks[0, 1]) if ranks is not None else np.nan,
            "norm_ratio": float(np.median(top) / middle_norm) if middle_norm else np.nan,
        }


DISTRIBUTION = (
    "carried_1",
    "carried_10",
    "p99_to_median",
    "bimodality",
    "norm_correlation",
    "norm_ratio",
)


def sarle(values: np.ndarray) -> float:
    """Sarle's bimodality coefficient, (skewness² + 1) / kurtosis, with the correction for finite
    samples of SAS: 1/3 for a normal, 5/9 for a uniform distribution; more points to two modes, or
    to a long tail on one side. `values` (n,), n > 3; NaN where they do not vary."""
    n = len(values)
    excess = kurtosis(values, bias=False)
    denominator = excess + 3 * (n - 1) ** 2 / ((n - 2) * (n - 3))
    return float((skew(values, bias=False) ** 2 + 1) / denominator)


def overlap(u1: np.ndarray, share: float) -> np.ndarray:
    """Share of the dominant examples that two layers have in common, for all pairs of the rows of
    `u1` (layers, n), as (layers, layers); by chance it is `share`. NaN where a layer has no
    component."""
    known = np.isfinite(u1).all(axis=1)
    members = np.zeros(u1.shape, dtype=np.float64)
    for layer in np.flatnonzero(known):
        members[layer, dominant(u1[layer], share)] = 1
    common = members @ members.T / count(u1.shape[1], share)
    common[~known] = np.nan
    common[:, ~known] = np.nan
    return common


def reference_layer(
    components: Mapping[str, np.ndarray], block: list[str], named: str | None = None
) -> int | None:
    """Number of the layer whose first component says which examples dominate.

    The `named` layer; otherwise the ReLU layer whose first component has the largest share in the
    `block` (names; the longest run of similar layers, empty where there is none). Where that share
    is less than half of the largest of all ReLU layers, no first component made the run, as with
    the first layers of a shallow network, and the layer is the one of the largest share of all.
    None where no such layer has a component.

    `components`: arrays layer and kind (layers,), and shares (layers, components), of which the
    first column counts, NaN where there is no component.
    """
    share, names = components["shares"][:, 0], components["layer"]
    known = np.isfinite(share)
    known &= components["kind"] == "relu" if named is None else names == named
    if not known.any():
        return None
    share = np.where(known, share, -1)
    inside = np.where(np.isin(names, block), share, -1)
    chosen = inside if inside.max() >= LEAST_OF_LARGEST * share.max() else share
    return int(np.argmax(chosen))


def oriented(u1: np.ndarray) -> np.ndarray:
    """Projections `u1` (n,) on a first component, whose sign and scale are arbitrary, in multiples
    of their root mean square, and with the sign that makes the heavier tail, by the third moment,
    the positive one."""
    scaled = u1 / np.sqrt(np.mean(u1**2))
    return -scaled if np.sum(scaled**3) < 0 else scaled
