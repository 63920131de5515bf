"""Bootstrap intervals of means over pairs of networks."""

import itertools

import numpy as np
import pytest
from repatlas.analysis.statistics import bootstrap_interval, pair_intervals


def test_pairs_that_share_networks_widen_the_interval_to_what_it_says():
    # value of a pair = effect of one network + effect of the other: 10 networks make 45 pairs, but
    # there are only 10 independent draws. True mean 0.
    rng = np.random.default_rng(1)
    first, second = np.array(list(itertools.combinations(range(10), 2))).T
    trials, covered, naive = 200, 0, 0
    for _ in range(trials):
        effects = rng.standard_normal(10)
        values = effects[first] + effects[second]
        low, high = pair_intervals(first, second, values[:, None])
        covered += low[0] <= 0 <= high[0]
        naive_low, naive_high = bootstrap_interval(values)
        naive += naive_low <= 0 <= naive_high
    # Percentile intervals of 10 draws fall somewhat short of 95 %; pairs taken as independent far.
    assert 0.85 <= covered / trials <= 0.97
    assert naive / trials < 0.75


def test_two_populations_are_resampled_each_by_itself():
    # Only the first side varies, so the interval is that of its five means.
    effects = np.array([0.0, 1.0, 2.0, 3.0, 4.0])
    first, second = np.meshgrid(np.arange(5), np.arange(3), indexing="ij")
    names = [f"a{i}" for i in first.ravel()], [f"b{j}" for j in second.ravel()]
    low, high = pair_intervals(*names, effects[first.ravel()][:, None])
    assert (low[0], high[0]) == pytest.approx(bootstrap_interval(effects), abs=0.05)


def test_undefined_values_are_left_out_of_their_column_alone():
    first, second = np.array(list(itertools.combinations(range(4), 2))).T
    values = np.column_stack([np.arange(6.0), np.full(6, np.nan), np.arange(6.0)])
    values[0, 2] = np.nan
    low, high = pair_intervals(first, second, values)
    assert np.isnan([low[1], high[1]]).all()
    assert np.isfinite([low[0], high[0], low[2], high[2]]).all()
    assert low[2] >= low[0]  # without its smallest value


@pytest.mark.parametrize(
    ("first", "second"),
    [(["a"], ["b"]), (["a", "a", "a"], ["b", "c", "d"])],
    ids=["two networks", "one network on a side"],
)
def test_too_few_networks_have_no_interval(first, second):
    low, high = pair_intervals(first, second, np.ones((len(first), 2)))
    assert np.isnan(low).all()
    assert np.isnan(high).all()


def test_the_same_pairs_give_the_same_interval_in_any_order():
    rng = np.random.default_rng(2)
    pairs = list(itertools.combinations("abcdef", 2))
    values = rng.standard_normal((len(pairs), 1))
    there = pair_intervals(*zip(*pairs, strict=True), values)
    turned = pair_intervals(*zip(*pairs[::-1], strict=True), values[::-1])
    np.testing.assert_allclose(there, turned, rtol=1e-12)
