"""Centred kernel alignment of all examples at once: five estimators and two kernels."""

from __future__ import annotations

from functools import partial

import numpy as np

from repatlas.errors import ConfigError
from repatlas.similarity.inputs import Layers, centre
from repatlas.similarity.measure import Invariance as Inv
from repatlas.similarity.measure import Measure, between, choice, measure
from repatlas.similarity.profiles import Centring, Linear, MatrixOf, Rbf, Sums, sums
from repatlas.similarity.scores import Scores, ratio, reasons

KERNEL = (Inv.ORTHOGONAL, Inv.ISOTROPIC_SCALING, Inv.TRANSLATION, Inv.SYMMETRY, Inv.PERMUTATION)


@measure(*KERNEL, bounds=(-1, 1))
def cka(a: Layers, b: Layers | None) -> Scores:
    """Linear CKA with the unbiased estimator of HSIC, over all examples at once.

    Formula: HSIC1(K, L) / sqrt(HSIC1(K, K) HSIC1(L, L)), K = XX', L = YY', with
    n (n - 3) HSIC1(K, L) = sum_ij G_ij(K) G_ij(L) and G the U-centred Gram matrix.
    Source: Kornblith et al. 2019 for CKA; Song et al. 2012 for HSIC1; Székely & Rizzo 2014
    for U-centring. The whole-set limit of `cka_minibatch` (Nguyen et al. 2021, prop. 1).
    Invariant to orthogonal maps, isotropic scaling, translation; symmetric.
    Range: at most 1; around 0, also below, for independent data. Negative estimates are kept.
    Misleads: a few directions of large variance decide it (low-variance directions can be deleted
    unnoticed: Ding et al. 2021), and so do a few far-out examples (Davari et al. 2022). Features
    drawn from a larger population are corrected for by `cka_debiased_features` only.
    """
    return _cosine(sums(a, b, Linear, Centring.SONG, dtype=None))


@measure(*KERNEL)
def cka_biased(a: Layers, b: Layers | None) -> Scores:
    """Linear CKA with the biased estimator of HSIC.

    Formula: |X'Y|² / (|X'X| |Y'Y|), Frobenius norms of centred features.
    Source: Kornblith et al. 2019, with HSIC of Gretton et al. 2005.
    Invariant to orthogonal maps, isotropic scaling, translation; symmetric.
    Range: 0 to 1.
    Misleads: with more features than examples it tends to 1 for independent data (.94 at 256
    examples and 4,096 features: Murphy et al. 2024). Offered for comparison with published values;
    use `cka` otherwise.
    """
    return _cosine(sums(a, b, Linear, Centring.GRETTON, dtype=None))


@measure(*KERNEL, bounds=(-1, 1))
def cka_lange(a: Layers, b: Layers | None) -> Scores:
    """Linear CKA from the off-diagonal entries of the doubly centred Gram matrices.

    Formula: the cosine of the off-diagonal parts of HKH and HLH.
    Source: Lange et al. 2023, "Deep networks as paths on the manifold of neural representations".
    Invariant to orthogonal maps, isotropic scaling, translation; symmetric.
    Range: -1 to 1.
    Misleads: close to `cka` but not unbiased; the difference matters with few examples.
    """
    return _cosine(sums(a, b, Linear, Centring.LANGE, dtype=None))


@measure(
    Inv.ISOTROPIC_SCALING,
    Inv.TRANSLATION,
    Inv.SYMMETRY,
    Inv.PERMUTATION,
    bounds=(-np.inf, np.inf),
    self_value=None,
)
def cka_debiased_features(a: Layers, b: Layers | None) -> Scores:
    """Linear CKA corrected for having sampled both the examples and the features.

    Formula: S(X, Y) / sqrt(S(X, X) S(Y, Y)); S(X, Y) = HSIC1(XX', YY') / (p q), and in
    S(X, X) = [HSIC1(XX', XX') - sum_k HSIC1(x_k x_k', x_k x_k')] / (p (p - 1)) no feature x_k meets
    itself.
    Source: Chun et al. 2025, "Estimating neural representation alignment from sparsely sampled
    inputs and features" (arXiv 2502.15104).
    Invariant to isotropic scaling and translation; symmetric. Not to rotations: features are the
    sample.
    Range: unbounded; a layer with itself need not score 1. Undefined (NaN with a reason) for a
    single feature, and where the product under the root is not positive. Where both self terms are
    negative, the published formula gives a number without meaning: it is given, with that reason.
    Misleads: with few or nearly independent features the denominators are noise (values of 10 and
    more); read it only where features are many and share structure.
    """
    total = sums(a, b, Linear, Centring.SONG, dtype=np.float64)
    own_a, p = _own_terms(a)
    own_b, q = (own_a, p) if b is None else _own_terms(b)
    reason = reasons(total.states_a, total.states_b)
    with np.errstate(all="ignore"):
        # A single feature has no other to meet.
        self_a = np.where(p > 1, (total.aa - own_a) / (p * (p - 1)), np.nan)
        self_b = np.where(q > 1, (total.bb - own_b) / (q * (q - 1)), np.nan)
        value = total.ab / np.outer(p, q) / np.sqrt(np.outer(self_a, self_b))
    for i, j in np.ndindex(*value.shape):
        if reason[i, j]:
            value[i, j] = np.nan
        elif not (self_a[i] > 0 and self_b[j] > 0):
            terms = (("layer_a", self_a[i]), ("layer_b", self_b[j]))
            names = " and ".join(name for name, term in terms if not term > 0)
            reason[i, j] = (
                f"the feature-corrected self term of {names} is not positive: too few features, or "
                "features that have nothing in common"
            )
    return Scores(value, reason)


@measure(*KERNEL, bounds=(-1, 1))
def cka_rbf(
    a: Layers,
    b: Layers | None,
    bandwidth: float | None = None,
    median_fraction: float = 1.0,
    median_of: str = "pairs",
    unbiased: bool = True,
) -> Scores:
    """CKA with a Gaussian (RBF) kernel.

    Formula: as `cka` (unbiased=False: as `cka_biased`) with K_ij = exp(-|x_i - x_j|² / 2σ²). σ is
    `bandwidth`, the same number for both sides, or, if that is None, `median_fraction` times the
    root of the median squared distance of the layer's examples: over pairs (`median_of="pairs"`)
    or, as google-research's demonstration does, over all n² entries of the distance matrix, zero
    diagonal included (`"all"`).
    Source: Kornblith et al. 2019, sec. 3.
    Invariant to orthogonal maps and translation; symmetric; to isotropic scaling with the median
    rule only, not with an absolute bandwidth.
    Range: at most 1; around 0, also below, for independent data unless biased.
    Misleads: the value depends on σ, small ones see only nearest neighbours, large ones give linear
    CKA; never compare values of different rules (they differ by some 1e-3 for `pairs` and `all`).
    """
    choice("median_of", median_of, ("pairs", "all"))
    between("median_fraction", median_fraction, 0)
    if bandwidth is not None:
        between("bandwidth", bandwidth, 0)
        if (median_fraction, median_of) != (1.0, "pairs"):
            raise ConfigError(
                "bandwidth and the rule of the median (median_fraction, median_of) exclude each "
                "other; give one of them."
            )
    if not isinstance(unbiased, (bool, np.bool_)):
        raise ConfigError(f"unbiased is {unbiased!r}; True or False is expected.")
    kernel: MatrixOf = partial(
        Rbf,
        bandwidth=None if bandwidth is None else float(bandwidth),
        median_fraction=float(median_fraction),
        median_of=median_of,
    )
    return _cosine(sums(a, b, kernel, Centring.SONG if unbiased else Centring.GRETTON))


def _cosine(total: Sums) -> Scores:
    with np.errstate(all="ignore"):
        value = ratio(total.ab, total.aa, total.bb)
    reason = reasons(total.states_a, total.states_b)
    value[reason != ""] = np.nan
    return Scores(value, reason)


def _own_terms(layers: Layers) -> tuple[np.ndarray, np.ndarray]:
    """n (n - 3) sum_k HSIC1(x_k x_k', x_k x_k') over each layer's features, and their numbers."""
    own, features = np.zeros(len(layers)), np.zeros(len(layers))
    for index in range(len(layers)):
        centred = centre(layers.read(index))
        x = centred.x
        n, features[index] = x.shape
        if not centred.state:
            second, fourth = (x**2).sum(axis=0), (x**4).sum(axis=0)
            squares = second**2 * (1 + 1 / ((n - 1) * (n - 2)))
            own[index] = (squares - n / (n - 2) * fourth).sum()
    return own, features


MEASURES: tuple[Measure, ...] = (cka, cka_biased, cka_lange, cka_debiased_features, cka_rbf)
