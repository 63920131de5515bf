"""What each measure declares, and that it declares all that holds."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from repatlas import catalogue
from repatlas.similarity import MEASURES, compare
from repatlas.similarity.measure import Invariance

SEEDS = st.integers(0, 2**32 - 1)
FEW = settings(max_examples=8, deadline=None, derandomize=True)
NAMES = sorted(MEASURES)
# Options under which a measure has something to do at the sizes used here.
OPTIONS = {"cka_minibatch": {"batch_size": 12}, "knn_jaccard": {"k": 5}}
# arccos magnifies the rounding of its argument near 1.
TOLERANCE = {"angular_shape": 1e-6}


@pytest.fixture(autouse=True)
def _quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def layers(seed):
    """Two related layers of different width with means and unequal variances."""
    rng = np.random.default_rng(seed)
    n, p, q = 48, int(rng.integers(3, 9)), int(rng.integers(3, 9))
    shared = rng.standard_normal((n, 4))
    x = shared @ rng.standard_normal((4, p)) + 0.3 * rng.standard_normal((n, p)) + 1
    y = shared @ rng.standard_normal((4, q)) + 0.3 * rng.standard_normal((n, q)) - 2
    return rng, x, y


def rotation(rng, p):
    return np.linalg.qr(rng.standard_normal((p, p)))[0]


def invertible(rng, p):
    return rotation(rng, p) * rng.uniform(0.3, 3, p) @ rotation(rng, p)


def changed(invariance, rng, x, y):
    """(x, y) after a change that the invariance is about."""
    p, q = x.shape[1], y.shape[1]
    if invariance is Invariance.ORTHOGONAL:
        return x @ rotation(rng, p), y @ rotation(rng, q)
    if invariance is Invariance.ISOTROPIC_SCALING:
        return x * rng.uniform(1e-3, 1e3), y * rng.uniform(1e-3, 1e3)
    if invariance is Invariance.TRANSLATION:
        return x + rng.uniform(-9, 9, p), y + rng.uniform(-9, 9, q)
    if invariance is Invariance.INVERTIBLE_LINEAR:
        return x @ invertible(rng, p), y @ invertible(rng, q)
    if invariance is Invariance.SYMMETRY:
        return y, x
    order = rng.permutation(len(x))
    return x[order], y[order]


def value(name, x, y):
    return compare(x, y, name, **OPTIONS.get(name, {}))


HELD = [(name, kind) for name in NAMES for kind in Invariance if kind in MEASURES[name].invariances]
BROKEN = [
    (name, kind) for name in NAMES for kind in Invariance if kind not in MEASURES[name].invariances
]


@pytest.mark.parametrize(("name", "invariance"), HELD)
def test_declared_invariances_hold(name, invariance):
    @FEW
    @given(SEEDS)
    def check(seed):
        rng, x, y = layers(seed)
        expected = value(name, x, y)
        found = value(name, *changed(invariance, rng, x, y))
        tolerance = {"rel": 1e-8, "abs": TOLERANCE.get(name, 1e-9), "nan_ok": True}
        assert found == pytest.approx(expected, **tolerance)

    check()


@pytest.mark.parametrize(("name", "invariance"), BROKEN)
def test_invariances_that_are_not_declared_do_not_hold(name, invariance):
    differences = []
    for seed in range(5):
        rng, x, y = layers(seed)
        differences.append(value(name, *changed(invariance, rng, x, y)) - value(name, x, y))
    assert np.nanmax(np.abs(differences)) > 1e-4


@pytest.mark.parametrize("name", NAMES)
def test_a_layer_with_itself(name):
    expected = MEASURES[name].self_value

    @FEW
    @given(SEEDS)
    def check(seed):
        _, x, _ = layers(seed)
        assert value(name, x, x.copy()) == pytest.approx(expected, abs=TOLERANCE.get(name, 1e-12))

    if expected is None:
        rng = np.random.default_rng(0)
        assert value(name, *[rng.standard_normal((48, 300))] * 2) != pytest.approx(1, abs=0.1)
    else:
        check()


@pytest.mark.parametrize("name", NAMES)
def test_values_stay_in_the_declared_range(name):
    low, high = MEASURES[name].bounds

    @FEW
    @given(SEEDS, st.sampled_from([1, 2, 5, 200]), st.sampled_from([1, 3, 100]))
    def check(seed, p, q):
        rng = np.random.default_rng(seed)
        x, y = rng.standard_normal((48, p)), rng.standard_normal((48, q)) ** 3
        for other in (y, -x, x[:, :1]):
            found = value(name, x, other)
            # Undefined is what the definition leaves so: no two features, too few of them to tell.
            undefined = name == "cka_debiased_features" or 1 in (p, q) or other.shape[1] == 1
            assert (np.isnan(found) and undefined) or low - 1e-12 <= found <= high + 1e-12

    check()


@FEW
@given(SEEDS)
def test_the_angular_distance_obeys_the_triangle_inequality(seed):
    rng = np.random.default_rng(seed)
    x, y, z = (rng.standard_normal((20, 4)) for _ in range(3))
    y, z = x + 0.2 * y, x + 0.4 * z

    def d(a, b):
        return compare(a, b, "angular_shape")

    assert d(x, z) <= d(x, y) + d(y, z) + 1e-9


def test_options_change_what_a_measure_is_invariant_to():
    rng, x, y = layers(0)
    expected = compare(x, y, "rsa", rdm="euclidean")
    assert compare(x @ rotation(rng, x.shape[1]) + 3, y, "rsa", rdm="euclidean") == pytest.approx(
        expected
    )
    fixed = compare(x, y, "cka_rbf", bandwidth=2.0)
    assert compare(3 * x, y, "cka_rbf", bandwidth=2.0) != pytest.approx(fixed, abs=1e-3)
    assert compare(3 * x, 3 * y, "cka_rbf", bandwidth=6.0) == pytest.approx(fixed)
    for name, option in (("pwcca", "weights"), ("linear_regression", "target")):
        there = compare(x, y, name, **{option: "mean"})
        assert compare(y, x, name, **{option: "mean"}) == pytest.approx(there)


@pytest.mark.parametrize("name", NAMES)
def test_every_docstring_says_what_a_reader_must_know(name):
    text = MEASURES[name].__doc__
    for part in ("Formula:", "Source:", "Invariant to", "Range:", "Misleads:"):
        assert part in text, part
    for option in MEASURES[name].options:
        assert option in text


def test_the_catalogue_knows_all_measures_what_they_need_and_which_are_distances():
    """The names a study may use are known without importing the measures; they must agree."""
    assert set(catalogue.MEASURES) == set(MEASURES)
    for name, measure in MEASURES.items():
        assert catalogue.MEASURES[name] is not measure.from_grams
        assert (name in catalogue.DISTANCES) is measure.distance
