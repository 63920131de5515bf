"""The workflow on the real CIFAR-10, where it is at hand."""

import json
import os
from pathlib import Path

import pytest
from repatlas import load_study

from .conftest import ROOT, start

DATA = os.environ.get("REPATLAS_DATA", "")
pytestmark = [
    pytest.mark.xdist_group("workflow"),
    pytest.mark.skipif(
        not (DATA and (Path(DATA) / "cifar-10-batches-py").is_dir()),
        reason="set REPATLAS_DATA to a folder that holds CIFAR-10 (cifar-10-batches-py)",
    ),
]


def test_the_smoke_study_on_real_images(tmp_path):
    outcome = start(tmp_path, ROOT / "config/studies/cifar10-smoke.yaml")
    assert outcome.code == 0, outcome.output
    study = load_study(tmp_path / "results/studies/cifar10-smoke")
    assert (study.runs["status"] == "completed").all()
    assert (study.runs["train_examples"] == 781).all(), "1/64 of 50,000"
    assert study.table("layer_similarity")["value"].notna().all()
    (manifest,) = (tmp_path / "results/data").glob("cifar10-*/manifest.json")
    content = json.loads(manifest.read_text())
    assert content["class_counts"]["train"] == [5000] * 10
    assert not (tmp_path / "results/downloads").exists(), "the copy at hand was used"
