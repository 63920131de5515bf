"""What a study needs, against what it takes."""

from pathlib import Path

import pytest
import torch
from repatlas.errors import ResourceError
from repatlas.layers import layers_of
from repatlas.models.registry import build
from repatlas.models.taps import tapped
from repatlas.study import Study
from repatlas.study.needs import check_machine, disk_bytes, features

CONFIG = {
    "study": "s",
    "grid": {"dataset": "digits", "depth": 8, "width": 1, "seed": [0, 1]},
    "training": {"crop_padding": 1},
    "probe": {"batch_size": 64},
}


@pytest.mark.parametrize(("architecture", "width", "side"), [("resnet", 1.4, 9), ("cnn", 1, 32)])
def test_features_are_those_of_the_network(architecture, width, side):
    model = {"architecture": architecture, "depth": 14, "width": width, "bn_momentum": 0.1}
    shape = (3, side, side)
    network = build(model, shape, 10, None).eval()
    found = {}
    names = [layer.name for layer in layers_of(model)]
    with torch.no_grad(), tapped(network, names, lambda i, out: found.update({i: out[0].numel()})):
        network(torch.rand(1, *shape))
    counted = features(model, shape)
    assert counted[0] == 3 * side * side
    assert counted[1:-1] == [found[i] for i in range(1, len(names) - 1)]


def test_disk_for_grams_is_exact_and_activations_add_to_it(tmp_path):
    without = disk_bytes(Study({**CONFIG, "keep_activations": False}), tmp_path)
    assert without == 2 * 8 * 30 * (64 * 63 // 2) * 4
    assert disk_bytes(Study(CONFIG), tmp_path) > without


def test_stores_already_made_need_no_more_disk(tmp_path):
    study = Study({**CONFIG, "keep_activations": False})
    run = study.runs[0].name
    (tmp_path / "grams").mkdir()
    (tmp_path / "grams" / f"{run}--{study.probes[run].id}.manifest.json").write_text("{}")
    assert disk_bytes(study, tmp_path) == 8 * 30 * (64 * 63 // 2) * 4


def test_a_folder_of_downloads_that_is_not_there_is_named(tmp_path):
    def check(folder):
        study = Study({**CONFIG, "data_root": str(folder)})
        check_machine(study, Path("results"), lambda: 0, lambda _path: 10**12)

    check(tmp_path)
    with pytest.raises(ResourceError, match="data_root: found .*nowhere', which is no folder"):
        check(tmp_path / "nowhere")


def test_a_full_disk_is_said_before_anything_runs():
    with pytest.raises(ResourceError, match=r"(?s)at least 0\.\d GB.*keep_activations"):
        check_machine(Study(CONFIG), Path("results"), lambda: 0, lambda _path: 10**6)


@pytest.mark.parametrize(("device", "gpus", "fine"), [("cuda", 0, False), ("cuda", 1, True)])
def test_a_demanded_gpu(device, gpus, fine):
    study = Study({**CONFIG, "device": device})
    if fine:
        check_machine(study, Path("results"), lambda: gpus, lambda _path: 10**12)
    else:
        with pytest.raises(ResourceError, match=r"(?s)device: found .cuda.*auto"):
            check_machine(study, Path("results"), lambda: gpus, lambda _path: 10**12)
