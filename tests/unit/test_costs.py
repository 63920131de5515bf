"""The expected cost of a study: exact counts, and laws that follow them."""

from importlib.resources import files
from pathlib import Path

import pytest
from repatlas.catalogue import ANALYSES
from repatlas.costs import analysis_laws, laws
from repatlas.costs.analyses import INPUTS, TABLES
from repatlas.costs.plan import costs
from repatlas.costs.rates import rate, rates, replace
from repatlas.costs.workload import workload
from repatlas.frozen import block_deletion, krylov, principal_components, ridge
from repatlas.frozen.block_deletion import deletions
from repatlas.frozen.linear_probes import probed_layers
from repatlas.layers import select_present
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
    # 2 pairs, of unlike seeds, of 7 with 13 ReLU layers.
    assert across.disk == pytest.approx(rate("disk_value") * 2 * 7 * 13)


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


# --- analyses -------------------------------------------------------------------------------------

CHECKPOINTS = {"checkpoints": {"steps": [0, 1, 10]}}
ANALYSED = {
    **STUDY,
    "training": {**STUDY["training"], **CHECKPOINTS},
    "analyses": list(ANALYSES),
}


def resnet38():
    """Of width 1, on CIFAR-10."""
    return workload({"architecture": "resnet", "depth": 38, "width": 1}, (3, 32, 32), 10)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_every_analysis_has_a_time_for_each_of_its_networks(device):
    study = Study(ANALYSED)
    for name, analysis in ANALYSES.items():
        of_networks = of_rule(study, name, device)
        assert set(of_networks) == set(study.analysed(name) if analysis.artifact else ())
        assert all(cost.seconds > 0 for cost in of_networks.values())
        assert of_rule(study, name + TABLES, device)[study.name].seconds > 0


def test_constants_are_those_of_the_analyses():
    own = principal_components
    known = (own.MOST, own.AT_ONCE, krylov.BLOCK, own.BUDGET, own.EXPECTED)
    wanted = ("MOST", "AT_ONCE", "BLOCK", "SPACES", "ROOM")
    assert tuple(getattr(analysis_laws, name) for name in wanted) == known
    known = (len(ridge.SHARES), ridge._ROWS, ridge.HELD_OUT)
    assert known == (analysis_laws.PENALTIES, analysis_laws.ROWS, analysis_laws.HELD_OUT)
    assert block_deletion.KEPT == INPUTS


def test_the_laws_of_analyses_give_what_was_measured():
    """On one core: 10,000 images, and seven checkpoints on as many."""
    work = resnet38()
    chosen = select_present(work.layers, ["relu", "dense"])
    features = [work.features[k] for k in chosen]
    assert 197 / 2 < analysis_laws.components_seconds(work, features, 10_000) < 197 * 2
    layers, every = len(work.layers), work.total_features
    found = analysis_laws.dynamics_seconds(work, every, layers, 7, 256, 39)
    assert 600 / 2 < found < 600 * 2


@pytest.mark.parametrize("depth", [8, 14, 38])
def test_deletions_are_counted_from_the_first_deleted_block_on(depth):
    model = {"architecture": "resnet", "depth": depth, "width": 1}
    each = (depth - 2) // 6
    run = set()
    for deletion in deletions(model):
        if deletion.n:
            first = each * (deletion.stage - 1) + deletion.first - 1
            run.add((first, deletion.n))
    passes = 1 + sum(3 * each - first - n for first, n in run) / (3 * each)
    work = resnet38()
    found = analysis_laws.deletion_seconds(work, [each] * 3, 1000) - rate("cpu_start")
    assert found == pytest.approx(passes * laws.forward_seconds(work, 1000))


def test_dynamics_cost_as_much_for_every_checkpoint():
    def seconds(steps, **options):
        training = {**STUDY["training"], "checkpoints": {"steps": steps}}
        changed = {"analyses": ["dynamics"], "training": training, "dynamics": options}
        found = of_rule(Study({**STUDY, **changed}), "dynamics")
        return next(iter(found.values())).seconds - rate("cpu_start")

    # With the final network two and four; and two of four batches.
    assert seconds([0, 1, 2]) == pytest.approx(2 * seconds([0]))
    assert seconds([0], batches=2) == pytest.approx(seconds([0]) / 2)
    assert seconds([0], layers="relu") < seconds([0]) / 2


def test_probes_are_of_the_layers_that_are_probed():
    study = Study({**STUDY, "analyses": ["linear_probes"], "grid": {"depth": 14, "width": 1}})
    (run,) = study.runs
    layers = len(probed_layers(run.spec["model"]))
    sizes = [16 * 64, 32 * 16, 64 * 4]
    features = [size for size in sizes for _ in range(layers // 3)]
    work = workload(run.spec["model"], (1, 8, 8), 10)
    wanted = analysis_laws.ridge_seconds(work, features, 1285, 512, 10)
    assert of_rule(study, "linear_probes")[run.name].seconds == wanted


def test_probes_by_descent_grow_with_epochs_and_tests():
    def seconds(**options):
        settings = {"method": "sgd", "epochs": 10, "evaluate_every": 10, **options}
        study = Study({**STUDY, "analyses": ["linear_probes"], "linear_probes": settings})
        return next(iter(of_rule(study, "linear_probes").values())).seconds - rate("cpu_start")

    more, tests = seconds(epochs=20, evaluate_every=20), seconds(evaluate_every=1)
    assert 1.7 < more / seconds() < 2
    assert 1.1 < tests / seconds() < 5


def test_few_examples_take_one_pass_and_many_several():
    work = resnet38()
    one = analysis_laws.components_seconds(work, [256], 1024) - rate("cpu_start")
    several = analysis_laws.components_seconds(work, [256], 1025) - rate("cpu_start")
    pass_ = laws.forward_seconds(work, 1025)
    assert pass_ < one < 2 * pass_
    assert several == pytest.approx(analysis_laws.PASSES * pass_, rel=0.1)


def test_what_analyses_leave_is_known():
    study = Study(ANALYSED)
    run = study.runs[0].name
    relu = 7
    # Two numbers an example and layer, logits among them.
    assert of_rule(study, "principal_components")[run].disk == 16 * (relu + 1) * 256
    layers = len(study.runs[0].layers)
    assert of_rule(study, "dynamics")[run].disk == 8 * 4 * layers**2
