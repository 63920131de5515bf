"""Measures from distances between examples: RSA, nearest neighbours, distance correlation."""

from __future__ import annotations

import numpy as np
from scipy.stats import kendalltau, rankdata

from repatlas.errors import ConfigError
from repatlas.grams import pack
from repatlas.similarity.forms import compare_forms, of_centred
from repatlas.similarity.inputs import (
    ROUNDING,
    Centred,
    Layers,
    centre,
    product_rounding,
    shared_examples,
)
from repatlas.similarity.measure import Invariance as Inv
from repatlas.similarity.measure import Measure, choice, is_whole, measure
from repatlas.similarity.profiles import Centring, Distances, sums
from repatlas.similarity.scores import DEAD, Scores, ratio, reasons

RDMS = ("correlation", "cosine", "euclidean", "squared_euclidean")
BLOCK = 1 << 22  # distances held at a time in the search for neighbours
UNDIRECTED = (
    "has an example whose features are all zero or all equal, which has no cosine or correlation "
    "with others; use rdm='euclidean'"
)
COMPARISONS = ("spearman", "pearson", "cosine", "kendall")


@measure(Inv.ISOTROPIC_SCALING, Inv.SYMMETRY, Inv.PERMUTATION, bounds=(-1, 1))
def rsa(
    a: Layers, b: Layers | None, rdm: str = "correlation", comparison: str = "spearman"
) -> Scores:
    """Representational similarity analysis: agreement of two matrices of dissimilarities.

    Formula: `comparison` of the upper triangles of the layers' representational dissimilarity
    matrices (RDMs). `rdm` between examples: "correlation", one minus the correlation over features;
    "cosine", one minus the cosine of the features as they are; "euclidean"; "squared_euclidean".
    `comparison`: "spearman", "pearson", "cosine", or "kendall" (tau-b).
    Source: Kriegeskorte et al. 2008; named and computed as in rsatoolbox.
    Invariant to isotropic scaling; symmetric. Euclidean RDMs also to orthogonal maps and
    translation; correlation and cosine RDMs, taken of the features as they are, to neither both.
    Range: -1 to 1 ("cosine" of RDMs: 0 to 1). Undefined where all dissimilarities are equal, and
    for correlation and cosine RDMs where an example has no direction.
    Misleads: all RDM entries are positive, so `comparison="cosine"` is near 1 for anything; entries
    share examples, so no p-value of the correlation applies. Dissimilarities that differ by no more
    than rounding are ties, also where other programs rank them as rounding left them.
    """
    choice("rdm", rdm, RDMS)
    choice("comparison", comparison, COMPARISONS)
    similarity = _kendall if comparison == "kendall" else _dot
    return compare_forms(a, b, lambda x: _dissimilarities(x, rdm, comparison), similarity)


@measure(Inv.ORTHOGONAL, Inv.ISOTROPIC_SCALING, Inv.TRANSLATION, Inv.SYMMETRY, Inv.PERMUTATION)
def knn_jaccard(a: Layers, b: Layers | None, k: int = 10, metric: str = "cosine") -> Scores:
    """Mean Jaccard index of the examples' sets of k nearest neighbours.

    Formula: mean over examples of |N_x ∩ N_y| / |N_x ∪ N_y|, N the k nearest other examples by the
    cosine or the Euclidean distance of centred features.
    Source: Schumacher et al. 2021; among the measures of Klabunde et al. 2025 (ReSi).
    Invariant to orthogonal maps, isotropic scaling, translation; symmetric.
    Range: 0 to 1; about k / 2n for independent data.
    Misleads: depends on k and on the number of examples; among equal distances the example that
    comes first counts as nearer, so many duplicates make it arbitrary.
    """
    choice("metric", metric, ("cosine", "euclidean"))
    n = shared_examples(a, b)
    if not is_whole(k) or not 1 <= k <= n - 2:
        raise ConfigError(
            f"k is {k!r}; a whole number from 1 to {n - 2} is expected, the examples less two."
        )

    def neighbours(centred: Centred) -> np.ndarray:
        return _neighbours(centred.x, int(k), metric)

    return compare_forms(a, b, of_centred(neighbours), _jaccard)


@measure(Inv.ORTHOGONAL, Inv.ISOTROPIC_SCALING, Inv.TRANSLATION, Inv.SYMMETRY, Inv.PERMUTATION)
def distance_correlation(a: Layers, b: Layers | None) -> Scores:
    """Distance correlation of the examples' Euclidean distances.

    Formula: the root of <A, B> / (|A| |B|), A and B the doubly centred matrices of distances.
    Source: Székely, Rizzo & Bakirov 2007.
    Invariant to orthogonal maps, isotropic scaling, translation; symmetric.
    Range: 0 to 1; 0 in the population only for independence.
    Misleads: biased upwards like `cka_biased`: with more features than examples it tends to 1 for
    independent data.
    """
    total = sums(a, b, Distances, Centring.GRETTON)
    reason = reasons(total.states_a, total.states_b)
    with np.errstate(all="ignore"):
        # A mean of products that is 0 or more; below 0 only by rounding, where layers are exactly
        # independent.
        value = np.sqrt(ratio(np.maximum(total.ab, 0), total.aa, total.bb))
    value[reason != ""] = np.nan
    return Scores(value, reason)


def _dissimilarities(x: np.ndarray, rdm: str, comparison: str) -> tuple[np.ndarray | None, str]:
    """The RDM (pairs,) of a layer in the form that is compared, and the layer's state."""
    centred = centre(x)
    if centred.state:
        return None, centred.state
    ranked = comparison in ("spearman", "kendall")
    # A root keeps the order, but not the size of rounding errors.
    form, rounding = _rdm(x, centred, "squared_euclidean" if ranked and "euclid" in rdm else rdm)
    if np.isnan(form).any():
        return None, UNDIRECTED
    if np.ptp(form) <= rounding:
        return None, DEAD
    if ranked:
        form = rankdata(_levels(form, rounding))
    if comparison == "kendall":
        return form, ""
    if comparison != "cosine":
        form -= form.mean()
    return form / np.linalg.norm(form), ""


def _rdm(x: np.ndarray, centred: Centred, rdm: str) -> tuple[np.ndarray, float]:
    """The dissimilarities (pairs,), NaN where an example has no direction, and their rounding."""
    unit = product_rounding(x.shape[1])
    if "euclidean" in rdm:
        squared = pack(Distances(centred).squared(0, len(x)))
        largest = float(squared.max())
        if rdm == "squared_euclidean":
            return squared, unit * largest
        return np.sqrt(squared), unit * largest**0.5
    # Scaled first, so that no norm overflows.
    x = x.astype(np.float64) / centred.scale
    size = np.linalg.norm(x, axis=1, keepdims=True)
    if rdm == "correlation":
        x -= x.mean(axis=1, keepdims=True)
    length = np.linalg.norm(x, axis=1, keepdims=True)
    length[length <= ROUNDING * np.finfo(np.float64).eps * size] = np.nan
    x /= length
    return 1 - pack(x @ x.T), unit


def _levels(values: np.ndarray, rounding: float) -> np.ndarray:
    """Whole numbers in the order of the values along the last axis; those that follow on one
    another within `rounding` are one level."""
    order = np.argsort(values, axis=-1)
    steps = np.diff(np.take_along_axis(values, order, -1), axis=-1, prepend=-np.inf) > rounding
    levels = np.empty(values.shape, dtype=np.intp)
    np.put_along_axis(levels, order, np.cumsum(steps, axis=-1), -1)
    return levels


def _dot(x: np.ndarray, y: np.ndarray) -> float:
    return float(x @ y)


def _kendall(x: np.ndarray, y: np.ndarray) -> float:
    return float(kendalltau(x, y).statistic)


def _neighbours(x: np.ndarray, k: int, metric: str) -> np.ndarray:
    """The k nearest other examples (examples, k) of each of the centred examples `x`."""
    squares = np.vecdot(x, x)
    rounding = product_rounding(x.shape[1])
    if metric == "cosine":
        # An example at the very mean has no direction: its cosine with any other is taken as 0.
        norms = np.sqrt(squares)[:, None]
        x = np.divide(x, norms, out=np.zeros_like(x), where=norms > rounding * norms.max())
        squares = np.zeros(len(x))
    else:
        rounding *= 2 * float(squares.max())
    height = max(1, BLOCK // len(x))
    found = []
    for start in range(0, len(x), height):
        rows = slice(start, start + height)
        # Squared distance, less what all candidates have in common.
        far = squares - 2 * (x[rows] @ x.T)
        own = np.arange(len(far))
        far[own, start + own] = np.inf
        nearest = np.argsort(far, axis=1, kind="stable")[:, : k + 1]
        last, next_one = np.take_along_axis(far, nearest[:, k - 1 :], 1).T
        tied = np.flatnonzero(next_one - last <= rounding)
        if tied.size:
            levels = _levels(far[tied], rounding)
            nearest[tied] = np.argsort(levels, axis=1, kind="stable")[:, : k + 1]
        found.append(nearest[:, :k])
    return np.concatenate(found)


def _jaccard(x: np.ndarray, y: np.ndarray) -> float:
    n, k = x.shape
    height = max(1, BLOCK // k**2)
    common = np.concatenate(
        [
            (x[start : start + height, :, None] == y[start : start + height, None]).sum(axis=(1, 2))
            for start in range(0, n, height)
        ]
    )
    return float((common / (2 * k - common)).mean())


MEASURES: tuple[Measure, ...] = (rsa, knn_jaccard, distance_correlation)
