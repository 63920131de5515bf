"""Tables of networks: their outcomes, accuracies and learning curves."""

import math

import numpy as np
import pytest
from repatlas.analysis.networks import accuracy_table, curves_table, runs_table


def test_runs_with_a_failed_network(grid, tmp_path):
    table = runs_table(grid, tmp_path / "runs").set_index("run")
    assert table.loc["a0", "test_accuracy"] == 0.6
    assert table.loc["b1", "status"] == "diverged"
    assert table.loc["b1", "reason"] == "training loss is nan at epoch 2"
    assert math.isnan(table.loc["b1", "test_accuracy"])
    assert (table["epochs"] == 300).all(), "the axis"
    assert (table["epochs_done"] == 300).all()
    assert table["evaluated_on"].tolist() == ["test", "held_out", "test", "test"]


def test_accuracy_over_seeds_counts_the_failed(grid, tmp_path):
    table = accuracy_table(grid, runs_table(grid, tmp_path / "runs")).set_index("group")
    assert table.loc["a", "test_accuracy_mean"] == pytest.approx(0.7)
    assert table.loc["a", "test_accuracy_sd"] == pytest.approx(np.std([0.6, 0.8], ddof=1))
    assert (table.loc["b", "n"], table.loc["b", "n_failed"]) == (2, 1)
    assert math.isnan(table.loc["b", "test_accuracy_sd"])
    assert "seed" not in table.columns


def test_curves_keep_what_was_not_evaluated_undefined(grid, tmp_path):
    table = curves_table(grid, tmp_path / "runs")
    assert len(table) == 8
    assert table["test_accuracy"].isna().sum() == 4
    assert list(table["epoch_learning_rate"][:2]) == [0.01, 0.009]
    assert (table["learning_rate"] == 0.01).all(), "the axis"
