"""A training that is told to end, as a scheduler does before it takes the machine away."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from digits_spec import digits_spec
from repatlas.costs.measured import RESUMED
from repatlas.training.termination import Termination

SPEC = digits_spec(epochs=15, evaluate_every=5)


@pytest.fixture
def start(digits, tmp_path):
    """Start a training in a folder of its own, as the workflow does."""
    started = []

    def start(name: str) -> subprocess.Popen:
        folder = tmp_path / name
        command = [sys.executable, "-m", "repatlas", "train", "--device", "cpu"]
        command += ["--spec", json.dumps(SPEC), "--dataset", str(digits)]
        command += ["--output", str(folder / "run"), "--scratch", str(folder / "scratch")]
        started.append(subprocess.Popen([*command, "--log", str(folder / "log")]))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_it_saves_the_epoch_ends_and_later_comes_to_the_same_weights(start, tmp_path):
    whole = start("whole")
    cut = start("cut")
    log = tmp_path / "cut" / "log"
    end = time.monotonic() + 120
    while not (log.exists() and "epoch 1/15" in log.read_text()):
        assert time.monotonic() < end
        time.sleep(0.02)
    cut.send_signal(signal.SIGTERM)
    assert cut.wait(120) == 128 + signal.SIGTERM
    assert "told to end; saved after epoch" in log.read_text()
    assert not (tmp_path / "cut/run/status.json").exists()

    assert start("cut").wait(300) == 0
    assert RESUMED in log.read_text()
    assert whole.wait(300) == 0
    for name in ("model.pt", "curve.csv", "test_logits.npy", "status.json"):
        one, other = (tmp_path / folder / "run" / name for folder in ("whole", "cut"))
        assert one.read_bytes() == other.read_bytes(), name


def test_being_told_twice_is_being_told():
    """SLURM sends SIGTERM ahead of a time limit and again when the time is up."""
    with Termination() as end:
        assert not end.told
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)
        assert end.told


def test_after_the_block_the_signal_does_what_it_did_before():
    before = signal.getsignal(signal.SIGTERM)
    with Termination() as end:
        os.kill(os.getpid(), signal.SIGTERM)
        assert end.told
    assert signal.getsignal(signal.SIGTERM) == before
