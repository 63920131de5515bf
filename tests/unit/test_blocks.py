"""Block metrics and statistics on cases with known answers."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from repatlas.analysis.blocks import block_metrics, longest_run
from repatlas.analysis.significance import spreads
from repatlas.analysis.statistics import bootstrap_interval, spread


def planted(n, start, end, inside=0.95, outside=0.3):
    matrix = np.full((n, n), outside)
    matrix[start:end, start:end] = inside
    np.fill_diagonal(matrix, 1)
    return matrix


@pytest.mark.parametrize(("start", "end"), [(0, 4), (3, 9), (7, 12), (0, 12)])
def test_a_planted_block_is_found_where_it_lies(start, end):
    metrics = block_metrics(planted(12, start, end))
    size = end - start
    assert (metrics.longest_run, metrics.run_start, metrics.run_end) == (size, start + 1, end)
    assert metrics.fraction_above == pytest.approx(size * (size - 1) / (12 * 11))
    assert metrics.pairs == 66


def test_without_a_block_the_longest_run_is_one_layer():
    metrics = block_metrics(planted(10, 0, 0))
    assert (metrics.longest_run, metrics.fraction_above) == (1, 0)
    assert metrics.mean_similarity == pytest.approx(0.3)


def test_one_layer_is_no_first_and_last():
    assert np.isnan(block_metrics(np.ones((1, 1))).first_last)
    assert block_metrics(planted(5, 0, 0)).first_last == 0.3


def test_the_diagonal_plays_no_part():
    matrix = planted(8, 2, 6)
    other = matrix.copy()
    np.fill_diagonal(other, np.nan)
    assert block_metrics(matrix) == block_metrics(other)


def test_a_dead_layer_breaks_a_run_and_leaves_the_rest():
    matrix = planted(9, 0, 9)
    matrix[4, :] = matrix[:, 4] = np.nan
    metrics = block_metrics(matrix)
    assert metrics.longest_run == 4
    assert metrics.pairs_undefined == 8
    assert metrics.fraction_above == 1, "of the defined pairs"


def test_all_undefined_is_undefined():
    metrics = block_metrics(np.full((4, 4), np.nan))
    assert np.isnan(metrics.fraction_above)
    assert np.isnan(metrics.mean_similarity)


def test_the_longest_run_agrees_with_trying_all_ranges():
    rng = np.random.default_rng(0)
    for _ in range(200):
        n = int(rng.integers(1, 12))
        alike = np.triu(rng.random((n, n)) < 0.8)
        alike |= alike.T
        ranges = [
            (i, j - i)
            for i in range(n)
            for j in range(i + 1, n + 1)
            if (alike[i:j, i:j] | np.eye(j - i, dtype=bool)).all()
        ]
        length = max(size for _, size in ranges)
        found = longest_run(alike)
        assert found[1] == length
        assert found == min(r for r in ranges if r[1] == length), "the first of the longest"


def test_exactly_at_the_threshold():
    matrix = planted(5, 1, 4, inside=0.9)
    metrics = block_metrics(matrix)
    assert metrics.longest_run == 3, "a run holds pairs at or above the threshold"
    assert metrics.fraction_above == 0, "the fraction counts pairs above it"


def test_spread_of_groups():
    table = pd.DataFrame({"g": ["b", "b", "b", "a", "c"], "x": [1.0, 2.0, 6.0, 5.0, np.nan]})
    found = spread(table, ["g"], ["x"]).set_index("g")
    assert list(found.index) == ["b", "a", "c"]
    assert found.loc["b", "x_mean"] == 3
    assert found.loc["b", "x_sd"] == pytest.approx(np.std([1, 2, 6], ddof=1))
    assert 1 <= found.loc["b", "x_low"] < 3 < found.loc["b", "x_high"] <= 6
    assert found.loc["a", "x_mean"] == 5
    assert np.isnan(found.loc["a", "x_sd"]), "one network has no spread"
    assert found.loc["c", "x_n"] == 0
    assert np.isnan(found.loc["c", "x_mean"])


def test_intervals_of_few_networks_cover_as_often_as_the_manual_says():
    text = (Path(__file__).resolve().parents[2] / "results/README.md").read_text(encoding="utf-8")
    (sentence,) = re.findall(r"holds\s+the true mean in ([^(]*)", text)
    said = re.findall(r"(\d+) %(?: of cases)? with (\d+)", sentence)
    assert [n for _, n in said] == ["3", "5", "10", "20"]
    rng = np.random.default_rng(0)
    for covered, n in said:
        found = spreads(rng.standard_normal((int(n), 2000)))
        within = (found["low"] <= 0) & (found["high"] >= 0)
        assert within.mean() == pytest.approx(int(covered) / 100, abs=0.025)


def test_the_bootstrap_interval_covers_as_often_as_it_says():
    rng = np.random.default_rng(1)
    hits = 0
    for _ in range(200):
        low, high = bootstrap_interval(rng.standard_normal(30))
        hits += low <= 0 <= high
    assert 0.88 <= hits / 200 <= 0.99
    assert np.isnan(bootstrap_interval([1.0, 2.0])).all()
