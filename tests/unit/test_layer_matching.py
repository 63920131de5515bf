"""Layer matching on matrices whose answer is known."""

import math

import numpy as np
import pandas as pd
import pytest
from repatlas.analysis.design import Grid
from repatlas.analysis.layer_matching import layer_matching_table, matching


def test_a_dominant_diagonal_matches_every_layer():
    hit, defined = matching(np.eye(4) + 0.1)
    assert hit.all()
    assert defined.all()


def test_a_shifted_diagonal_matches_none():
    assert not matching(np.roll(np.eye(5), 1, axis=1))[0].any()


def test_both_directions_count():
    matrix = np.array([[0.9, 0.1, 0.1], [0.95, 0.8, 0.1], [0.1, 0.1, 0.9]])
    hit, _ = matching(matrix)
    assert hit.tolist() == [True, False, True, False, True, True]


def test_a_tie_is_no_match():
    assert not matching(np.ones((3, 3)))[0].any()


def test_an_undefined_layer_is_left_out_and_the_rest_still_match():
    matrix = np.eye(4)
    matrix[2, :] = matrix[:, 2] = np.nan
    hit, defined = matching(matrix)
    assert defined.tolist() == [True, True, False, True] * 2
    assert hit[defined].all()


def rows(measure, a, b, matrix):
    n = len(matrix)
    return [
        {
            "measure": measure,
            "group_a": "g",
            "group_b": "g",
            "run_a": a,
            "run_b": b,
            "index_a": i,
            "index_b": j,
            "value": matrix[i][j],
        }
        for i in range(n)
        for j in range(n)
    ]


@pytest.fixture
def grid():
    runs = pd.DataFrame({"run": ["r0", "r1", "r2"], "group": "g", "depth": 8, "seed": [0, 1, 2]})
    return Grid(runs, ["depth", "seed"], {})


def test_table_over_pairs(grid):
    good, bad = np.eye(2), np.roll(np.eye(2), 1, axis=1)
    table = pd.DataFrame(
        rows("cka", "r0", "r1", good)
        + rows("cka", "r0", "r2", good)
        + rows("cka", "r1", "r2", bad)
        + rows("svcca", "r0", "r1", bad)
        + rows("cka", "r0", "r0", bad)
    )
    found = layer_matching_table(grid, table).set_index("measure")
    assert list(found.index) == ["cka", "svcca"], "best first"
    assert found.loc["cka", "accuracy"] == pytest.approx(2 / 3)
    assert found.loc["cka", "n_pairs"] == 3, "a network with itself is no pair"
    assert math.isnan(found.loc["svcca", "accuracy_sd"])
    assert found.loc["cka", "chance"] == 0.5


def test_an_asymmetric_measure_is_symmetrised_and_counted_once(grid):
    forth = np.array([[0.6, 0.5], [0.0, 0.6]])
    back = np.array([[0.6, 0.0], [0.9, 0.6]])
    table = pd.DataFrame(
        rows("linear_regression", "r0", "r1", forth) + rows("linear_regression", "r1", "r0", back)
    )
    found = layer_matching_table(grid, table)
    # (forth + back') / 2 = [[.6, .7], [0, .6]]: layer 0 of r0 and layer 1 of r1 find the wrong one.
    assert found["accuracy"].tolist() == [0.5]
    assert found["n_pairs"].tolist() == [1]


def test_a_distance_is_turned_round(grid):
    table = pd.DataFrame(rows("angular_shape", "r0", "r1", 1 - np.eye(3)))
    assert layer_matching_table(grid, table)["accuracy"].tolist() == [1.0]


def test_without_pairs_the_table_is_empty_with_its_columns(grid):
    table = pd.DataFrame(rows("cka", "r0", "r0", np.eye(2)))
    found = layer_matching_table(grid, table)
    assert found.empty
    assert {"group", "depth", "measure", "accuracy", "chance"} <= set(found.columns)
