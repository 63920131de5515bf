"""Studies of own networks: their grid, and what is refused before any job."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from repatlas.errors import ConfigError
from repatlas.files import read_json, write_json
from repatlas.models.registry import build
from repatlas.study import Study, own

NET = """
from torch import nn


class Net(nn.Module):
    def __init__(self, num_classes, image_shape, depth=1, act="relu"):
        super().__init__()
        self.flatten, self.relu = nn.Flatten(), nn.ReLU()
        self.dense = nn.Linear(image_shape[0] * 64, num_classes)

    def forward(self, x):
        return self.dense(self.relu(self.flatten(x)))


def loss(x):
    return 0
"""


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A study of `net.py:Net` with changes, in a folder that has the file."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text(NET)

    def make(grid=(), **changes):
        base = {"study": "x", "grid": {"architecture": "net.py:Net", **dict(grid)}}
        return Study({**base, "probe": {"batch_size": 64}, **changes})

    return make


def test_arguments_are_crossed_and_name_the_networks(study):
    runs = study({"arguments": {"depth": [1, 2], "act": ["relu", "gelu"]}, "seed": [0, 1]}).runs
    assert len(runs) == len({run.name for run in runs}) == 8
    assert {run.design["depth"] for run in runs} == {1, 2}
    assert {run.design["arguments"] for run in runs} == {"act relu", "act gelu"}
    assert all(run.name.startswith("digits-Net-d") for run in runs)


def test_what_varies_in_no_own_network_has_no_column(study):
    grid = {
        "architecture": ["resnet", "net.py:Net"],
        "arguments": {"act": "relu"},
        "depth": [8, 14],
    }
    runs = study(grid, comparisons={"across_architectures": "all"}).runs
    assert "arguments" not in runs[0].design
    # The own one has no depth, so that it is made once.
    assert sorted(run.design["depth"] or 0 for run in runs) == [0, 8, 14]


def test_a_network_without_a_text_on_an_axis_says_none(study):
    """Built-in networks take no arguments, and own ones no initialisation."""
    runs = study(
        {"architecture": ["net.py:Net", "resnet"], "arguments": {"act": ["relu", "tanh"]}},
        model={"depth": 8},
        include=[{"architecture": "resnet", "init": "he_uniform"}],
    ).runs
    arguments = {(run.design["architecture"], run.design["arguments"]) for run in runs}
    assert arguments == {
        ("net.py:Net", "act relu"),
        ("net.py:Net", "act tanh"),
        ("resnet", "none"),
    }
    assert {r.design["init"] for r in runs if r.design["arguments"] != "none"} == {"none"}


def test_networks_can_be_chosen_by_some_of_their_arguments(study):
    grid = {"arguments": {"depth": [1, 2], "act": ["relu", "gelu"]}}
    kept = study(grid, exclude=[{"arguments": {"act": "gelu"}}]).runs
    assert [dict(run.spec["model"]["arguments"])["act"] for run in kept] == ["relu", "relu"]


def test_the_record_of_a_study_is_that_study(study):
    from repatlas.study.record import config_record

    made = study({"arguments": {"depth": [1, 2], "act": "relu"}})
    again = Study(config_record(made))
    assert [run.name for run in again.runs] == [run.name for run in made.runs]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": {"depth": 8}}, "model.depth: it has no effect on net.py:Net"),
        ({"model": {"init": "orthogonal"}}, "model.init: it has no effect on net.py:Net"),
        ({"model": {"arguments": {"wide": 1}}}, "unexpected keyword argument 'wide'"),
        ({"grid": {"architecture": "net.py:Nett"}}, "grid.architecture: net.py has no 'Nett'"),
        ({"grid": {"architecture": "gone.py:Net"}}, "gone.py does not exist"),
        ({"training": {"pc_penalty": 1.0}}, "training.pc_penalty: it acts on the stages"),
        (
            {"analyses": ["block_deletion"]},
            "analyses.0: found 'block_deletion', which is of",
        ),
        ({"analyses": ["linear_probes"]}, "analyses.0: found 'linear_probes', which is of"),
        ({"taps": ["conv"]}, "taps.0: 'conv' matches no layer"),
        ({"measures": ["net.py:loss"]}, r"measures.0: net.py:loss is called with \(x, y\)"),
        ({"measures": "net.py:cka"}, "'cka' is the name of another one"),
        ({"analyses": "net.py:runs"}, "'runs' is the name of another one"),
        ({"model": {"checkpoint": "gone.pt"}}, "model.checkpoint: gone.pt does not exist"),
        ({"model": {"checkpoint": "{sed}.pt"}}, "'sed' cannot be filled in"),
        (
            {"grid": {"architecture": "resnet", "arguments": {"a": 1}}},
            "grid.arguments: it has no effect, because",
        ),
        ({"datasets": {"d": {"source": "net.py:none"}}, "data": {"dataset": "d"}}, "has no 'none'"),
    ],
)
def test_what_cannot_be_used_is_told_by_its_key(study, changes, message):
    with pytest.raises(ConfigError, match=message):
        study(**changes)


def test_weights_of_another_network_are_told_before_any_job(study, tmp_path):
    torch.save({"dense.weight": torch.zeros(10, 64)}, tmp_path / "w.pt")
    with pytest.raises(ConfigError, match="does not fit net.py:Net: it lacks dense.bias"):
        study(model={"checkpoint": "w.pt"})


def test_probes_by_sgd_are_refused_for_a_network_that_was_trained_elsewhere(study, tmp_path):
    """They augment images as the network's own training did, which nothing here knows."""
    model = {"architecture": "resnet", "depth": 8, "width": 1, "bn_momentum": 0.01}
    torch.save(build(model, (1, 8, 8), 10, None).state_dict(), tmp_path / "w.pt")
    grid = {"architecture": "resnet", "depth": 8}
    changes = {"grid": grid, "model": {"checkpoint": "w.pt"}, "analyses": "linear_probes"}
    study(**changes)
    with pytest.raises(ConfigError, match=r"linear_probes.method: found sgd.*Accepted is ridge"):
        study(**changes, linear_probes={"method": "sgd"})


def test_what_was_found_is_kept_until_the_code_changes(study, tmp_path):
    kept = tmp_path / "kept"
    config = {"study": "x", "grid": {"architecture": "net.py:Net"}, "probe": {"batch_size": 64}}
    layers = Study(config, kept=kept).runs[0].layers
    (file,) = kept.iterdir()
    assert Study(config, kept=kept).runs[0].layers == layers
    assert [*kept.iterdir()] == [file]
    path = tmp_path / "net.py"
    path.write_text(path.read_text().replace("self.relu(self.flatten(x))", "self.flatten(x)"))
    from repatlas.code import syntax

    syntax.cache_clear()
    assert len(Study(config, kept=kept).runs[0].layers) == len(layers) - 1


def test_two_starts_that_find_out_the_same_write_it_one_after_the_other(tmp_path, monkeypatch):
    """A file has one temporary name: the second writer would find the first one's moved away."""
    both, writing = threading.Barrier(2), []

    def asked(questions):
        both.wait(30)
        return [{"found": True} for _ in questions]

    def write(path, value):
        writing.append(path)
        time.sleep(0.3)
        assert len(writing) == 1
        write_json(path, value)
        writing.remove(path)

    monkeypatch.setattr(own, "_asked", asked)
    monkeypatch.setattr(own, "_file", lambda _question, kept: kept / "answer.json")
    monkeypatch.setattr(own, "write_json", write)
    with ThreadPoolExecutor(2) as pool:
        starts = [pool.submit(own.examine, [{"own": "a.py:f"}], tmp_path) for _ in range(2)]
        assert [start.result() for start in starts] == [[{"found": True}]] * 2
    assert read_json(tmp_path / "answer.json") == {"found": True}
