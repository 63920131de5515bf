"""Values on which independent implementations agree, and published ones."""

import json
import math
import warnings
from pathlib import Path

import numpy as np
import pytest
from oracle_cases import cases
from repatlas.similarity import compare
from repatlas.similarity.measure import UndefinedSimilarityWarning
from scipy.spatial.distance import pdist

METRICS = json.loads(Path(__file__).with_name("oracle.json").read_text())["metrics"]
INPUTS = cases()
CROWDED = "relu n256 p200 q150"


def root_median(x):
    """The absolute bandwidth of the two cka_rbf_sigma columns, the same for X and Y."""
    return {"bandwidth": float(np.sqrt(np.median(pdist(x, "sqeuclidean"))))}


COLUMNS = {
    "cka_lin_biased": ("cka_biased", {}),
    "cka_lin_song": ("cka", {}),
    "cka_lin_lange": ("cka_lange", {}),
    "cka_chun": ("cka_debiased_features", {}),
    "cka_rbf_sigma": ("cka_rbf", {"unbiased": False}),
    "cka_rbf_sigma_song": ("cka_rbf", {}),
    "cka_rbf_median(all)": ("cka_rbf", {"median_of": "all", "unbiased": False}),
    "cka_rbf_median(offdiag)": ("cka_rbf", {"median_of": "pairs", "unbiased": False}),
    "mean_cca": ("cca_mean", {}),
    "r2_cca": ("cca_r2", {}),
    "svcca_99var": ("svcca", {"keep": 0.99}),
    "svcca_99sv": ("svcca", {"keep": 0.99, "threshold_on": "singular_values"}),
    "pwcca": ("pwcca", {}),
    "procrustes": ("procrustes", {}),
    "rsa_corr_spearman": ("rsa", {}),
    "rsa_corr_pearson": ("rsa", {"comparison": "pearson"}),
    "rsa_sqeuc_cosine": ("rsa", {"rdm": "squared_euclidean", "comparison": "cosine"}),
}
ENTRIES = [
    (column, case, value)
    for column, entry in METRICS.items()
    for case, value in entry["values"].items()
]


def score(column, case):
    x, y = INPUTS[case]
    measure, options = COLUMNS[column]
    if column.startswith("cka_rbf_sigma"):
        options = options | root_median(x)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndefinedSimilarityWarning)
        return compare(x, y, measure, **options)


def test_every_column_of_the_oracle_is_compared():
    assert set(COLUMNS) == set(METRICS)
    assert len(ENTRIES) == 126


@pytest.mark.parametrize(("column", "case", "expected"), ENTRIES)
def test_oracle(column, case, expected):
    value = score(column, case)
    if math.isnan(expected):
        assert math.isnan(value)
    elif (column, case) == ("pwcca", CROWDED):
        # 200 and 150 directions of 255 share 95 by counting alone. Which basis of the shared ones
        # is weighted, the definition leaves open and the oracle's number leaves to rounding; see
        # test_the_definition_of_pwcca_leaves_the_weights_of_shared_directions_open.
        assert value == pytest.approx(expected, abs=2e-3)
    else:
        assert value == pytest.approx(expected, abs=1e-8)


def test_angular_shape_and_the_limit_of_minibatches_follow_from_the_oracle():
    for case, (x, y) in INPUTS.items():
        angle = compare(x, y, "angular_shape")
        assert math.cos(angle) == pytest.approx(METRICS["procrustes"]["values"][case], abs=1e-8)
        whole = compare(x, y, "cka_minibatch", batch_size=len(x))
        assert whole == pytest.approx(METRICS["cka_lin_song"]["values"][case], abs=1e-8)


def test_published_values_of_google_research():
    rng = np.random.RandomState(1337)
    x = rng.randn(100, 10)
    y = rng.randn(100, 10) + x
    assert compare(x, y, "cka_biased") == pytest.approx(0.55761, abs=5e-6)
    rbf = {"median_fraction": 0.5, "median_of": "all", "unbiased": False}
    assert compare(x, y, "cka_rbf", **rbf) == pytest.approx(0.65483, abs=5e-6)
    assert compare(x, y, "cka") == pytest.approx(0.51346, abs=5e-6)
    # Theirs, .54312, is of features that were not centred.
    assert compare(x, y, "cca_r2") == pytest.approx(0.54540, abs=5e-6)
    qx, qy = np.linalg.qr(x)[0], np.linalg.qr(y)[0]
    assert np.linalg.norm(qx.T @ qy) ** 2 / 10 == pytest.approx(0.54312, abs=5e-6)


def bases(x, y):
    """Orthonormal bases of the centred features of both."""
    return [np.linalg.svd(z - z.mean(axis=0), full_matrices=False)[0] for z in (x, y)]


def test_the_definition_of_pwcca_leaves_the_weights_of_shared_directions_open():
    """Canonical variates with correlation 1 may be turned among themselves: every turn is an
    answer to the definition (orthonormal variates, the same correlations), with another value."""
    x, y = INPUTS[CROWDED]
    centred = x - x.mean(axis=0)
    ux, uy = bases(x, y)
    left, rho, right = np.linalg.svd(ux.T @ uy, full_matrices=False)
    assert (rho > 1 - 1e-12).sum() == 95
    assert rho[95] < 0.99
    variates = ux @ left
    shared = variates[:, :95]

    def value(turn):
        turned = np.hstack([shared @ turn, variates[:, 95:]])
        partners = np.hstack([uy @ right.T[:, :95] @ turn, uy @ right.T[:, 95:]])
        np.testing.assert_allclose(turned.T @ turned, np.eye(150), atol=1e-12)
        np.testing.assert_allclose((turned * partners).sum(axis=0), rho, atol=1e-12)
        weights = np.abs(turned.T @ centred).sum(axis=1)
        return weights @ rho / weights.sum()

    rng = np.random.default_rng(0)
    random = [value(np.linalg.qr(rng.standard_normal((95, 95)))[0]) for _ in range(20)]
    # Along the principal components of the features' projection: as uneven as it gets.
    uneven = value(np.linalg.svd(shared.T @ centred, full_matrices=False)[0])
    oracle = METRICS["pwcca"]["values"][CROWDED]
    assert uneven < 0.958 < oracle < min(random)
    assert np.std(random) > 3e-5, "a thousand times what other values are known to"
    # Ours, the mean over all of them, is pinned here.
    found = score("pwcca", CROWDED)
    assert found == pytest.approx(0.9681496936, abs=1e-9)
    assert found == pytest.approx(np.mean(random), abs=4 * np.std(random) / np.sqrt(20))


def by_counting():
    return INPUTS[CROWDED]


def by_computing_the_same():
    """Six features of each side are combinations of the same six; there is room for all."""
    rng = np.random.default_rng(5)
    x = rng.standard_normal((100, 20))
    same = x[:, :6] @ rng.standard_normal((6, 6))
    return x, np.hstack([same, rng.standard_normal((100, 8))])


@pytest.mark.parametrize("shared", [by_counting, by_computing_the_same])
def test_pwcca_does_not_depend_on_the_choice_of_shared_directions(shared):
    """What leaves the definition's ingredients alone leaves the value alone."""
    x, y = shared()
    rng = np.random.default_rng(0)
    order, features = rng.permutation(len(x)), rng.permutation(x.shape[1])
    turn = np.linalg.qr(rng.standard_normal((y.shape[1],) * 2))[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndefinedSimilarityWarning)
        expected = compare(x, y, "pwcca")
        for a, b in (
            (x[order], y[order]),
            (x[:, features], y),
            (x, y @ turn * rng.uniform(0.5, 2, y.shape[1])),
            (-3 * x + 5, y - 2),
        ):
            assert compare(a, b, "pwcca") == pytest.approx(expected, abs=1e-10)


def test_only_sharing_by_counting_is_a_reason_to_mistrust():
    with pytest.warns(UndefinedSimilarityWarning, match="95 of 150 canonical correlations are 1"):
        compare(*by_counting(), "pwcca")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compare(*by_computing_the_same(), "pwcca")


def test_pwcca_weights_shared_directions_by_their_mean_over_all_bases():
    # 14 examples leave 13 dimensions: 8 and 9 directions share 4. Random bases of those, averaged.
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((14, 8)), rng.standard_normal((14, 9))
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    ux, uy = np.linalg.svd(x, full_matrices=False)[0], np.linalg.svd(y, full_matrices=False)[0]
    left, rho, _ = np.linalg.svd(ux.T @ uy, full_matrices=False)
    np.testing.assert_allclose(rho[:4], 1, atol=1e-12)
    variates = ux @ left
    fixed = np.abs(variates.T @ x).sum(axis=1)
    shared = np.zeros(4)
    for _ in range(4000):
        turn = np.linalg.qr(rng.standard_normal((4, 4)))[0]
        shared += np.abs((variates[:, :4] @ turn).T @ x).sum(axis=1) / 4000
    weights = np.concatenate([np.full(4, shared.mean()), fixed[4:]])
    expected = weights @ rho / weights.sum()
    with pytest.warns(UndefinedSimilarityWarning, match="4 of 8 canonical"):
        assert compare(x, y, "pwcca") == pytest.approx(expected, abs=1e-3)
