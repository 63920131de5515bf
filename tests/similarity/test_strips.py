"""Matrices of examples made strip by strip are the matrices made whole."""

from functools import partial

import numpy as np
import pytest
from repatlas.similarity.inputs import as_layers, centre
from repatlas.similarity.profiles import ONE_VALUE, Centring, Distances, Linear, Rbf, sums
from repatlas.similarity.scores import DEAD
from repatlas.similarity.shape import _unit

KINDS = {
    "linear": Linear,
    "distances": Distances,
    "median": partial(Rbf, bandwidth=None, median_fraction=0.5, median_of="pairs"),
    "all": partial(Rbf, bandwidth=None, median_fraction=0.5, median_of="all"),
    "bandwidth": partial(Rbf, bandwidth=3.0, median_fraction=1.0, median_of="pairs"),
}


def layers(count, seed):
    rng = np.random.default_rng(seed)
    return as_layers([rng.standard_normal((30, 4 + k)) + 2 for k in range(count)])


@pytest.mark.parametrize("memory", [30 * 8 * 5 * 7, 30 * 8 * 5 * 29, 1])
@pytest.mark.parametrize("centring", list(Centring))
@pytest.mark.parametrize("kind", KINDS)
def test_strips_add_up(kind, centring, memory):
    a, b = layers(2, 0), layers(3, 1)
    whole = sums(a, b, KINDS[kind], centring)
    strips = sums(a, b, KINDS[kind], centring, memory=memory)
    for one, two in ((whole.ab, strips.ab), (whole.aa, strips.aa), (whole.bb, strips.bb)):
        np.testing.assert_allclose(two, one, rtol=1e-9, atol=1e-12 * np.abs(one).max())
    within = sums(a, None, KINDS[kind], centring, memory=memory)
    np.testing.assert_allclose(within.ab.diagonal(), within.aa, rtol=1e-12)
    np.testing.assert_allclose(within.aa, whole.aa, rtol=1e-9)


def test_sums_are_over_all_ordered_pairs_of_examples():
    (x, y), h = (layers(1, k).read(0) for k in (0, 1)), np.eye(30) - 1 / 30
    k, m = h @ x @ x.T @ h, h @ y @ y.T @ h
    found = sums(as_layers([x]), as_layers([y]), Linear, Centring.GRETTON)
    # Features are brought to unit scale, so ratios are what counts.
    expected = (k * m).sum() / np.sqrt((k * k).sum() * (m * m).sum())
    assert found.ab[0, 0] / np.sqrt(found.aa[0] * found.bb[0]) == pytest.approx(expected)
    np.fill_diagonal(k, 0)
    np.fill_diagonal(m, 0)
    found = sums(as_layers([x]), as_layers([y]), Linear, Centring.LANGE)
    expected = (k * m).sum() / np.sqrt((k * k).sum() * (m * m).sum())
    assert found.ab[0, 0] / np.sqrt(found.aa[0] * found.bb[0]) == pytest.approx(expected)


@pytest.mark.parametrize("memory", [512e6, 1])
def test_examples_at_equal_distances_are_a_dead_layer(memory):
    simplex = as_layers([np.eye(20) * 0.3, np.random.default_rng(0).standard_normal((20, 3))])
    for kind in KINDS.values():
        dead, alive = sums(simplex, None, kind, Centring.SONG, memory=memory).states_a
        assert dead == (DEAD if kind in (Linear, Distances) else ONE_VALUE)
        assert alive == ""


def test_bandwidths_are_found_once_a_layer(monkeypatch):
    found = []
    original = Rbf._root_median

    def counted(self, of):
        found.append(of)
        return original(self, of)

    monkeypatch.setattr(Rbf, "_root_median", counted)
    sums(layers(2, 0), layers(3, 1), KINDS["median"], Centring.SONG, memory=1)
    assert len(found) == 5


def test_wide_layers_are_turned_into_as_many_dimensions_as_examples():
    x = np.random.default_rng(0).standard_normal((20, 500))
    x -= x.mean(axis=0)
    small = _unit(centre(x))
    assert small.shape == (20, 20)
    np.testing.assert_allclose(small @ small.T, x @ x.T / (x**2).sum(), atol=1e-15)


def test_features_are_read_again_for_each_strip_and_not_kept():
    reads = []

    class Lazy(dict):
        def __getitem__(self, key):
            reads.append(key)
            return super().__getitem__(key)

    data = Lazy(one=np.random.default_rng(0).standard_normal((30, 4)))
    sums(as_layers(data), None, Linear, Centring.SONG, memory=30 * 8 * 10)
    assert len(reads) <= 1 + 3
