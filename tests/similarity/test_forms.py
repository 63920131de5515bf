"""Layers in groups of bounded memory: the same values, however few forms are held at a time."""

import warnings
import weakref

import numpy as np
import pytest
from repatlas.similarity import MEASURES, similarity_table
from repatlas.similarity.forms import compare_forms
from repatlas.similarity.inputs import Layers, as_layers

FORMED = ("cca_mean", "svcca", "pwcca", "linear_regression", "procrustes", "rsa", "knn_jaccard")


def numbers(*values):
    """Layers whose form is a number: four examples, each with that value."""
    return as_layers([np.full((4, 1), value) for value in values])


def number(x):
    return (None, "is dead") if x[0, 0] == 0 else (x[0], "")


class Watched:
    """A form that counts how many of its kind are alive."""

    alive, most = weakref.WeakSet(), 0

    def __init__(self, x):
        self.value, self.nbytes = float(x[0, 0]), 10
        Watched.alive.add(self)
        Watched.most = max(Watched.most, len(Watched.alive))


def test_symmetric_measures_compare_each_pair_once():
    seen = []

    def product(x, y):
        seen.append((x[0], y[0]))
        return x[0] * y[0]

    scores = compare_forms(numbers(2, 0, 3), None, number, product)
    assert seen == [(2, 2), (2, 3), (3, 3)]
    np.testing.assert_array_equal(scores.value, [[4, np.nan, 6], [np.nan] * 3, [6, np.nan, 9]])
    assert scores.reason[0].tolist() == ["", "layer_b is dead", ""]
    assert scores.reason[1, 1] == "layer_a is dead; layer_b is dead"


@pytest.mark.parametrize("memory", [1, 16, 24, 1e9])
@pytest.mark.parametrize("both", [False, True])
def test_measures_that_are_not_symmetric_in_groups_of_any_size(memory, both):
    a, b = numbers(1, 2, 3, 0, 5), numbers(7, 0, 11)

    def ratio(x, y):
        return x[0] / y[0], y[0] / x[0]

    def smaller(x, y):
        return "a is smaller" if x[0] < y[0] else ""

    scores = compare_forms(a, b if both else None, number, ratio, False, smaller, memory)
    left = np.array([1, 2, 3, np.nan, 5])
    right = np.array([7, np.nan, 11]) if both else left
    np.testing.assert_array_equal(scores.value, left[:, None] / right)
    for i, j in np.ndindex(scores.value.shape):
        if not np.isnan(scores.value[i, j]):
            assert scores.reason[i, j] == ("a is smaller" if left[i] < right[j] else "")
        else:
            assert "is dead" in scores.reason[i, j]


@pytest.mark.parametrize("memory", [10, 30, 1000])
def test_no_more_forms_are_held_than_the_memory_allows(memory):
    Watched.most = 0
    layers = numbers(*range(1, 13))
    scores = compare_forms(
        layers, None, lambda x: (Watched(x), ""), lambda x, y: x.value * y.value, memory=memory
    )
    np.testing.assert_array_equal(scores.value, np.outer(range(1, 13), range(1, 13)))
    assert Watched.most == min(memory / 10 + 1, 12)


def test_only_wanted_pairs_are_compared_and_nothing_is_made_for_the_others():
    made, met = [], []

    def prepare(x):
        made.append(int(x[0, 0]))
        return x[0], ""

    def product(x, y):
        met.append((x[0], y[0]))
        return x[0] * y[0]

    wanted = np.zeros((4, 4), bool)
    wanted[0, 1] = wanted[3, 2] = True
    arrays = [np.full((4, 1), k + 1.0) for k in range(4)]
    layers = Layers(list("abcd"), arrays.__getitem__, wanted=wanted)
    scores = compare_forms(layers, None, prepare, product, memory=1)
    assert met == [(1, 2), (3, 4)]
    assert made == [1, 2, 2, 3, 4, 4]
    assert scores.value[0, 1] == 2
    assert scores.value[3, 2] == 12
    assert np.isnan(scores.value[~wanted]).all()
    assert (scores.reason == "").all()


@pytest.mark.parametrize("name", FORMED)
def test_measures_say_the_same_when_one_form_fits_at_a_time(name, monkeypatch):
    rng = np.random.default_rng(0)
    layers = {"a": rng.standard_normal((40, 5)), "dead": np.ones((40, 3))}
    layers |= {"b": rng.standard_normal((40, 60)), "c": rng.standard_normal((40, 9))}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = similarity_table(layers, measure=name)
        monkeypatch.setattr(compare_forms, "__defaults__", (*compare_forms.__defaults__[:-1], 1))
        found = similarity_table(layers, measure=name)
    assert found.equals(expected)
    assert MEASURES[name].name == name
