"""Layer matching on matrices whose answer is known."""

import math

import numpy as np
import pandas as pd
import pytest
from repatlas.analysis.design import Grid
from repatlas.analysis.layer_matching import by_layer_table, layer_matching_table, matching


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


@pytest.mark.parametrize("rounding", [0, 1e-15, 1e-11])
def test_a_tie_is_no_match_also_where_rounding_breaks_it(rounding):
    noise = np.random.default_rng(0).standard_normal((3, 3))
    assert not matching(np.ones((3, 3)) + rounding * noise)[0].any()
    assert matching(np.ones((3, 3)) + 1e-6 * np.eye(3))[0].all()


def test_a_layer_that_alone_has_a_value_is_found():
    matrix = np.full((2, 2), np.nan)
    matrix[0, 0] = 0.3
    hit, defined = matching(matrix)
    assert defined.tolist() == [True, False] * 2
    assert hit[defined].all()


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
            "index_a": 3 * i,
            "index_b": 3 * j,
            "layer_a": f"relu{i}",
            "layer_b": f"relu{j}",
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


def test_a_pair_with_a_network_that_failed_is_not_counted(grid):
    failed = np.full((2, 2), np.nan)
    pairs = rows("cka", "r0", "r1", np.eye(2)) + rows("cka", "r0", "r2", failed)
    found = layer_matching_table(grid, pd.DataFrame(pairs))
    assert found[["n_pairs", "accuracy", "undefined"]].to_numpy().tolist() == [[1, 1, 0.5]]


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


def test_which_layers_are_found_and_why_others_are_not(grid):
    """Layer 0 is found, 1 ties with its neighbour, 2 is taken for layer 0."""
    matrix = np.array([[0.9, 0.1, 0.2], [0.1, 0.8, 0.8], [0.6, 0.3, 0.5]])
    other = np.full((9, 9), 0.99)  # within a network everything is compared, here more layers
    table = pd.DataFrame(rows("cka", "r0", "r0", other) + rows("cka", "r0", "r1", matrix))
    found = by_layer_table(grid, table).set_index("layer")
    assert list(found.index) == ["relu0", "relu1", "relu2"]
    assert found["index"].tolist() == [0, 3, 6]
    # Rows: .9 > .2; .8 = .8; .5 < .6 at layer 0. Columns: .9 > .6; .8 > .3; .5 < .8 at layer 1.
    assert found["found"].tolist() == [1, 0.5, 0]
    assert found["same"].tolist() == pytest.approx([0.9, 0.8, 0.5])
    assert found["best_other"].tolist() == pytest.approx([0.4, 0.55, 0.7])
    assert found["ties"].tolist() == [0, 0.5, 0]
    assert found["layers_off"].tolist() == [0, 0, 1.5]


def test_a_layer_without_values_is_left_out_of_the_layers(grid):
    matrix = np.eye(3)
    matrix[1, :] = matrix[:, 1] = np.nan
    found = by_layer_table(grid, pd.DataFrame(rows("cka", "r0", "r1", matrix)))
    assert found["layer"].tolist() == ["relu0", "relu2"]
    assert found["found"].tolist() == [1, 1]
    empty = by_layer_table(grid, pd.DataFrame(rows("cka", "r0", "r0", matrix)))
    assert empty.empty
    assert {"group", "depth", "measure", "layer", "found", "ties"} <= set(empty.columns)
