"""Measures computed both ways count each pair of networks once."""

import math

import numpy as np
import pandas as pd
import pytest
from repatlas.analysis.design import Grid
from repatlas.analysis.similarity_tables import block_table, cross_seed_table
from repatlas.analysis.symmetry import each_pair_once, symmetrised

# Same layer of networks 0, 1, 2 by a measure that is not symmetric: S_ab differs from S_ba.
BOTH_WAYS = {(0, 1): 0.2, (1, 0): 0.4, (0, 2): 0.5, (2, 0): 0.7, (2, 1): 0.9, (1, 2): 0.9}


def rows(pairs, measure="linear_regression", layers=2):
    return [
        {
            "measure": measure,
            "run_a": f"r{a}",
            "run_b": f"r{b}",
            "group_a": "g",
            "group_b": "g",
            "index_a": i,
            "index_b": j,
            "layer_a": f"l{i}",
            "layer_b": f"l{j}",
            "kind_a": "relu",
            "kind_b": "relu",
            "value": value + 0.01 * i if i == j else 0.0,
        }
        for (a, b), value in pairs.items()
        for i in range(layers)
        for j in range(layers)
    ]


@pytest.fixture
def grid():
    runs = pd.DataFrame({"run": ["r0", "r1", "r2"], "group": "g", "depth": 8, "seed": [0, 1, 2]})
    return Grid(runs, ["depth", "seed"], {}, {})


@pytest.mark.parametrize("categories", [False, True])
def test_a_pair_computed_both_ways_is_one_pair_with_the_mean_of_both(grid, categories):
    table = pd.DataFrame(rows(BOTH_WAYS))
    if categories:
        texts = table.select_dtypes(["object", "string"]).columns
        table = table.astype(dict.fromkeys(texts, "category"))
    found = cross_seed_table(grid, table).set_index("layer")
    of_pairs = np.array([0.3, 0.6, 0.9])
    assert (found["n_pairs"] == 3).all()
    assert found.loc["l0", "value_mean"] == pytest.approx(0.6)
    assert found.loc["l0", "value_sd"] == pytest.approx(of_pairs.std(ddof=1))
    assert found.loc["l0", "value_min"] == pytest.approx(0.3)
    assert found.loc["l1", "value_max"] == pytest.approx(0.91)


def test_a_symmetric_measure_computed_once_says_the_same(grid):
    once = {(0, 1): 0.3, (0, 2): 0.6, (1, 2): 0.9}
    mirrored = cross_seed_table(grid, pd.DataFrame(rows(BOTH_WAYS)))
    symmetric = cross_seed_table(grid, pd.DataFrame(rows(once)))
    pd.testing.assert_frame_equal(mirrored, symmetric)
    values = each_pair_once(pd.DataFrame(rows(once)), ["index_a", "index_b"])["value"]
    assert values.tolist() == pd.DataFrame(rows(once))["value"].tolist(), "to the last bit"


def test_a_pair_undefined_in_one_direction_is_undefined(grid):
    found = cross_seed_table(grid, pd.DataFrame(rows({**BOTH_WAYS, (1, 0): math.nan})))
    assert (found["n_pairs"] == 2).all()
    assert found["value_min"].iloc[0] == pytest.approx(0.6)


def test_block_metrics_see_both_triangles(grid):
    """Above .9 in one direction and below in the other is no block unless the mean is above."""
    matrix = np.array([[1, 0.95, 0.95, 0.1], [0.75, 1, 0.99, 0.1], [0.95, 0.85, 1, 0.1], [0.1] * 4])
    table = pd.DataFrame(rows({(0, 0): 0.0}, layers=4))
    table["value"] = matrix.ravel()
    found = block_table(grid, table).iloc[0]
    # The upper triangle alone would make a block of three layers: .95, .95, .99.
    assert found["longest_run"] == 2
    assert found["run_start"] == 2
    assert found["fraction_above"] == pytest.approx(2 / 6)
    assert found["first_last"] == pytest.approx(0.1)
    turned = table.assign(value=matrix.T.ravel())
    pd.testing.assert_series_equal(block_table(grid, turned).iloc[0], found)
    assert np.array_equal(symmetrised(matrix), symmetrised(matrix.T))
