"""Jobs that share GPUs, on a machine that need not have any: their number is made up."""

import argparse
import importlib
import json
import os
import signal
import subprocess
import sys
import time
from functools import partial

import pytest
import torch
from repatlas import cli, gpus
from repatlas.errors import ResourceError, StoreError
from repatlas.gpus import own_gpu, visible_gpus
from repatlas.training import device
from repatlas.training.device import choose

# Holds a GPU until its standard input ends; says which one it has.
HOLDER = """
import os, sys
from pathlib import Path
from repatlas.gpus import own_gpu
names, folder = sys.argv[1].split(","), Path(sys.argv[2])
with own_gpu("auto", lambda: names, folder):
    print(os.environ["CUDA_VISIBLE_DEVICES"], flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def hold(tmp_path):
    """Start a job on a machine with the named GPUs."""
    started = []

    def start(names: str, shares: int = 1) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, names, str(tmp_path / "locks")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {gpus.SHARES: str(shares)},
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def has(process: subprocess.Popen) -> str:
    return process.stdout.readline().strip()


@pytest.mark.parametrize("names", ["0,1", "GPU-8932f937,MIG-GPU-5c89/1/0"])
def test_jobs_at_the_same_time_have_different_gpus_and_the_next_waits(hold, names):
    first, second = hold(names), hold(names)
    assert {has(first), has(second)} == set(names.split(","))
    third = hold(names)
    time.sleep(1.5)
    assert third.poll() is None
    os.set_blocking(third.stdout.fileno(), False)
    assert not third.stdout.readline(), "it has to wait"
    os.set_blocking(third.stdout.fileno(), True)
    first.communicate()
    assert has(third) in names


def test_idle_gpus_are_taken_before_one_is_shared(hold):
    taken = []
    for _ in range(4):
        taken.append(has(hold("0,1", shares=2)))
    assert set(taken[:2]) == {"0", "1"}
    assert sorted(taken) == ["0", "0", "1", "1"]


@pytest.mark.parametrize(
    ("answer", "names", "expected"),
    [
        ("0, GPU-aa, 7000\n1, GPU-bb, 3\n2, GPU-cc, 500\n", ["0", "1", "2"], ["1", "2", "0"]),
        ("0, GPU-aa, 7000\n1, GPU-bb, 3\n", ["GPU-a", "GPU-b"], ["GPU-b", "GPU-a"]),
        ("0, GPU-aa, [N/A]\n1, GPU-bb, 3\n", ["1", "0"], ["0", "1"]),
        ("No devices were found\n", ["0", "1"], ["0", "1"]),
    ],
)
def test_of_free_gpus_that_with_least_used_memory_is_first(
    monkeypatch, tmp_path, answer, names, expected
):
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\nprintf '{answer}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert gpus._least_used_first(names) == expected


def test_without_nvidia_smi_gpus_keep_their_order(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpus._least_used_first(["1", "0"]) == ["1", "0"]


def test_a_killed_job_leaves_its_gpu(hold):
    first = hold("0")
    assert has(first) == "0"
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert has(hold("0")) == "0"


@pytest.mark.parametrize("device", [None, "cpu"])
def test_a_job_for_the_cpu_is_given_none(monkeypatch, tmp_path, device):
    monkeypatch.delenv(gpus.VISIBLE, raising=False)
    with own_gpu(device, lambda: ["0"], tmp_path / "locks"):
        assert gpus.VISIBLE not in os.environ
    assert not (tmp_path / "locks").exists()


def test_a_named_gpu_is_locked_under_the_name_it_has_and_stays_its_number(
    hold, monkeypatch, tmp_path
):
    monkeypatch.setenv(gpus.VISIBLE, "4,5")
    assert has(hold("4,5")) == "4"
    with own_gpu("cuda:1", visible_gpus_of_two, tmp_path / "locks"):
        assert os.environ[gpus.VISIBLE] == "4,5"
        third = hold("4,5")
        os.set_blocking(third.stdout.fileno(), False)
        time.sleep(1.5)
        assert not third.stdout.readline(), "both are taken"
    os.set_blocking(third.stdout.fileno(), True)
    assert has(third) == "5"


def visible_gpus_of_two():
    return visible_gpus(lambda: 2)


def test_a_gpu_that_is_not_there_is_left_to_torch(monkeypatch, tmp_path):
    with own_gpu("cuda:2", visible_gpus_of_two, tmp_path / "locks") as waited:
        assert waited == 0
    with pytest.raises(ResourceError, match="'cuda:2' was asked for"):
        choose("cuda:2", 1)


def test_an_orphan_does_not_wait(hold, monkeypatch, tmp_path):
    assert has(hold("0")) == "0"
    monkeypatch.setattr(gpus, "orphaned", lambda: True)
    monkeypatch.setattr(
        cli, "own_gpu", partial(own_gpu, gpus=lambda: ["0"], folder=tmp_path / "locks")
    )
    assert cli.main(["train"]) == 1
    ended = pytest.raises(StoreError, match="the workflow that started this job has ended")
    with ended, own_gpu("auto", lambda: ["0"], tmp_path / "locks"):
        pass


def test_a_gpu_that_torch_cannot_use_is_said(monkeypatch, caplog):
    monkeypatch.setattr(device, "cuda_devices", lambda: 1)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with caplog.at_level("WARNING", "repatlas"):
        assert choose("auto", 1).type == "cpu"
    assert "There is a GPU, but torch" in caplog.text


def test_commands_on_devices_are_those_with_the_option():
    found = set()
    for name in cli.COMMANDS:
        parser = argparse.ArgumentParser()
        importlib.import_module(f"repatlas.cli.{name}").add_arguments(parser)
        if "--device" in parser.format_help():
            found.add(name)
    assert found == set(cli.ON_DEVICES)


def test_without_a_gpu_nothing_is_chosen(monkeypatch, tmp_path):
    monkeypatch.delenv(gpus.VISIBLE, raising=False)
    with own_gpu("auto", list, tmp_path / "locks") as waited:
        assert (waited, os.environ.get(gpus.VISIBLE)) == (0, None)


@pytest.mark.parametrize(
    ("setting", "count", "expected"),
    [(None, 2, ["0", "1"]), ("2,3", 2, ["2", "3"]), ("MIG-1/0", 1, ["MIG-1/0"]), ("", 0, [])],
)
def test_what_the_environment_shows_is_what_is_shared(monkeypatch, setting, count, expected):
    monkeypatch.delenv(gpus.VISIBLE, raising=False)
    if setting is not None:
        monkeypatch.setenv(gpus.VISIBLE, setting)
    assert visible_gpus(lambda: count) == expected


def test_jobs_of_slurm_meet_only_within_one_job(monkeypatch):
    """Each may see the GPU that it was given as number 0."""
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    outside = gpus._meeting_place()
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    seventh = gpus._meeting_place()
    monkeypatch.setenv("SLURM_JOB_ID", "8")
    assert len({outside, seventh, gpus._meeting_place()}) == 3


def test_a_command_computes_on_the_gpu_it_was_given_and_says_what_it_was(monkeypatch, tmp_path):
    monkeypatch.setattr(cli, "own_gpu", partial(own_gpu, gpus=lambda: ["5"], folder=tmp_path))
    seen = []

    def run(command, arguments):
        seen.append((command, os.environ[gpus.VISIBLE]))
        return 0

    monkeypatch.setattr(cli, "_run", run)
    assert cli.main(["train", "--device", "auto", "--log", str(tmp_path / "a.log")]) == 0
    assert seen == [("train", "5")]
    record = json.loads((tmp_path / "a.gpu.json").read_text())
    assert (record["gpu"], record["gpu_memory_mb"]) == (None, None), "it did not use it"
    assert 0 <= record["waited_seconds"] < 5
