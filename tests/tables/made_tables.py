"""Statuses, designs and tile rows of constructed networks."""

import pandas as pd
from repatlas.analysis.similarity_tables import layer_similarity
from repatlas.files import checked_file


def write_tile(table, path):
    """A tile, as its job leaves it."""
    with checked_file(path) as partial:
        table.to_parquet(partial)


KINDS = ["conv", "relu", "relu", "relu"]


def design(width, seed, **more):
    base = {"dataset": "cifar10", "fraction": 0.0625, "architecture": "resnet", "depth": 38}
    return {**base, "width": width, "seed": seed, **more}


def status(accuracy, state="completed", reason=""):
    return {
        "status": state,
        "reason": reason,
        "epochs": 300,
        "steps": 7200,
        "train_examples": 3125,
        "parameters": 10,
        "train_loss": 0.1 if accuracy else None,
        "train_accuracy": 0.9 if accuracy else None,
        "test_loss": 1.0 if accuracy else None,
        "test_accuracy": accuracy,
    }


def tile_rows(run_a, run_b, matrix):
    n = len(matrix)
    return [
        {
            "run_a": run_a,
            "run_b": run_b,
            "index_a": i,
            "index_b": j,
            "layer_a": f"l{i}",
            "layer_b": f"l{j}",
            "kind_a": KINDS[i],
            "kind_b": KINDS[j],
            "value": matrix[i][j],
            "se": 0.01,
            "n_batches": 8,
            "reason": "",
        }
        for i in range(n)
        for j in range(n)
    ]


def similarities(grid):
    return pd.concat([tile.to_pandas() for tile in layer_similarity(grid)], ignore_index=True)
