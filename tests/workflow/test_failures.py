"""Networks that fail, and configurations that cannot be: clear, and before anything is spent."""

import math

import numpy as np
import pytest
from repatlas import load_study

from .conftest import start, write_config

# One worker runs the workflow, so that the finished smoke study is made once.
pytestmark = pytest.mark.xdist_group("workflow")


def test_a_network_that_diverges_is_a_row_and_the_study_goes_on(tmp_path):
    """One architecture diverges: its networks are rows with a status, its similarities undefined
    with the reason, figures are drawn, the other architecture is whole."""
    config = write_config(
        tmp_path / "study.yaml",
        study="wild",
        overrides=[{"where": {"depth": 14}, "set": {"learning_rate": 1e30}}],
        keep_activations=False,
    )
    outcome = start(tmp_path, config)
    assert outcome.code == 0, outcome.output
    study = load_study(tmp_path / "results/studies/wild")
    failed = study.runs[study.runs["status"] != "completed"]
    assert list(failed["depth"]) == [14, 14]
    assert set(failed["status"]) == {"diverged"}
    assert failed["reason"].str.contains("epoch").all()
    assert failed["test_accuracy"].isna().all()
    accuracy = study.table("accuracy").set_index("depth")
    assert (accuracy.loc[14, "n"], accuracy.loc[14, "n_failed"]) == (2, 2)
    assert math.isnan(accuracy.loc[14, "test_accuracy_mean"])
    table = study.table("layer_similarity")
    concerned = table["run_a"].isin(failed["run"]) | table["run_b"].isin(failed["run"])
    assert concerned.any()
    assert table.loc[concerned, "value"].isna().all()
    assert table.loc[concerned, "reason"].str.contains("diverged").all()
    assert table.loc[~concerned, "value"].notna().all()
    blocks = study.table("block_metrics").set_index("run")
    assert np.isnan(blocks.loc[failed["run"], "fraction_above"]).all()
    assert (tmp_path / "results/studies/wild/figures/within_by_depth.png").exists()


DYING = """
from torch import nn


class Net(nn.Module):
    def __init__(self, num_classes, image_shape):
        super().__init__()
        self.flatten, self.dead, self.alive = nn.Flatten(), nn.ReLU(), nn.ReLU()
        self.hidden = nn.Linear(image_shape[0] * image_shape[1] * image_shape[2], 32)
        self.dense = nn.Linear(64, num_classes)

    def forward(self, x):
        x = self.hidden(self.flatten(x))
        return self.dense(torch.cat([self.dead(-x.abs()), self.alive(x)], dim=1))
"""


def test_a_layer_that_dies_is_a_row_and_the_others_are_compared(tmp_path):
    """A ReLU that never fires: undefined with its reason wherever it is compared, a gap in figures,
    and nothing to the other layers."""
    (tmp_path / "net.py").write_text("import torch\n" + DYING)
    config = write_config(
        tmp_path / "study.yaml",
        study="dying",
        grid={"dataset": "digits", "fraction": 0.25, "architecture": "net.py:Net", "seed": [0, 1]},
        model=None,
        comparisons=None,
        analyses="best_matches",
    )
    outcome = start(tmp_path, config)
    assert outcome.code == 0, outcome.output
    study = load_study(tmp_path / "results/studies/dying")
    assert (study.runs["status"] == "completed").all()
    layers = study.table("layers").set_index("layer")
    assert (layers.loc["dead", "reason"] == "constant over the probe set").all()
    assert (layers.drop(index="dead")["reason"] == "").all()
    table = study.table("layer_similarity")
    concerned = (table["layer_a"] == "dead") | (table["layer_b"] == "dead")
    assert concerned.any()
    assert table.loc[concerned, "value"].isna().all()
    assert table.loc[concerned, "reason"].str.contains("a dead layer").all()
    assert table.loc[~concerned, "value"].notna().all()
    matches = study.table("best_matches")
    assert matches.loc[matches["layer"] == "dead", "value_mean"].isna().all()
    assert not (matches["match"] == "dead").any()
    for name in ("within_by_depth", "across_seeds", "best_matches"):
        assert (tmp_path / f"results/studies/dying/figures/{name}.png").exists()


BAD = {
    "unknown key": ({"epoch": 3}, ["epoch: unknown key"]),
    "depth": ({"grid": {"depth": [8, 15]}}, ["depth", "15", "6n+2", "14", "20"]),
    "number as text": (
        {"training": {"learning_rate": "1e-3"}},
        ["learning_rate", "'1e-3'", "0.001"],
    ),
    "too large a probe": ({"probe": {"size": 600}}, ["probe.size", "600", "512"]),
    "batch": ({"training": {"batch_size": 4096}}, ["batch_size", "4096", "321"]),
    "unknown data set": ({"grid": {"dataset": "cifar11"}}, ["cifar11", "cifar10"]),
    "no folder": (
        {
            "datasets": {"own": {"source": "folder", "path": "nowhere", "size": 8, "channels": 1}},
            "grid": {"dataset": "own"},
        },
        ["nowhere"],
    ),
    "activations": (
        {"measures": ["svcca"], "keep_activations": False},
        ["svcca", "keep_activations"],
    ),
    "taps": ({"taps": ["rlu"]}, ["taps", "rlu", "relu"]),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_configuration_stops_before_any_job_with_one_message(tmp_path, case):
    changes, parts = BAD[case]
    config = write_config(tmp_path / "bad.yaml", **changes)
    outcome = start(tmp_path, config)
    assert outcome.code != 0
    for part in ["bad.yaml", *parts]:
        assert part in outcome.output
    assert "Traceback" not in outcome.output
    assert "Job stats" not in outcome.output
    assert not (tmp_path / "results/runs").exists()


def test_a_damaged_data_file_is_named_and_no_network_is_trained(smoke, tmp_path):
    """A byte of the prepared images flips after they were made: training refuses, by name."""
    import shutil

    shutil.copytree(smoke[0] / "results/data", tmp_path / "results/data")
    (images,) = (tmp_path / "results/data").glob("*/train_images.npy")
    content = bytearray(images.read_bytes())
    content[-1] ^= 1
    images.write_bytes(content)
    config = write_config(tmp_path / "study.yaml")
    outcome = start(tmp_path, config, "--rerun-triggers", "mtime")
    assert outcome.code != 0
    assert "train_images.npy is damaged" in outcome.output
    assert "Traceback" not in outcome.output
    assert not list((tmp_path / "results/runs").glob("*/status.json"))


def test_a_demanded_gpu_that_is_not_there_is_said_before_any_job(tmp_path):
    config = write_config(tmp_path / "study.yaml", device="cuda")
    outcome = start(tmp_path, config, CUDA_VISIBLE_DEVICES="")
    assert outcome.code != 0
    assert "device" in outcome.output
    assert "GPU" in outcome.output
    assert "Traceback" not in outcome.output
    assert not (tmp_path / "results/data").exists()
