"""A small study with known content, in the form in which its jobs leave their files."""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from repatlas.analysis.design import read_grid

sys.path.insert(0, str(Path(__file__).parent))

from made_tables import design, status, tile_rows, write_tile


@pytest.fixture
def grid(tmp_path):
    """Two widths with two seeds; the axes of the grid bear names that outcomes bear too."""
    runs = []
    accuracies = {"a0": 0.6, "a1": 0.8, "b0": 0.7, "b1": None}
    for name, accuracy in accuracies.items():
        width = 1.0 if name[0] == "a" else 2.0
        extra = {"epochs": 300, "learning_rate": 0.01}
        runs.append(
            {"run": name, "group": name[0], **design(width, int(name[1]), **extra), "probe": "p"}
        )
        folder = tmp_path / "runs" / name
        folder.mkdir(parents=True)
        state = ("completed", "") if accuracy else ("diverged", "training loss is nan at epoch 2")
        (folder / "status.json").write_text(json.dumps(status(accuracy, *state)))
        images = "held_out" if name == "a1" else "test"
        (folder / "spec.json").write_text(json.dumps({"data": {"evaluate_on": images}}))
        (folder / "curve.csv").write_text(
            "epoch,step,learning_rate,train_loss,train_accuracy,test_loss,test_accuracy\n"
            "1,24,0.01,2.0,0.3,,\n2,48,0.009,1.5,0.4,1.2,0.5\n"
        )
    block = [[1, 0.2, 0.2, 0.2], [0.2, 1, 0.95, 0.5], [0.2, 0.95, 1, 0.92], [0.2, 0.5, 0.92, 1]]
    none = [[1, 0.2, 0.2, 0.2], [0.2, 1, 0.1, 0.1], [0.2, 0.1, 1, 0.1], [0.2, 0.1, 0.1, 1]]
    cross = [[0.3] * 4, [0.1, 0.7, 0.1, 0.1], [0.1, 0.1, 0.8, 0.1], [0.1, 0.1, 0.1, 0.9]]
    rows = tile_rows("a0", "a0", block) + tile_rows("a1", "a1", none)
    rows += tile_rows("a0", "a1", cross)
    rows += tile_rows("b0", "b0", np.full((4, 4), np.nan))
    path = tmp_path / "tile.parquet"
    write_tile(pd.DataFrame(rows), path)
    record = {
        "runs": runs,
        "design": [*design(1, 0), "epochs", "learning_rate"],
        "tiles": [["cka_minibatch", [str(path)]]],
        "artifacts": {},
        "prediction_pairs": [],
        "jobs": {},
    }
    (tmp_path / "grid.json").write_text(json.dumps(record))
    return read_grid(tmp_path / "grid.json")
