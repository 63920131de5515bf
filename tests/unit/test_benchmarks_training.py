"""benchmarks/training.py at tiny sizes: the loops that it compares all train, and what a GPU would
be asked runs on the CPU."""

import json
import re
import sys
from math import nan
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
import training as script
from harness import report
from harness.measuring import Line, Target, unmeasured
from training_cases import at_once, loops, memory, speed
from training_cases.sizes import SMALL

GIVEN = (SMALL, SMALL.images, "cpu", 1)


def weights_of(network):
    return {name: p.detach().clone() for name, p in network.named_parameters()}


def every_loop():
    yield loops.Ours(*GIVEN), "training"
    yield loops.Bare(*GIVEN), None
    yield loops.Loader(*GIVEN), None
    yield loops.Loader(*GIVEN, channels_last=True), None


@pytest.mark.parametrize("number", range(4))
def test_every_loop_takes_as_many_steps_with_the_same_network(number):
    loop, place = list(every_loop())[number]
    network = (getattr(loop, place) if place else loop).network
    before, seen = weights_of(network), []
    network.register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0].shape))
    loop()
    assert seen == [(SMALL.batch, 3, SMALL.side, SMALL.side)] * (SMALL.images // SMALL.batch)
    same = weights_of(loops.network(SMALL))
    assert {n: p.shape for n, p in before.items()} == {n: p.shape for n, p in same.items()}
    assert not all(torch.equal(before[n], p) for n, p in weights_of(network).items())


def test_lightning_trains_the_same_network():
    pytest.importorskip("pytorch_lightning", reason="pip install -r benchmarks/requirements.txt")
    loop = loops.Lightning(*GIVEN)
    before = weights_of(loop.module.network)
    loop()
    assert not all(torch.equal(before[n], p) for n, p in weights_of(loop.module.network).items())


def test_the_bare_loop_takes_the_steps_of_ours():
    """The limit would be none if it left something out: on the same batch again and again its
    weights are those of the training loop to the bit."""
    bare, ours = loops.Bare(*GIVEN), loops.Bare(*GIVEN)
    first = loops.Ours(*GIVEN)
    for network in (ours.network, bare.network):
        network.load_state_dict(first.training.network.state_dict())
    batch = (bare.images, bare.labels)
    first.training.batches.epoch = lambda _epoch: iter([batch] * bare.steps)
    first()
    bare()
    for name, value in weights_of(first.training.network).items():
        assert torch.equal(value, weights_of(bare.network)[name])


def test_what_a_gpu_would_be_asked_runs_here():
    """Evaluation, bfloat16 and layouts; TF32 and the CUDA graph need a GPU."""
    outcome = speed.compare(SMALL, SMALL.gpu_images, 1, "cpu", 1, also=True)
    names = set(outcome.seconds)
    assert {speed.OURS, speed.LIMIT, speed.LOADER, speed.LAYOUT, speed.HALF} <= names
    assert {speed.EVALUATION, speed.FORWARD, speed.HALF_LIMIT} <= names
    assert all(len(seconds) == 1 and min(seconds) > 0 for seconds in outcome.seconds.values())
    by_label = {line.label: line for line in outcome.lines}
    wanted = np.divide(outcome.seconds[speed.LOADER], outcome.seconds[speed.OURS])
    assert by_label[speed.OF_LOADER].value == pytest.approx(np.median(wanted), rel=1e-3)
    assert by_label[speed.OF_LIMIT].target == Target("at least", 0.95)


def test_several_networks_train_at_once_each_in_its_process():
    outcome = at_once.compare(SMALL, SMALL.images, 2, 1, "cpu", Target("at least", 2))
    alone, together = outcome.seconds[at_once.ALONE], outcome.seconds[at_once.TOGETHER]
    assert outcome.lines[0].value == pytest.approx(2 * alone[0] / together[0], rel=1e-3)
    assert set(outcome.seconds) == {at_once.ALONE, at_once.TOGETHER, at_once.THREADS}


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_its_targets_stand_as_not_measured():
    lines = speed.run_gpu(SMALL, 1, 1).lines + at_once.run_gpu(SMALL, 1, 1).lines
    assert {line.verdict for line in lines} == {"not measured"}
    targets = {line.label: line.target.value for line in lines if line.target}
    assert sorted(targets.values()) == [0.9, 2, 3]


def test_what_was_not_measured_survives_being_written_and_drawn(tmp_path):
    lines = [Line("measured", 1.2, 0.1, "x", 3), unmeasured("not", "x", None, "no GPU")]
    part = report.Part("gpu", "4 One GPU", 1, lines, {})
    script.SCRIPT.save([part], tmp_path)
    record = json.loads((tmp_path / "training.json").read_text())["parts"]["gpu"]
    assert [line["value"] for line in record["lines"]] == [1.2, None]
    again = report.part_of("gpu", record)
    assert again.as_record() == part.as_record()
    assert "not measured" in report.table([again])
    assert Line("x", nan, nan, "x", 0, Target("at least", 1)).verdict == "not measured"


@pytest.mark.parametrize("name", ["repatlas", "DataLoader loop"])
def test_memory_is_that_of_three_steps(name, monkeypatch):
    loop = memory.LOOPS[name](SMALL, SMALL.held, "cpu", 1)
    seen = []
    network = loop.network if hasattr(loop, "network") else loop.training.network
    network.register_forward_hook(lambda *_: seen.append(1))
    memory.steps(loop, 3)
    assert len(seen) == 3


def test_every_job_names_a_function_that_exists():
    modules = {"speed": speed, "at_once": at_once, "memory": memory}
    for job in script.JOBS:
        module, name = job.function.split(".")
        assert callable(getattr(modules[module], name))


def test_the_page_says_what_the_published_results_say():
    root = Path(__file__).resolve().parents[2]
    parts = json.loads((root / "results/published/benchmarks/training.json").read_text())["parts"]
    text = " ".join((root / "benchmarks/README.md").read_text(encoding="utf-8").split())

    def said(part, label):
        (line,) = (line for line in parts[part]["lines"] if line["label"].startswith(label))
        measured = {name: line[name] for name in ("label", "value", "se", "unit", "rounds")}
        written = report._with_error(Line(**measured))
        return re.sub(r"\b0\.", ".", written)

    for label in (
        "repatlas / bare loop (",
        "repatlas / DataLoader loop as",
        "repatlas / Lightning",
    ):
        one, two = (said(part, label) for part in ("one-core", "two-threads"))
        assert re.search(rf"\| {one}( x)? \| {two}( x)? \|", text), label
    assert f"{said('at-once', '2 networks at once / one after')} x as many images" in text
    assert f"{said('at-once', '2 networks at once / one network with')} x as many" in text
    assert f"runs at {said('one-core', 'evaluation /')} (AMD)" in text
    assert f"bfloat16 is {said('one-core', 'repatlas in bfloat16')} x as fast" in text
    megabytes = [f"{line['value']:.0f}" for line in parts["memory"]["lines"]]
    ours, bare, loader, lightning = megabytes
    assert f"torch: {ours} MB, the bare loop (which trains on 128 of them) {bare}," in text
    assert f"the DataLoader loop {loader}, Lightning {lightning}." in text
    machines = {(part["made"]["processor"], part["made"]["commit"]) for part in parts.values()}
    assert len(machines) == 1, "all parts in one go, on one machine"
