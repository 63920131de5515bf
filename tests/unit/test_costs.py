"""The expected cost of a study: exact counts, and laws that follow them."""

from importlib.resources import files
from pathlib import Path

import pytest
from repatlas.costs import laws
from repatlas.costs.plan import costs
from repatlas.costs.rates import rate, rates, replace
from repatlas.costs.workload import workload
from repatlas.models.registry import build
from repatlas.models.taps import tapped
from repatlas.study.study import Study
from torch import nn, zeros

STUDY = {
    "study": "costs",
    "grid": {"dataset": "digits", "depth": [8, 14], "width": 1, "seed": [0, 1]},
    "training": {"epochs": 5, "batch_size": 64, "evaluate_every": 2, "crop_padding": 1},
    "probe": {"size": 256, "batch_size": 64},
    "taps": "all",
    "comparisons": {"across_seeds": True, "across_architectures": "all"},
}


def of_rule(study: Study, rule: str, device: str = "cpu"):
    return {cost.job: cost for cost in costs(study, device) if cost.rule == rule}


@pytest.mark.parametrize("architecture", ["resnet", "cnn"])
@pytest.mark.parametrize(("depth", "width", "side"), [(8, 0.3, 8), (14, 1, 9), (20, 2, 32)])
def test_a_workload_is_what_the_network_itself_has(architecture, depth, width, side):
    model = {"architecture": architecture, "depth": depth, "width": width, "bn_momentum": 0.1}
    work = workload(model, (3, side, side), 7)
    network = build(model, (3, side, side), 7, None).eval()
    given, macs = {}, 0

    def receive(index, output):
        given[index] = output[0].numel()

    def count(module, _inputs, output):
        nonlocal macs
        macs += output[0].numel() * module.weight[0].numel()

    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            module.register_forward_hook(count)
    with tapped(network, [layer.name for layer in work.layers], receive):
        network(zeros(1, 3, side, side))
    assert work.features == tuple(given[k] for k in range(len(work.layers)))
    assert work.macs == macs
    assert work.parameters == sum(p.numel() for p in network.parameters())
    assert work.statistics == sum(b.numel() for b in network.buffers())


def test_training_counts_every_step_and_every_evaluation():
    study = Study(STUDY)
    run = study.runs[0]
    work = workload(run.spec["model"], (1, 8, 8), 10)
    # 1,285 images make 20 batches of 64; tested after epochs 2, 4 and 5, and for the record.
    wanted = laws.train_seconds(work, 64, 100, 4 * 512)
    assert of_rule(study, "train")[run.name].seconds == wanted
    longer = Study({**STUDY, "training": {**STUDY["training"], "epochs": 10}})
    more = of_rule(longer, "train")[longer.runs[0].name].seconds - rate("cpu_start")
    assert 1.5 < more / (wanted - rate("cpu_start")) <= 2


def test_every_seed_costs_the_same_and_a_deeper_network_more():
    training = of_rule(Study(STUDY), "train")
    by_depth = {d: {c.seconds for n, c in training.items() if f"-d{d}-" in n} for d in (8, 14)}
    assert [len(found) for found in by_depth.values()] == [1, 1]
    assert min(by_depth[8]) < min(by_depth[14])


def test_comparisons_grow_with_pairs_of_layers_and_of_networks():
    study = Study(STUDY)
    found = of_rule(study, "similarity")
    assert len(found) == len(study.tiles) == 3
    (across,) = (found[tile.name] for tile in study.tiles if tile.a != tile.b)
    # 4 pairs of 7 with 13 ReLU layers.
    assert across.disk == pytest.approx(rate("disk_value") * 4 * 7 * 13)


def test_a_measure_of_activations_has_no_known_time():
    study = Study({**STUDY, "measures": ["cka_minibatch", "cka"], "keep_activations": True})
    unknown = [c for c in costs(study) if c.seconds is None]
    assert {c.job for c in unknown} == {t.name for t in study.tiles if t.measure == "cka"}


def test_a_gpu_waits_for_kernels_in_small_networks_and_computes_in_large_ones():
    def step(width):
        work = workload({"architecture": "resnet", "depth": 38, "width": width}, (3, 32, 32), 10)
        return laws.train_seconds(work, 128, 1, 0, "cuda") - rate("cpu_start")

    assert step(0.5) == pytest.approx(step(0.25))
    assert step(10) / step(5) == pytest.approx(4, rel=0.02)


def test_rates_say_what_was_measured_and_what_is_assumed():
    assert {r.source for r in rates().values()} <= {"measured", "assumed"}
    assert all(name.startswith("gpu") == (r.source == "assumed") for name, r in rates().items())
    assert min(r.value for r in rates().values()) >= 0


def test_measured_rates_replace_those_of_the_file_and_nothing_else(tmp_path, monkeypatch):
    before = dict(rates())
    copy = tmp_path / "rates.csv"
    copy.write_bytes(Path(str(files("repatlas.costs").joinpath("rates.csv"))).read_bytes())
    monkeypatch.setattr("repatlas.costs.rates.files", lambda _package: tmp_path)
    replace({"cpu_start": 3.14159, "unheard_of": 1.0})
    after = dict(rates())
    rates.cache_clear()
    assert after.pop("cpu_start").value == 3.14
    before.pop("cpu_start")
    assert after == before
