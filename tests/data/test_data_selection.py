from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from repatlas.data import held_out, randomise_labels, subset
from repatlas.errors import ConfigError, DataError


def test_fractions_are_nested_prefixes_of_one_order(digits_set):
    sizes = {f: len(subset(digits_set, f)) for f in (1, 1 / 4, 1 / 16, 0.001)}
    assert sizes == {1: 1285, 1 / 4: 321, 1 / 16: 80, 0.001: 1}
    for fraction, size in sizes.items():
        assert subset(digits_set, fraction).tolist() == digits_set.train_order[:size].tolist()
    assert sorted(subset(digits_set, 1)) == list(range(1285))


def test_fraction_is_stratified(digits_set):
    shares = np.bincount(digits_set.train_labels) / 1285 * 80
    found = np.bincount(digits_set.train_labels[subset(digits_set, 1 / 16)])
    assert np.abs(found - shares).max() < 1.6


def test_held_out_is_the_disjoint_end_of_the_order(digits_set):
    outside = held_out(digits_set, 1 / 4)
    assert sorted([*outside, *subset(digits_set, 1 / 4)]) == list(range(1285))
    limited = held_out(digits_set, 1 / 4, limit=100)
    assert limited.tolist() == digits_set.train_order[-100:].tolist()
    assert held_out(digits_set, 1 / 16, limit=100).tolist() == limited.tolist()
    balanced = np.bincount(digits_set.train_labels[limited], minlength=10)
    assert balanced.min() >= 8
    assert balanced.max() <= 12


def test_nothing_held_out(digits_set):
    with pytest.raises(DataError, match="No training image is left outside"):
        held_out(digits_set, 1)


def test_a_fraction_of_nothing(digits_set):
    with pytest.raises(DataError, match="leaves none of the 1285"):
        subset(digits_set, 0.0001)


@pytest.mark.parametrize("fraction", [0, -0.5, 1.01, float("nan")])
def test_fraction_out_of_range(digits_set, fraction):
    for function in (subset, held_out):
        with pytest.raises(ConfigError, match="0 < fraction <= 1"):
            function(digits_set, fraction)


def test_held_out_limit_below_one(digits_set):
    with pytest.raises(ConfigError, match="1 or more"):
        held_out(digits_set, 0.5, limit=0)


def test_rounding_is_to_the_nearest_number(digits_set):
    ten = replace(digits_set, train_order=np.arange(10))
    assert len(subset(ten, 0.26)) == 3
    assert len(subset(ten, 0.24)) == 2


def test_no_and_all_labels_random():
    labels = np.arange(1000) % 10
    assert randomise_labels(labels, 0, 10, seed=0).tolist() == labels.tolist()
    drawn = randomise_labels(labels, 1, 10, seed=0)
    kept = (drawn == labels).mean()
    assert 0.06 < kept < 0.14  # by chance one in ten
    assert np.bincount(drawn, minlength=10).min() > 60
    assert labels.tolist() == (np.arange(1000) % 10).tolist()


def test_the_share_counts_examples_chosen_not_labels_changed():
    labels = np.zeros(1000, dtype=int)
    changed = (randomise_labels(labels, 0.5, 10, seed=1) != labels).sum()
    assert 420 < changed < 480  # nine in ten of 500


@given(st.floats(0, 1), st.floats(0, 1), st.integers(0, 50))
@example(0.126, 0.994, 0)
@settings(deadline=None, max_examples=40)
def test_random_labels_are_nested_and_deterministic(a, b, seed):
    a, b = sorted((a, b))
    labels = np.full(100, 7)
    small, large = (randomise_labels(labels, share, 5, seed) for share in (a, b))
    touched = small != 7  # five classes: 7 is never drawn
    assert touched.sum() == round(a * 100)
    assert (large[touched] == small[touched]).all()
    assert randomise_labels(labels, a, 5, seed).tolist() == small.tolist()


def test_another_seed_another_draw():
    labels = np.full(200, 9)
    draws = [randomise_labels(labels, 0.5, 3, seed) for seed in (0, 1)]
    assert ((draws[0] == 9) != (draws[1] == 9)).any()
    both = (draws[0] != 9) & (draws[1] != 9)
    assert (draws[0][both] != draws[1][both]).any()


def test_share_out_of_range():
    with pytest.raises(ConfigError, match="accepted is 0 to 1"):
        randomise_labels(np.zeros(3, dtype=int), 1.5, 10, seed=0)
