"""What is equal in exact arithmetic is equal: rounding ranks no dissimilarities, picks no
neighbours, and adds no directions."""

import warnings

import numpy as np
import pytest
from repatlas.similarity import MEASURES, compare
from repatlas.similarity.measure import UndefinedSimilarityWarning
from repatlas.similarity.neighbourhoods import _levels
from scipy.spatial.distance import pdist
from scipy.stats import kendalltau, spearmanr

RANKED = [("euclidean", "spearman"), ("squared_euclidean", "spearman"), ("euclidean", "kendall")]


def binary(p, seed=0, n=60):
    """Few features of 0 and 1: many pairs of examples at the same distance."""
    return np.random.default_rng(seed).integers(0, 2, (n, p)).astype(float)


def rotation(p):
    return np.linalg.qr(np.random.default_rng(9).standard_normal((p, p)))[0]


@pytest.mark.parametrize(("rdm", "comparison"), RANKED)
def test_equal_dissimilarities_are_ties(rdm, comparison):
    x, y = binary(6), binary(9, seed=1)
    exact = kendalltau if comparison == "kendall" else spearmanr
    # Hamming distances: whole numbers, on which the squared Euclidean ones lie.
    expected = exact(pdist(x, "cityblock"), pdist(y, "cityblock")).statistic
    for given in (x, x + 0.1, 3 * x, x @ rotation(6) + 2):
        assert compare(given, y, "rsa", rdm=rdm, comparison=comparison) == pytest.approx(
            expected, abs=1e-12
        )


@pytest.mark.parametrize("n", [40, 300])
def test_one_hot_features_have_two_distances(n):
    labels = np.arange(n) % 4
    x, y = np.eye(4)[labels], np.random.default_rng(1).standard_normal((n, 5))
    expected = spearmanr(pdist(labels[:, None], "hamming"), pdist(y)).statistic
    assert compare(x, y, "rsa", rdm="euclidean") == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("k", [1, 5, 10])
def test_neighbours_at_equal_distances_are_taken_in_order(metric, k):
    x = binary(6)
    options = {"metric": metric, "k": k}
    for same in (x + 0.1, 3 * x, x @ rotation(6), np.repeat(x, 2, axis=1)):
        assert compare(x, same, "knn_jaccard", **options) == 1
    if metric == "euclidean":
        far = (x[:, None] != x[None]).sum(axis=2) + 1000 * np.eye(len(x))
        own = [set(row) for row in np.argsort(far, axis=1, kind="stable")[:, :k]]
        y = np.random.default_rng(2).standard_normal((60, 3))
        apart = np.linalg.norm(y[:, None] - y[None], axis=2) + 1000 * np.eye(60)
        others = [set(row) for row in np.argsort(apart, axis=1)[:, :k]]
        expected = np.mean([len(a & b) / len(a | b) for a, b in zip(own, others, strict=True)])
        assert compare(x, y, "knn_jaccard", **options) == pytest.approx(expected, abs=1e-12)


def test_duplicates_share_their_neighbours():
    z = np.repeat(np.random.default_rng(0).standard_normal((40, 5)), 2, axis=0)
    assert compare(z, z @ rotation(5), "knn_jaccard", k=1) == 1


def test_levels_are_told_apart_beyond_the_rounding():
    values = np.array([[0.3, 0.1, 0.1 + 1e-13, 0.2, 0.1 - 1e-13], [5, 4, 3, 2, 1]])
    assert _levels(values, 1e-12).tolist() == [[3, 1, 1, 2, 1], [5, 4, 3, 2, 1]]
    assert _levels(values[0], 0).tolist() == [5, 2, 3, 4, 1]


@pytest.mark.parametrize("p", range(5, 14))
@pytest.mark.parametrize("value", [0.0, 0.1, 0.3, 0.7, 1.1])
def test_an_example_of_equal_features_has_no_correlation_with_others(p, value):
    x = np.random.default_rng(0).standard_normal((20, p))
    x[3] = value
    with pytest.warns(UndefinedSimilarityWarning, match="all zero or all equal"):
        assert np.isnan(compare(x, binary(4, n=20), "rsa"))


@pytest.mark.parametrize("seed", range(8))
def test_exactly_independent_layers_have_a_distance_correlation_of_0(seed):
    rng = np.random.default_rng(seed)
    # Every combination of two factors once.
    x = np.repeat(rng.standard_normal((8, 2)), 8, axis=0)
    y = np.tile(rng.standard_normal((8, 2)), (8, 1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert compare(x, y, "distance_correlation") == pytest.approx(0, abs=1e-7)


@pytest.mark.parametrize("mean", [0, 10])
@pytest.mark.parametrize("q", [40, 200])
@pytest.mark.parametrize("name", ["cca_mean", "cca_r2", "svcca", "pwcca", "linear_regression"])
def test_directions_of_float32_rounding_do_not_count(name, q, mean):
    """Two linear maps of the same 10 features: the same 10 directions, and rounding."""
    rng = np.random.default_rng(0)
    z = rng.standard_normal((300, 10), dtype=np.float32)
    x, y = (z @ rng.standard_normal((10, p), dtype=np.float32) + mean for p in (30, q))
    assert x.dtype == np.float32
    options = {"keep": 1.0} if name == "svcca" else {}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert compare(x, y, name, **options) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("scale", [1e-45, 1e38, 1e60])
def test_features_of_both_sides_may_be_of_any_size(scale):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((96, 6))
    y = x[:, :5] + rng.standard_normal((96, 5))
    for name, measure in MEASURES.items():
        options = {"batch_size": 12} if name == "cka_minibatch" else {}
        expected = measure(x, y, **options)
        assert measure(x * scale, y * scale, **options) == pytest.approx(expected, abs=1e-9), name


@pytest.mark.parametrize("name", MEASURES)
def test_what_is_not_a_number_has_a_reason(name):
    rng = np.random.default_rng(0)
    plain, dead = rng.standard_normal((24, 5)), np.ones((24, 3))
    huge = np.full((24, 5), 1e300) * plain
    broken = plain.copy()
    broken[2, 2] = np.nan
    for x in (plain, dead, huge, broken, np.eye(24), binary(2, n=24), plain[:, :1]):
        for y in (plain, dead, broken, plain[::-1, :1]):
            with warnings.catch_warnings(record=True) as said:
                warnings.simplefilter("always")
                value = MEASURES[name](x, y)
            assert np.isfinite(value) or said
