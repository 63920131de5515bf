"""Checkpoints on the way: the very weights of those moments, whatever interrupts the training."""

import pytest
import torch
from digits_spec import digits_spec
from repatlas.data.dataset import load
from repatlas.files import read_json, sha256_file
from repatlas.models.registry import build
from repatlas.training import checkpoint, loop
from repatlas.training.device import choose
from repatlas.training.seeds import generator
from repatlas.trajectory import file_of, planned_steps

# 10 steps an epoch, 4 epochs.
WANTED = {"steps": [0, 1, 7, 15, 40], "epochs": [2]}
STEPS = [0, 1, 7, 15, 20, 40]


@pytest.fixture
def run(digits, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "RESUME_EVERY", 0.0)

    def run(name: str, scratch: str = "scratch", code: str = "a", **training):
        spec = digits_spec(**{"checkpoints": WANTED, **training})
        folder = tmp_path / name
        device = choose("cpu", 1)
        loop.train(spec, load(digits), folder, tmp_path / scratch, device, code, name)
        return folder

    return run


def trajectory(folder):
    return {path.name: path.read_bytes() for path in sorted((folder / "trajectory").iterdir())}


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


def test_steps_and_epochs_come_in_order_each_once():
    assert planned_steps({"epochs": [2, 1], "steps": [30, 0, 20]}, 10) == [0, 10, 20, 30]
    assert planned_steps({"epochs": [1]}, 24) == [24]
    assert planned_steps(None, 10) == []


def test_the_first_is_the_initialisation_and_the_last_the_final_network(run):
    folder = run("one")
    saved = {step: checkpoint.load(folder / "trajectory" / file_of(step)) for step in STEPS}
    assert sorted(trajectory(folder)) == [file_of(step) for step in STEPS]
    spec = digits_spec()
    network = build(spec["model"], (1, 8, 8), 10, generator(spec["seed"], "initialisation"))
    assert same(saved[0], network.state_dict())
    assert same(saved[40], checkpoint.load(folder / "model.pt"))
    assert len({saved[step]["conv.weight"].sum().item() for step in STEPS}) == len(STEPS)


def test_the_index_names_step_epoch_file_and_checksum(run):
    folder = run("one")
    index = read_json(folder / "trajectory.json")
    assert index["steps_per_epoch"] == 10
    assert [(c["step"], c["epoch"]) for c in index["checkpoints"]] == [(s, s / 10) for s in STEPS]
    for entry in index["checkpoints"]:
        assert sha256_file(folder / entry["file"]) == entry["sha256"]


def test_a_checkpoint_is_what_a_training_that_ends_there_gives(run):
    """At a constant rate the first epochs do not depend on how many follow."""
    long = run("long", "a", schedule="constant")
    short = run("short", "b", schedule="constant", epochs=2, checkpoints={"steps": [0]})
    after_two = checkpoint.load(long / "trajectory" / file_of(20))
    assert same(after_two, checkpoint.load(short / "model.pt"))


def test_saving_on_the_way_changes_nothing_else(run, tmp_path):
    with_it, without = run("with"), run("without", "other", checkpoints=None)
    assert not (without / "trajectory.json").exists()
    assert not (without / "trajectory").exists()
    for name in ("model.pt", "curve.csv", "test_logits.npy"):
        assert (with_it / name).read_bytes() == (without / name).read_bytes()
    status = [read_json(folder / "status.json") for folder in (with_it, without)]
    assert status[0]["sha256"].pop("trajectory.json")
    assert len({status[0].pop("checksum"), status[1].pop("checksum")}) == 2
    # The spec names the checkpoints.
    assert len({own["sha256"].pop("spec.json") for own in status}) == 2
    assert status[0] == status[1]
    assert not (tmp_path / "scratch" / "trajectory").exists()


def stop_after(epoch, monkeypatch):
    original = checkpoint.save_resume

    def save_then_die(value, path):
        original(value, path)
        if value["epoch"] == epoch:
            raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint, "save_resume", save_then_die)
    return lambda: monkeypatch.setattr(checkpoint, "save_resume", original)


@pytest.mark.parametrize("penalty", [{}, {"pc_penalty": 10, "pc_threshold": 0.0}])
@pytest.mark.parametrize("epoch", [1, 3])
def test_resumed_training_keeps_them_bit_for_bit(run, monkeypatch, epoch, penalty):
    whole = run("whole", "a", **penalty)
    go_on = stop_after(epoch, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        run("cut", "b", **penalty)
    go_on()
    epochs = []
    original = loop.Training.run_epoch
    monkeypatch.setattr(loop.Training, "run_epoch", lambda self: (epochs.append(1), original(self)))
    cut = run("cut", "b", **penalty)
    assert len(epochs) == 4 - epoch, "it went on, it did not start over"
    assert trajectory(cut) == trajectory(whole)
    files = [files_of_run(folder) for folder in (cut, whole)]
    assert files[0] == files[1]


def files_of_run(folder):
    return {
        path.name: path.read_bytes()
        for path in folder.iterdir()
        if path.is_file() and path.name != "hardware.json"
    }


@pytest.mark.parametrize("damage", ["missing", "torn", "other code"])
def test_a_trajectory_that_is_not_whole_is_made_anew(run, monkeypatch, tmp_path, damage):
    whole = run("whole", "a")
    go_on = stop_after(2, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        run("cut", "b")
    go_on()
    path = tmp_path / "b" / "trajectory" / file_of(7)
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:300])
    cut = run("cut", "b", "b" if damage == "other code" else "a")
    assert trajectory(cut) == trajectory(whole)


def test_a_network_that_diverges_has_the_checkpoints_it_reached(run):
    folder = run("wild", learning_rate=1e30)
    assert read_json(folder / "status.json")["status"] == "diverged"
    done = read_json(folder / "status.json")["steps"]
    reached = [c["step"] for c in read_json(folder / "trajectory.json")["checkpoints"]]
    assert reached == [step for step in STEPS if step <= done]
    assert done < 40
