import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from repatlas.data.order import (
    pass_order,
    permutation,
    random_bits,
    split_sizes,
    stratified_order,
    stratified_split,
)


def class_counts(labels: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Examples of each class in every prefix of `order`, (n, classes)."""
    return np.cumsum(np.eye(labels.max() + 1, dtype=int)[labels[order]], axis=0)


def test_draws_are_fixed_for_good():
    # Written down once: another NumPy release or platform must give the same.
    assert permutation(8, "written down", 1).tolist() == [6, 4, 2, 5, 1, 0, 3, 7]
    labels = np.array([0, 1, 2, 0, 1, 2, 0, 1, 2, 0])
    assert stratified_order(labels, "written down").tolist() == [6, 7, 2, 9, 4, 0, 8, 3, 1, 5]


def test_permutation_depends_on_every_part_of_its_key():
    drawn = [permutation(50, *key) for key in (("a", 1), ("a", 2), ("b", 1), ("a1",), ("a", "1"))]
    assert all(sorted(order) == list(range(50)) for order in drawn)
    distinct = {tuple(order) for order in drawn}
    assert len(distinct) == 4  # 1 and "1" are the same key


def test_random_bits_are_uniform():
    bits = random_bits(20_000, "uniform")
    assert abs((bits / 2**64).mean() - 0.5) < 0.01
    assert abs((bits % np.uint64(10) == 3).mean() - 0.1) < 0.01


@given(st.integers(2, 12), st.integers(1, 15), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=60)
def test_every_prefix_of_equal_classes_is_balanced(n_classes, size, random):
    labels = np.repeat(np.arange(n_classes), size)
    random.shuffle(labels)
    order = stratified_order(labels, "equal")
    assert sorted(order) == list(range(len(labels)))
    counts = class_counts(labels, order)
    assert (counts.max(axis=1) - counts.min(axis=1)).max() <= 1


@given(st.lists(st.integers(1, 60), min_size=2, max_size=12))
@settings(deadline=None, max_examples=100)
def test_every_prefix_of_unequal_classes_has_their_shares(sizes):
    labels = np.repeat(np.arange(len(sizes)), sizes)
    counts = class_counts(labels, stratified_order(labels, "unequal"))
    share = np.array(sizes) / len(labels)
    expected = np.arange(1, len(labels) + 1)[:, None] * share
    assert (np.abs(counts - expected) <= 1 + len(sizes) * share / 2 + 1e-9).all()


def test_order_within_a_class_is_drawn_and_not_the_given_one():
    labels = np.zeros(200, dtype=int)
    labels[100:] = 1
    order = stratified_order(labels, "drawn")
    first = order[labels[order] == 0]
    assert first.tolist() != sorted(first)
    assert abs(np.corrcoef(first, np.arange(100))[0, 1]) < 0.3
    assert order.tolist() != stratified_order(labels, "other").tolist()


def test_labels_with_gaps_are_ordered_too():
    labels = np.array([7, 3, 7, 3, 7, 3])
    taken = labels[stratified_order(labels, "gaps")]
    assert taken.tolist() == [3, 7, 3, 7, 3, 7]


def test_split_sizes_round_to_nearest_and_leave_both_sides_something():
    assert split_sizes([10, 12, 13, 2, 3, 100], 0.2) == [2, 2, 3, 1, 1, 20]
    assert split_sizes([10, 2], 0.99) == [9, 1]


@given(st.lists(st.integers(2, 40), min_size=2, max_size=6), st.floats(0.01, 0.99))
@settings(deadline=None, max_examples=60)
def test_split_is_a_partition_of_the_promised_sizes(sizes, fraction):
    labels = np.repeat(np.arange(len(sizes)), sizes)
    train, test = stratified_split(labels, fraction, seed=3)
    assert sorted([*train, *test]) == list(range(len(labels)))
    assert np.bincount(labels[test]).tolist() == split_sizes(sizes, fraction)
    assert (np.diff(train) > 0).all()
    assert (np.diff(test) > 0).all()


def test_split_is_drawn_by_its_seed():
    labels = np.repeat([0, 1], 50)
    tests = [stratified_split(labels, 0.2, seed)[1].tolist() for seed in (0, 0, 1)]
    assert tests[0] == tests[1]
    assert tests[0] != tests[2]
    assert tests[0] != [*range(10), *range(50, 60)]


def test_pass_zero_is_the_stored_order_and_later_passes_are_drawn_from_the_hash():
    assert pass_order("00ff", 0, 20).tolist() == list(range(20))
    later = [pass_order(h, i, 20) for h, i in (("00ff", 1), ("00ff", 2), ("00fe", 1))]
    assert all(sorted(order) == list(range(20)) for order in later)
    assert len({tuple(order) for order in later}) == 3
    assert pass_order("00ff", 1, 20).tolist() == later[0].tolist()


@pytest.mark.parametrize("n", [0, 1])
def test_tiny_permutations(n):
    assert permutation(n, "tiny").tolist() == list(range(n))
