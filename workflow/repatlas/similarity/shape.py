"""Measures of shape: how well a rotation lays one layer's examples over another's."""

from __future__ import annotations

import numpy as np
from scipy.linalg import qr, svdvals

from repatlas.similarity.forms import compare_forms, of_centred
from repatlas.similarity.inputs import Centred, Layers
from repatlas.similarity.measure import Invariance as Inv
from repatlas.similarity.measure import Measure, measure
from repatlas.similarity.scores import Scores

SHAPE = (Inv.ORTHOGONAL, Inv.ISOTROPIC_SCALING, Inv.TRANSLATION, Inv.SYMMETRY, Inv.PERMUTATION)


@measure(*SHAPE)
def procrustes(a: Layers, b: Layers | None) -> Scores:
    """Normalised nuclear norm of the cross-covariance: the best rotation's agreement.

    Formula: |X'Y|_* / (|X| |Y|) of centred features, |.|_* the sum of singular values. The
    Procrustes distance of unit-norm features is the root of 2 - 2 times this.
    Source: Ding et al. 2021; Williams et al. 2021.
    Invariant to orthogonal maps, isotropic scaling, translation; symmetric.
    Range: 0 to 1.
    Misleads: far from 0 for independent data with few examples (there is no unbiased form); layers
    that differ in many low-variance directions score lower than by CKA, which may or may not be
    wanted.
    """
    return _shapes(a, b)


@measure(*SHAPE, bounds=(0, np.pi / 2), self_value=0, distance=True)
def angular_shape(a: Layers, b: Layers | None) -> Scores:
    """Angular shape distance: the angle left after the best rotation, in radians.

    Formula: arccos(|X'Y|_* / (|X| |Y|)) of centred features.
    Source: Williams et al. 2021, "Generalized shape metrics on neural representations".
    Invariant to orthogonal maps, isotropic scaling, translation; symmetric; obeys the triangle
    inequality.
    Range: 0 (same shape) to pi / 2. A distance: small means alike. Near 0 it is known to some 1e-8
    only, the root of the rounding of the cosine.
    Misleads: as `procrustes`.
    """
    scores = _shapes(a, b)
    # The cosine exceeds 1 by rounding alone.
    return Scores(np.arccos(np.minimum(scores.value, 1)), scores.reason)


def _shapes(a: Layers, b: Layers | None) -> Scores:
    return compare_forms(a, b, of_centred(_unit), _nuclear)


def _unit(centred: Centred) -> np.ndarray:
    """Unit-norm features of the same shape, in no more dimensions than there are examples."""
    x = centred.x
    if x.shape[1] > len(x):
        x = qr(x.T, mode="r", check_finite=False)[0][: len(x)].T
    return x / np.linalg.norm(x)


def _nuclear(x: np.ndarray, y: np.ndarray) -> float:
    return float(svdvals(x.T @ y, check_finite=False).sum())


MEASURES: tuple[Measure, ...] = (procrustes, angular_shape)
