"""Best matches of layers on similarities whose answer is known."""

import math

import numpy as np
import pandas as pd
import pytest
from repatlas.analysis.best_matches import best_match_table, best_matches
from repatlas.analysis.design import Grid
from repatlas.files import checked_file


def comparison(a, b, matrix, kinds=None):
    n, m = np.shape(matrix)
    kinds = kinds or {}
    return pd.DataFrame(
        [
            {
                "run_a": a,
                "run_b": b,
                "index_a": i,
                "index_b": j,
                "layer_a": f"l{i}",
                "layer_b": f"l{j}",
                "kind_a": kinds.get(i, "relu"),
                "kind_b": kinds.get(j, "relu"),
                "value": matrix[i][j],
            }
            for i in range(n)
            for j in range(m)
        ]
    )


def matches(table, run):
    return table[table["run"] == run].sort_values("index")["match"].tolist()


MATRIX = np.array([[0.9, 0.2, 0.1], [0.3, 0.1, 0.8]])


def test_each_direction_has_matches_of_its_own():
    found = best_matches(comparison("a", "b", MATRIX))
    assert matches(found, "a") == ["l0", "l2"]
    assert matches(found, "b") == ["l0", "l0", "l1"]
    assert found.loc[found["run"] == "a", "value"].tolist() == [0.9, 0.8]


def test_a_distance_is_small_where_layers_are_alike():
    assert matches(best_matches(comparison("a", "b", -MATRIX), distance=True), "a") == ["l0", "l2"]


def test_layers_are_matched_within_their_kind():
    found = best_matches(comparison("a", "b", [[0.1, 0.9], [0.9, 0.1]], {1: "conv"}))
    assert matches(found, "a") == ["l0", "l1"]


def test_a_layer_without_values_has_no_match_and_leaves_the_rest_alone():
    matrix = MATRIX.copy()
    matrix[0] = np.nan
    found = best_matches(comparison("a", "b", matrix))
    first = found[(found["run"] == "a") & (found["index"] == 0)].iloc[0]
    assert first["match"] == ""
    assert math.isnan(first["match_index"])
    assert matches(found, "a")[1] == "l2"
    assert matches(found, "b") == ["l1", "l1", "l1"]


def test_of_equal_values_the_first_layer_is_taken():
    assert matches(best_matches(comparison("a", "b", np.ones((2, 3)))), "a") == ["l0", "l0"]


def test_both_directions_of_an_asymmetric_measure_count_as_their_mean():
    there = comparison("a", "b", [[1.0, 0.8], [0.0, 0.0]])
    back = comparison("b", "a", [[0.0, 0.0], [0.8, 0.0]])
    # (1.0 + 0.0) / 2 against (0.8 + 0.8) / 2.
    assert matches(best_matches(pd.concat([there, back])), "a")[0] == "l1"


def test_a_pair_of_layers_undefined_in_one_direction_is_no_match():
    there = comparison("a", "b", [[0.9, 0.5], [0.1, 0.1]])
    back = comparison("b", "a", [[math.nan, 0.1], [0.7, 0.1]])
    found = best_matches(pd.concat([there, back]))
    assert matches(found, "a")[0] == "l1"
    assert found.loc[found["run"] == "a", "value"].iloc[0] == pytest.approx(0.6)


@pytest.fixture
def grid(tmp_path):
    runs = pd.DataFrame(
        {
            "run": ["a0", "a1", "b0"],
            "group": ["a", "a", "b"],
            "depth": [8, 8, 14],
            "seed": [0, 1, 0],
            "probe": "p",
        }
    )
    within = comparison("a0", "a0", np.eye(3))
    tiles = {"aa": [within, comparison("a0", "a1", np.eye(3))]}
    tiles["ab"] = [comparison(run, "b0", np.eye(3)[:, [1, 0, 2]]) for run in ("a0", "a1")]
    paths = []
    for name, parts in tiles.items():
        paths.append(str(tmp_path / f"{name}.parquet"))
        with checked_file(paths[-1]) as partial:
            pd.concat(parts).to_parquet(partial)
    return Grid(runs, ["depth", "seed"], {"cka_minibatch": paths})


def test_the_table_tells_where_matches_lie_over_pairs_of_networks(grid):
    layers = pd.DataFrame(
        [(r, i, i / 2) for r in ("a0", "a1", "b0") for i in range(3)],
        columns=["run", "index", "relative_depth"],
    )
    table = best_match_table(grid, layers)
    own = table[(table["group"] == "a") & (table["other_group"] == "a")]
    assert own["n"].tolist() == [2, 2, 2]  # one pair, in both directions
    assert own["match_depth_mean"].tolist() == [0, 0.5, 1]
    across = table[(table["group"] == "a") & (table["other_group"] == "b")]
    assert across["match_depth_mean"].tolist() == [0.5, 0, 1]
    assert across["match"].tolist() == ["l1", "l0", "l2"]
    assert set(across["other_depth"]) == {14}
    assert (across["match_share"] == 1).all()
    # No network is matched with itself.
    assert len(table) == 9
