"""Measures from canonical correlations, and linear regression: what subspaces have in common.

Each layer is decomposed once (a thin singular value decomposition of its centred features); every
pair of layers then costs one product of two bases.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from scipy.linalg import LinAlgError, svd, svdvals
from scipy.special import gammaln

from repatlas.similarity.forms import compare_forms, of_centred
from repatlas.similarity.inputs import ROUNDING, Centred, Layers
from repatlas.similarity.measure import Invariance as Inv
from repatlas.similarity.measure import Measure, between, choice, measure
from repatlas.similarity.scores import FULL_RANK, Scores

SIDES = ("x", "y", "mean")
# Correlations this near to 1 belong to directions that both sides share: rounding alone would tell
# them apart (singular vectors 1e-10 apart in their values are known to some 1e-6).
SAME = 1e-10


@dataclass(frozen=True)
class Basis:
    """Thin decomposition of centred features: u (examples, rank), s (rank,) and, where a measure
    needs the features' own directions, vt (rank, features)."""

    u: np.ndarray
    s: np.ndarray
    vt: np.ndarray | None

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays."""
        return sum(part.nbytes for part in (self.u, self.s, self.vt) if part is not None)


def basis(centred: Centred, features: bool = False) -> Basis:
    """The decomposition of centred features (examples n, features p), without directions that
    rounding alone has made: with singular values of at most max(n, p) eps times the largest, which
    is the decomposition's own, or of some (√n + √p) times the rounding of the features as they
    came, which is what random rounding errors have. `features` keeps the directions, `vt`.
    LinAlgError where the decomposition does not converge."""
    x = centred.x
    n, p = x.shape
    try:
        u, s, vt = svd(x, full_matrices=False, check_finite=False)
    except LinAlgError:
        # Divide and conquer can fail to converge; the slower driver does not.
        u, s, vt = svd(x, full_matrices=False, check_finite=False, lapack_driver="gesvd")
    own = s[0] * max(n, p) * np.finfo(x.dtype).eps
    rank = int((s > max(own, ROUNDING * (n**0.5 + p**0.5) * centred.rounding)).sum())
    return Basis(u[:, :rank], s[:rank], vt[:rank] if features else None)


@measure(
    Inv.ORTHOGONAL,
    Inv.ISOTROPIC_SCALING,
    Inv.TRANSLATION,
    Inv.INVERTIBLE_LINEAR,
    Inv.SYMMETRY,
    Inv.PERMUTATION,
)
def cca_mean(a: Layers, b: Layers | None) -> Scores:
    """Mean canonical correlation.

    Formula: |Qx'Qy|_* / min(rank x, rank y), Q orthonormal bases of the centred features, |.|_*
    the sum of singular values.
    Source: Hotelling 1936; Raghu et al. 2017; as rho_CCA in Kornblith et al. 2019.
    Invariant to invertible linear maps (hence to orthogonal ones), scaling, translation; symmetric.
    Range: 0 to 1.
    Misleads: directions of noise count as much as those that carry the variance; 1 for anything
    once there are as many features as examples (Kornblith et al. 2019, theorem 1) and inflated from
    where both sides' features together outnumber them, which the reason then says; high for
    independent data unless examples far outnumber features.
    """
    return _subspaces(a, b, basis, lambda x, y: _correlations(x, y).mean())


@measure(
    Inv.ORTHOGONAL,
    Inv.ISOTROPIC_SCALING,
    Inv.TRANSLATION,
    Inv.INVERTIBLE_LINEAR,
    Inv.SYMMETRY,
    Inv.PERMUTATION,
)
def cca_r2(a: Layers, b: Layers | None) -> Scores:
    """Mean squared canonical correlation.

    Formula: |Qx'Qy|² / min(rank x, rank y), Q orthonormal bases of the centred features, Frobenius
    norm.
    Source: R²_CCA in Kornblith et al. 2019 (Yanai's generalised coefficient of determination).
    Their demonstration does not centre: .54312 there is .54540 here.
    Invariant to invertible linear maps (hence to orthogonal ones), scaling, translation; symmetric.
    Range: 0 to 1.
    Misleads: as `cca_mean`.
    """
    return _subspaces(a, b, basis, lambda x, y: (_correlations(x, y) ** 2).mean())


@measure(Inv.ORTHOGONAL, Inv.ISOTROPIC_SCALING, Inv.TRANSLATION, Inv.SYMMETRY, Inv.PERMUTATION)
def svcca(
    a: Layers, b: Layers | None, keep: float = 0.99, threshold_on: str = "variance"
) -> Scores:
    """Singular vector CCA: the mean canonical correlation of the leading principal components.

    Formula: each side keeps the fewest leading singular directions whose share reaches `keep`, then
    as `cca_mean`. The share is of the variance, the squared singular values
    (`threshold_on="variance"`), or of the sum of singular values (`"singular_values"`).
    Source: Raghu et al. 2017, whose text sums singular values; Kornblith et al. 2019 squares them.
    Invariant to orthogonal maps, isotropic scaling, translation; symmetric.
    Range: 0 to 1.
    Misleads: a direction just above the threshold counts as much as the first; both thresholds are
    in use under one name, and the values can differ by .5 (spectra that fall slowly).
    """
    between("keep", keep, 0, 1)
    choice("threshold_on", threshold_on, ("variance", "singular_values"))
    power = 2 if threshold_on == "variance" else 1

    def leading(x: Centred) -> Basis:
        whole = basis(x)
        shares = np.cumsum(whole.s**power)
        kept = int(np.searchsorted(shares, keep * shares[-1])) + 1
        return Basis(whole.u[:, :kept], whole.s[:kept], None)

    return _subspaces(a, b, leading, lambda x, y: _correlations(x, y).mean())


@measure(
    Inv.ISOTROPIC_SCALING,
    Inv.TRANSLATION,
    Inv.PERMUTATION,
    symmetric_with=("weights", "mean"),
)
def pwcca(a: Layers, b: Layers | None, weights: str = "x") -> Scores:
    """Projection-weighted CCA: canonical correlations weighted by how much of a side they explain.

    Formula: sum_i w_i rho_i / sum_i w_i, w_i = sum_j |<h_i, z_j>|, h_i the orthonormal canonical
    variates and z_j the centred features of the side that `weights` names; "mean" is the mean of
    the values of both sides. i runs over the min(rank x, rank y) canonical correlations.
    Source: Morcos et al. 2018 (their distance is one minus this).
    Invariant to isotropic scaling and translation, and to invertible linear maps of the side that
    gives no weights. Not to orthogonal maps of the other; symmetric for `weights="mean"` only.
    Range: 0 to 1.
    Misleads: as `cca_mean`. Directions that both sides share, by counting alone (see the reason) or
    because they compute the same, all have rho = 1, and the definition leaves open which basis of
    them to weight. Implementations take what rounding leaves them, so that their value hangs on the
    order of the examples or the library of linear algebra: .9648 to .9681 for one case by five
    ways of whitening. Here the weights are the means over all bases, which no choice enters.
    google/svcca leaves out the whitening of the directions (up to .02 away) and fails if x has more
    features than y.
    """
    choice("weights", weights, SIDES)

    def sides(x: Basis, y: Basis) -> tuple[float, float]:
        left, rho, right = svd(x.u.T @ y.u, full_matrices=False, check_finite=False)
        shared = max(_shared(x, y), int((rho > 1 - SAME).sum()))
        by_x = _weights((left.T * x.s) @ x.vt, shared)
        by_y = _weights((right * y.s) @ y.vt, shared)
        return float(by_x @ rho / by_x.sum()), float(by_y @ rho / by_y.sum())

    return _subspaces(a, b, partial(basis, features=True), **_directed(sides, weights))


@measure(
    Inv.ORTHOGONAL,
    Inv.ISOTROPIC_SCALING,
    Inv.TRANSLATION,
    Inv.PERMUTATION,
    symmetric_with=("target", "mean"),
)
def linear_regression(a: Layers, b: Layers | None, target: str = "x") -> Scores:
    """Share of the variance of one side that a linear map of the other explains.

    Formula: R² = |Qy'X|² / |X|² for `target="x"` (X regressed on Y), Frobenius norms of centred
    features, Q an orthonormal basis; `"y"` exchanges the sides, `"mean"` is the mean of both.
    Source: Kornblith et al. 2019, R²_LR; in-sample, without penalty.
    Invariant to orthogonal maps, isotropic scaling and translation of both sides, and to invertible
    linear maps of the side that predicts; not symmetric unless `target="mean"`.
    Range: 0 to 1.
    Misleads: grows with the number of predicting features, and is 1 for anything once they are as
    many as the examples, which the reason then says.
    """
    choice("target", target, SIDES)

    def sides(x: Basis, y: Basis) -> tuple[float, float]:
        cross = x.u.T @ y.u
        of_x = ((cross.T * x.s) ** 2).sum() / (x.s**2).sum()
        of_y = ((cross * y.s) ** 2).sum() / (y.s**2).sum()
        return float(of_x), float(of_y)

    def doubt(x: Basis, y: Basis) -> str:
        predictors = {"x": [("layer_b", y)], "y": [("layer_a", x)]}
        predictors["mean"] = predictors["y"] + predictors["x"]
        full = [name for name, form in predictors[target] if len(form.s) >= len(form.u) - 1]
        return "; ".join(f"{name} {FULL_RANK}" for name in full)

    return _subspaces(a, b, basis, **_directed(sides, target), doubt=doubt)


def _directed(sides: Callable[[Basis, Basis], tuple[float, float]], side: str) -> dict[str, Any]:
    """`similarity` and `symmetric` of :func:`compare_forms` for a measure with a number for each
    side, (of x, of y), of which that of `side` is asked for, or the mean of both."""
    if side == "mean":
        return {"similarity": lambda x, y: sum(sides(x, y)) / 2, "symmetric": True}
    turn = 1 if side == "x" else -1
    return {"similarity": lambda x, y: sides(x, y)[::turn], "symmetric": False}


def _correlations(x: Basis, y: Basis) -> np.ndarray:
    """Canonical correlations, as many as the smaller rank, largest first."""
    return svdvals(x.u.T @ y.u, check_finite=False)


def _weights(projections: np.ndarray, shared: int) -> np.ndarray:
    """PWCCA's weights from <h_i, z_j> (variates, features).

    The first `shared` variates are any orthonormal basis of their span. Over all of them, the mean
    of |<h, z>| is the length of z's projection onto the span times that of |u_1| for u uniform on
    the unit sphere, Γ(k / 2) / (√π Γ((k + 1) / 2)) in k dimensions.
    """
    weights = np.abs(projections).sum(axis=1)
    if shared > 1:
        lengths = np.linalg.norm(projections[:shared], axis=0)
        mean = np.exp(gammaln(shared / 2) - gammaln((shared + 1) / 2)) / np.sqrt(np.pi)
        weights[:shared] = mean * lengths.sum()
    return weights


def _shared(x: Basis, y: Basis) -> int:
    """How many directions two subspaces of centred features share for want of room to differ."""
    return max(0, len(x.s) + len(y.s) - (len(x.u) - 1))


def _crowded(x: Basis, y: Basis) -> str:
    """The reason to mistrust correlations of subspaces that must overlap."""
    shared = _shared(x, y)
    if not shared:
        return ""
    return (
        f"{shared} of {min(len(x.s), len(y.s))} canonical correlations are 1 whatever the layers "
        f"compute: {len(x.u)} examples leave no room for {len(x.s)} and {len(y.s)} independent "
        "directions. Use more examples, or pool the layers"
    )


def _subspaces(
    a: Layers,
    b: Layers | None,
    prepare: Callable[[Centred], Basis],
    similarity: Callable[[Basis, Basis], Any],
    symmetric: bool = True,
    doubt: Callable[[Basis, Basis], str] = _crowded,
) -> Scores:
    return compare_forms(a, b, of_centred(prepare), similarity, symmetric, doubt)


MEASURES: tuple[Measure, ...] = (cca_mean, cca_r2, svcca, pwcca, linear_regression)
