"""Tables of similarities and of block structure."""

import math

import numpy as np
import pandas as pd
import pytest
from made_tables import similarities, tile_rows, write_tile
from repatlas.analysis.similarity_tables import (
    block_summary,
    block_table,
    cross_seed_table,
    write_similarity_tables,
)


def test_layer_similarity_carries_both_designs(grid):
    table = similarities(grid)
    assert len(table) == 64
    across = table[(table["run_a"] == "a0") & (table["run_b"] == "a1")]
    assert (across["seed_a"] == 0).all()
    assert (across["seed_b"] == 1).all()
    assert (across["width_a"] == 1).all()


def test_tables_written_tile_by_tile_are_those_of_all_tiles_together(grid, tmp_path):
    """Two tiles whose networks, layers and axes differ, and an axis that some networks lack."""
    grid.runs["random_labels"] = [0.5, 0.5, None, None]
    grid.runs["note"] = ["x", "x", "y", "y"]
    grid.design.extend(["random_labels", "note"])
    second = tmp_path / "second.parquet"
    rows = tile_rows("b1", "b1", np.eye(4)) + tile_rows("b0", "b1", np.eye(4))
    write_tile(pd.DataFrame(rows), second)
    grid.tiles["cka_minibatch"].append(str(second))
    grid.tiles["procrustes"] = [str(second)]
    write_similarity_tables(grid, tmp_path)
    written = pd.read_parquet(tmp_path / "layer_similarity.parquet")
    pd.testing.assert_frame_equal(
        written.astype(dict.fromkeys(written.select_dtypes("category"), str)),
        similarities(grid).astype(dict.fromkeys(written.select_dtypes("category"), str)),
    )
    assert set(written.loc[written["run_b"] == "b1", "note_b"]) == {"y"}
    assert written.loc[written["run_a"] == "b0", "random_labels_a"].isna().all()
    blocks = pd.read_csv(tmp_path / "block_metrics.csv")
    assert blocks["run"].tolist() == ["a0", "a1", "b0", "b1", "b1"]
    together = block_table(grid, similarities(grid))
    pd.testing.assert_frame_equal(
        blocks[together.columns].fillna({"run_start_layer": "", "run_end_layer": ""}),
        together,
        check_dtype=False,
    )
    assert len(pd.read_csv(tmp_path / "cross_seed.csv")) == 12


def test_block_metrics_use_the_relu_layers_only(grid):
    blocks = block_table(grid, similarities(grid)).set_index("run")
    assert blocks.loc["a0", "n_layers"] == 3
    assert blocks.loc["a0", "fraction_above"] == pytest.approx(2 / 3)
    assert blocks.loc["a0", "longest_run"] == 2
    ends = blocks.loc["a0", ["run_start_layer", "run_end_layer"]]
    assert list(ends) == ["l1", "l2"]
    assert blocks.loc["a1", "longest_run"] == 1
    assert math.isnan(blocks.loc["b0", "fraction_above"])
    assert math.isnan(blocks.loc["b0", "longest_run"])
    assert blocks.loc["b0", "pairs_undefined"] == 3


def test_block_summary_over_seeds(grid):
    summary = block_summary(grid, block_table(grid, similarities(grid))).set_index("group")
    assert summary.loc["a", "n"] == 2
    assert summary.loc["a", "longest_run_mean"] == 1.5
    assert summary.loc["b", "n"] == 0, "an undefined network is not counted"
    assert math.isnan(summary.loc["b", "fraction_above_mean"])


def test_the_same_layer_across_seeds(grid):
    table = cross_seed_table(grid, similarities(grid))
    assert list(table["value_mean"]) == [0.3, 0.7, 0.8, 0.9]
    assert (table["n_pairs"] == 1).all()
    assert table["value_sd"].isna().all(), "one pair has no spread"
    assert list(table["relative_depth"]) == pytest.approx([0, 1 / 3, 2 / 3, 1])


def test_a_study_without_relu_layers_or_second_seeds_has_empty_tables_with_columns(grid):
    """Only the first layer, a convolution, of one network."""
    table = similarities(grid)
    table = table[(table["run_a"] == "a0") & (table["run_b"] == "a0")]
    table = table[(table["index_a"] == 0) & (table["index_b"] == 0)]
    blocks = block_table(grid, table)
    assert blocks.empty
    assert {"run", "fraction_above", "longest_run", "run_start_layer"} <= set(blocks.columns)
    summary = block_summary(grid, blocks)
    assert summary.empty
    assert {"group", "width", "n", "longest_run_mean"} <= set(summary.columns)
    across = cross_seed_table(grid, table)
    assert across.empty
    assert {"group", "layer", "relative_depth", "value_mean"} <= set(across.columns)


def test_distances_have_no_block(grid):
    table = similarities(grid).assign(measure="angular_shape")
    assert block_table(grid, table).empty
