"""Networks on their way: read out by batch statistics that leave nothing behind, and compared."""

import copy
import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from repatlas.analysis.design import Grid
from repatlas.analysis.dynamics import checkpoint_table, layer_table, similarity_table
from repatlas.cli import main
from repatlas.data.dataset import load
from repatlas.data.probe import load_probe, make_probe
from repatlas.errors import StoreError
from repatlas.files import read_json
from repatlas.frozen.dynamics import Checkpoint, checkpoints_of, read_dynamics
from repatlas.frozen.trajectory_sums import TrajectorySums
from repatlas.grams import gram_vector
from repatlas.layers import BROKEN, CONSTANT, layers_of
from repatlas.models.batch_statistics import batch_statistics
from repatlas.models.registry import build
from repatlas.naming import canonical_json
from repatlas.similarity.minibatch import minibatch_cka
from repatlas.training import checkpoint, loop

MODEL = {
    "architecture": "resnet",
    "depth": 8,
    "width": 0.25,
    "init": "he_normal",
    "bn_momentum": 0.1,
}
SPEC = {
    "data": {"dataset": {"source": "digits"}, "fraction": 0.25, "evaluate_on": "test"},
    "model": MODEL,
    "training": {
        "epochs": 2,
        "batch_size": 32,
        "learning_rate": 0.05,
        "schedule": "cosine",
        "momentum": 0.9,
        "l2": 0.001,
        "crop_padding": 1,
        "flip": False,
        "evaluate_every": 1,
        "precision": "float32",
        "threads": 1,
        "checkpoints": {"steps": [0, 3, 20], "epochs": [1]},
    },
    "seed": 0,
}
LAYERS = layers_of(MODEL)
CPU = torch.device("cpu")


def network(seed=0):
    return build(MODEL, (1, 8, 8), 10, torch.Generator().manual_seed(seed)).eval()


def images(n=32, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, 1, 8, 8), dtype=np.uint8)


def test_batch_statistics_are_those_of_training_and_nothing_is_left_behind():
    net, x = network(), torch.rand(16, 1, 8, 8)
    before = copy.deepcopy(net.state_dict())
    frozen = net(x)
    with batch_statistics(net), torch.inference_mode():
        found = net(x)
    assert all(torch.equal(before[k], v) for k, v in net.state_dict().items())
    assert torch.equal(net(x), frozen)
    training = copy.deepcopy(net).train()
    with torch.no_grad():
        torch.testing.assert_close(found, training(x))
    assert not torch.equal(training.bn.running_mean, before["bn.running_mean"]), "training does"
    assert not torch.allclose(found, frozen)


def test_batch_statistics_end_with_their_block_however_it_ends():
    net = network()
    with pytest.raises(KeyboardInterrupt), batch_statistics(net):
        raise KeyboardInterrupt
    assert net.bn.running_mean is not None
    assert net.stage3.block1.bn2.running_var.eq(1).all()


def sums_of(batches, final=None):
    """Sums over batches of lists of activations (n, p), one a layer."""
    sums = TrajectorySums(len(batches[0]))
    for batch, last in zip(batches, final or batches, strict=True):
        packed, diagonals = zip(*map(gram_vector, batch), strict=True)
        sums.add(np.array(packed), np.array(diagonals), np.array([gram_vector(x)[0] for x in last]))
    return sums


def activations(seed, layers=4, batches=3):
    rng = np.random.default_rng(seed)
    return [
        [rng.standard_normal((20, 30)).astype(np.float32) for _ in range(layers)]
        for _ in range(batches)
    ]


def test_a_checkpoint_that_is_the_final_network_has_similarity_one_to_it():
    sums = sums_of(activations(0))
    assert sums.to_final().tolist() == [1.0] * 4
    assert sums.within().diagonal().tolist() == [1.0] * 4
    assert sums.reasons() == [""] * 4


def test_similarities_are_minibatch_cka_over_all_batches():
    one, other = activations(0), activations(1)
    # Layers that share something, so that the similarities are no noise.
    for a, b in zip(one, other, strict=True):
        for k in range(4):
            a[k] += 2 * a[0]
            b[k] += (k + 1) * a[0]
    sums = sums_of(one, other)

    class Joined:
        passes, n_batches, batch_size = 1, 3, 20

        def __init__(self, batches):
            self.made = [zip(*map(gram_vector, batch), strict=True) for batch in batches]
            self.made = [tuple(map(np.array, both)) for both in self.made]

        def batch(self, index):
            return self.made[index]

    within, across = minibatch_cka([Joined(one), Joined(other)], [(0, 0), (0, 1)])
    np.testing.assert_allclose(sums.within(), within.value, rtol=1e-6)
    np.testing.assert_allclose(sums.to_final(), across.value.diagonal(), rtol=1e-6)


def test_the_share_of_the_first_component_is_a_ratio_of_sums_over_batches():
    batches = activations(2)
    for number, batch in enumerate(batches):
        batch[1] += 5 * (number + 1) * np.outer(np.arange(20), np.ones(30)).astype(np.float32)
    spectra = [
        [np.linalg.svd(x - x.mean(axis=0), compute_uv=False).astype(float) ** 2 for x in batch]
        for batch in batches
    ]
    expected = [
        sum(batch[k][0] for batch in spectra) / sum(batch[k].sum() for batch in spectra)
        for k in range(4)
    ]
    found = sums_of(batches).pc1_share()
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert found[1] > 0.99, "the planted component"
    assert found[0] < 0.3


def test_constant_and_broken_layers_have_reasons_and_no_values():
    batches = activations(3)
    for batch in batches:
        batch[1][:] = 7
        batch[2][0, 0] = np.nan
    sums = sums_of(batches, activations(3))
    assert sums.reasons() == ["", CONSTANT, BROKEN, ""]
    for values in (sums.to_final(), sums.pc1_share(), sums.within()[0]):
        assert np.isnan(values).tolist() == [False, True, True, False]


def saved(folder, networks):
    """Checkpoints of the networks, the last of which is the final one."""
    found = []
    for step, net in enumerate(networks):
        path = folder / f"{step}.pt"
        checkpoint.save(checkpoint.snapshot(net), path)
        found.append(Checkpoint(step, step / 10, path))
    return found


def read(folder, networks, of_batch=True, n=2):
    batches = [(images(seed=k), np.zeros(32, int)) for k in range(n)]
    return read_dynamics(SPEC, saved(folder, networks), LAYERS, batches, CPU, of_batch)


@pytest.mark.parametrize("of_batch", [True, False])
def test_equal_checkpoints_are_equal_to_the_final_network(tmp_path, of_batch):
    found = read(tmp_path, [network(), network()], of_batch)
    alive = found.reason[0] == ""
    assert alive.sum() > 25
    assert (found.to_final[:, alive] == 1).all()
    assert np.array_equal(found.within[0], found.within[1], equal_nan=True)
    assert np.array_equal(found.pc1_share[0], found.pc1_share[1], equal_nan=True)


def test_running_statistics_count_in_inference_alone(tmp_path):
    late, stale = network(), network()
    rng = torch.Generator().manual_seed(1)
    for module in stale.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.copy_(torch.rand(module.num_features, generator=rng))
            module.running_var.copy_(0.2 + torch.rand(module.num_features, generator=rng))
    by_batch = read(tmp_path, [stale, late])
    assert (by_batch.to_final[0][by_batch.reason[0] == ""] == 1).all()
    by_running = read(tmp_path, [stale, late], of_batch=False)
    names = [layer.name for layer in LAYERS]
    assert by_running.to_final[0][names.index("conv")] == 1
    assert by_running.to_final[0][names.index("stage1.block1.relu2")] < 0.999


def test_what_is_read_out_is_each_network_by_itself(tmp_path):
    """Against activations of a plain forward pass in training mode."""
    early, late = network(1), network(2)
    found = read(tmp_path, [early, late], n=1)
    kept = []
    for net in (early, late):
        own = {}
        for layer in LAYERS:
            net.get_submodule(layer.name).register_forward_hook(
                lambda _m, _i, out, own=own, name=layer.name: own.__setitem__(name, out)
            )
        with torch.no_grad():
            copy.deepcopy(net).train()(torch.tensor(images() / 255, dtype=torch.float32))
        kept.append([own[la.name].flatten(1).numpy() for la in LAYERS])
    grams = [[gram_vector(x)[0] for x in layers] for layers in kept]
    expected = [
        a @ b / np.sqrt((a @ a) * (b @ b)) if a.any() and b.any() else np.nan
        for a, b in zip(*grams, strict=True)
    ]
    np.testing.assert_allclose(found.to_final[0], expected, atol=2e-4)
    assert found.to_final[0][0] == 1, "the input is the same"
    assert np.nanmin(found.to_final[0]) < 0.9


@pytest.fixture(scope="module")
def made(digits, tmp_path_factory):
    """A small network that was saved on its way, one that diverged, and what is made of both."""
    folder = tmp_path_factory.mktemp("dynamics")
    make_probe(digits, 100, folder / "probe.json")
    specs = {"good": SPEC, "wild": copy.deepcopy(SPEC)}
    specs["wild"]["training"]["learning_rate"] = 1e30
    for name, spec in specs.items():
        loop.train(spec, load(digits), folder / "runs" / name, folder / "scratch", CPU, "a", name)
        read_out(folder, digits, name)
    return folder


def read_out(folder, digits, name, options=None, labels=True, output=None):
    options = {"layers": ["all"], "batch_norm": "train"} | (options or {})
    arguments = {
        "run": folder / "runs" / name,
        "dataset": digits,
        "probe": folder / "probe.json",
        "plan": canonical_json({"batch_size": 32, "own_labels": labels}),
        "options": canonical_json(options),
        "output": output or folder / f"{name}.npz",
        "device": "cpu",
    }
    words = [word for k, v in arguments.items() for word in (f"--{k}", str(v))]
    assert main(["dynamics", *words]) == 0


def grid(folder):
    runs = pd.DataFrame({"run": ["good", "wild"], "group": "g", "seed": [0, 1], "probe": "p"})
    artifacts = {"dynamics": {name: str(folder / f"{name}.npz") for name in ("good", "wild")}}
    return Grid(runs, ["seed"], {}, artifacts)


def test_layers_have_a_row_at_every_checkpoint_and_the_final_network_is_the_last(made):
    table = layer_table(grid(made))
    good = table[table["run"] == "good"]
    assert good["step"].unique().tolist() == [0, 3, 10, 20]
    assert good.loc[good["step"] == 10, "epoch"].unique().tolist() == [1.0]
    assert good.groupby("step")["final"].first().tolist() == [False, False, False, True]
    assert good.loc[good["final"], "cka_to_final"].eq(1).all()
    assert good["pc1_share"].between(0, 1).all()
    assert good["n_batches"].eq(3).all()
    means = good[good["kind"] == "relu"].groupby("step")["cka_to_final"].mean()
    assert means.is_monotonic_increasing
    wild = table[table["run"] == "wild"]
    assert len(wild) == len(good), "a network that failed is rows, not a hole"
    assert wild["cka_to_final"].isna().all()
    assert wild["reason"].str.startswith("network diverged: training loss").all()


def test_a_checkpoints_row_has_block_metrics_and_accuracies(made, digits):
    table = checkpoint_table(grid(made), made / "runs")
    good = table[table["run"] == "good"].set_index("step")
    curve = pd.read_csv(made / "runs" / "good" / "curve.csv").set_index("step")["test_accuracy"]
    assert good["test_accuracy"].dropna().to_dict() == {10: curve[10], 20: curve[20]}
    assert (
        good.loc[20, "test_accuracy"] == read_json(made / "runs/good/status.json")["test_accuracy"]
    )
    similarities = similarity_table(grid(made))
    own = similarities[(similarities["run"] == "good") & (similarities["step"] == 3)]
    relu = own[(own["kind_a"] == "relu") & (own["index_a"] < own["index_b"])]
    relu = relu[relu["kind_b"] == "relu"]
    assert good.loc[3, "n_layers"] == 7
    assert good.loc[3, "fraction_above"] == pytest.approx((relu["value"] > 0.9).mean())
    assert good.loc[3, "mean_similarity"] == pytest.approx(relu["value"].mean())
    wild = table[table["run"] == "wild"]
    assert wild[["fraction_above", "longest_run", "probe_accuracy"]].isna().all(axis=None)
    assert wild["reason"].str.startswith("network diverged").all()
    # Accuracy by hand, in training mode as everything else.
    probe = load_probe(made / "probe.json", load(digits))
    net = build(MODEL, (1, 8, 8), 10, None)
    net.load_state_dict(checkpoint.load(made / "runs" / "good" / "model.pt"))
    right = 0
    for k in (0, 32, 64):
        x = torch.tensor(probe.images[k : k + 32] / 255, dtype=torch.float32)
        right += int((net.train()(x).argmax(1).numpy() == probe.labels[k : k + 32]).sum())
    assert good.loc[20, "probe_accuracy"] == pytest.approx(right / 96)


def test_options_choose_layers_batches_and_whose_labels_count(made, digits, tmp_path):
    options = {"layers": ["relu"], "batches": 2, "batch_norm": "inference"}
    read_out(made, digits, "good", options, labels=False, output=tmp_path / "x.npz")
    with np.load(tmp_path / "x.npz") as found:
        assert set(found["kind"]) == {"relu"}
        assert found["within"].shape == (4, 7, 7)
        assert found["n_batches"] == 2
        assert np.isnan(found["accuracy"]).all()


def test_the_same_checkpoints_give_the_same_bytes(made, digits, tmp_path):
    read_out(made, digits, "good", output=tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == (made / "good.npz").read_bytes()


@pytest.mark.parametrize("damage", ["torn", "exchanged", "missing"])
def test_a_damaged_checkpoint_is_refused(made, tmp_path, damage):
    run = tmp_path / "run"
    shutil.copytree(made / "runs" / "good", run)
    path = run / "trajectory" / "step-000003.pt"
    if damage == "torn":
        path.write_bytes(path.read_bytes()[:-10])
    elif damage == "exchanged":
        shutil.copy(run / "trajectory" / "step-000010.pt", path)
    else:
        path.unlink()
    with pytest.raises(StoreError, match=r"step-000003\.pt is missing or damaged"):
        checkpoints_of(run)


def test_a_network_that_is_not_finite_at_a_checkpoint_says_so(tmp_path):
    broken, late = network(1), network(2)
    with torch.no_grad():
        broken.stage2.block1.conv1.weight[0] = float("nan")
    found = read(tmp_path, [broken, late], n=1)
    names = [layer.name for layer in LAYERS]
    first = names.index("stage2.block1.conv1")
    assert found.reason[0][first] == BROKEN
    assert np.isnan(found.to_final[0][first])
    assert np.isfinite(found.to_final[0][first - 1])
    assert np.isfinite(found.to_final[1][first])
