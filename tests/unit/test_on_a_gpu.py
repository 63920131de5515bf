"""Code that runs on a GPU, where there is none: nothing is in the wrong place, the numbers are the
CPU's, and the host waits where it may."""

import numpy as np
import pytest
import torch
from digits_spec import digits_spec
from pretended_gpu import GPU, HOST, pretended_gpu
from repatlas.activations.extract import extract
from repatlas.data.dataset import Dataset
from repatlas.data.probe import Probe
from repatlas.data.selection import Examples
from repatlas.frozen.block_deletion import delete_blocks
from repatlas.frozen.closed_form import ridge_probes
from repatlas.frozen.dynamics import Checkpoint, read_dynamics
from repatlas.frozen.principal_components import principal_components
from repatlas.frozen.sgd import sgd_probes
from repatlas.layers import layers_of
from repatlas.models.registry import build
from repatlas.similarity import compare_layers
from repatlas.stores import ActivationStore, GramStore
from repatlas.training import checkpoint, loop
from repatlas.training.evaluate import logits
from threadpoolctl import threadpool_limits
from torch._subclasses.fake_tensor import unset_fake_temporarily

CLASSES, SHAPE = 10, (3, 8, 8)
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(256, size=(64, *SHAPE), dtype=np.uint8)
LABELS = RNG.integers(CLASSES, size=64)
EXAMPLES = Examples(IMAGES, LABELS)
SPEC = digits_spec(batch_size=16, epochs=2, flip=True)
MODEL = SPEC["model"]
LAYERS = layers_of(MODEL)
NAMES = [layer.name for layer in LAYERS if layer.kind == "relu"]


def network(device):
    made = build(MODEL, SHAPE, CLASSES, torch.Generator().manual_seed(0))
    return made.to(device=device, memory_format=torch.channels_last).eval()


def on_both(compute):
    """What `compute(device)` gives on the host and on the pretended GPU, and that GPU."""
    with pretended_gpu() as gpu:
        there = compute(GPU)
    return compute(HOST), there, gpu


def test_the_pretended_gpu_refuses_what_a_real_one_does():
    with pretended_gpu() as gpu:
        x = torch.arange(6.0).reshape(2, 3).to(GPU)
        assert x.is_cuda
        assert (x @ torch.ones(3, 2, device=GPU)).device == GPU
        with pytest.raises(RuntimeError, match="tensors on cuda:0 and on cpu"):
            x @ torch.ones(3, 2)
        with pytest.raises(RuntimeError):
            x.numpy()
        view = x[:, 1]
        view.mul_(10)
        assert gpu.waits == []
        assert x.cpu().tolist() == [[0, 10, 2], [3, 40, 5]]
        assert x.sum().item() == 60
        assert len(gpu.waits) == 2


def test_logits_are_brought_over_once():
    here, there, gpu = on_both(lambda device: logits(network(device), IMAGES, device))
    np.testing.assert_array_equal(here, there)
    assert len(gpu.waits) == 1


@pytest.mark.parametrize("keep", [False, True])
def test_reading_out_brings_over_one_batch_at_a_time(tmp_path, keep):
    probe = Probe(np.arange(64), IMAGES, LABELS, "a probe")
    about = {"run": "a network", "probe": "a probe", "batch_size": 32, "passes": 1}

    def stores(device):
        grams, kept = tmp_path / f"{device.type}.grams", tmp_path / f"{device.type}.activations"
        made = network(device)
        extract(made, LAYERS, probe, about, grams, kept if keep else None, device)
        arrays = ActivationStore(kept).read(3) if keep else np.zeros(1)
        return GramStore(grams).batch(1)[0], arrays

    (here, arrays_here), (there, arrays_there), gpu = on_both(stores)
    np.testing.assert_array_equal(arrays_here, arrays_there)
    # The products are of centred features there, of raw ones here.
    scale = np.abs(here).max(axis=1, keepdims=True)
    np.testing.assert_allclose(there / scale, here / scale, atol=1e-5)
    # Of each of two batches the Grams and the diagonals; activations layer by layer.
    assert len(gpu.waits) == 2 * 2 + (2 * len(LAYERS) if keep else 0)


@pytest.mark.parametrize("most", [0, 64], ids=["from passes", "at once"])
def test_principal_components(monkeypatch, most):
    monkeypatch.setattr("repatlas.frozen.principal_components.MOST", most)

    def components(device):
        return principal_components(network(device), NAMES, IMAGES, device, 1e-3, 6)

    here, there, _ = on_both(components)
    for a, b in zip(here, there, strict=True):
        np.testing.assert_allclose(a.shares, b.shares, rtol=1e-9)
        assert abs(a.u1 @ b.u1) == pytest.approx(1)


def test_block_deletion():
    here, there, _ = on_both(lambda device: delete_blocks(network(device), MODEL, EXAMPLES, device))
    assert here == there


def test_linear_probes_in_closed_form():
    """Layers with more features than images, and with fewer."""

    def probes(device):
        made = network(device)
        return ridge_probes(made, NAMES, EXAMPLES, EXAMPLES, CLASSES, 2, device)

    here, there, _ = on_both(probes)
    assert {result.features > 64 for result in here} == {False, True}
    assert here == there


def test_linear_probes_by_descent():
    options = {"epochs": 2, "batch_size": 16, "learning_rate": 0.1, "momentum": 0.9}
    options |= {"evaluate_every": 1, "pool": None}

    def probes(device):
        made = network(device)
        return sgd_probes(made, NAMES, EXAMPLES, EXAMPLES, CLASSES, SPEC, options, device)

    here, there, _ = on_both(probes)
    assert here == there


def test_dynamics(tmp_path, monkeypatch):
    load = checkpoint.load

    def loaded(path, device="cpu"):
        with unset_fake_temporarily():  # under it torch reads no numbers
            return load(path, device)

    monkeypatch.setattr(checkpoint, "load", loaded)
    for name in ("early", "late"):
        checkpoint.save(network(HOST).state_dict(), tmp_path / name)
    points = [Checkpoint(k, k, tmp_path / name) for k, name in enumerate(("early", "late"))]
    layers = [layer for layer in LAYERS if layer.kind == "relu"]

    def dynamics(device):
        return read_dynamics(SPEC, points, layers, [(IMAGES, LABELS)], device)

    here, there, _ = on_both(dynamics)
    np.testing.assert_allclose(here.within, there.within, atol=1e-5)
    np.testing.assert_array_equal(here.accuracy, there.accuracy)


def test_minibatch_cka_of_tensors_that_lie_there():
    x = torch.from_numpy(RNG.normal(size=(3, 64, 20)).astype("f4"))

    def table(device):
        with threadpool_limits(1):  # the pretended GPU is one thread's
            return compare_layers(
                list(x.to(device)), measure="cka_minibatch", batch_size=32
            ).to_numpy()

    here, there, _ = on_both(table)
    np.testing.assert_allclose(here, there, rtol=1e-5)


def made_up(sgd, _args, _kwargs):
    for group in sgd.param_groups:
        for parameter in group["params"]:
            parameter.grad = torch.full_like(parameter, 0.1)


@pytest.mark.parametrize(
    "options", [{}, {"colour_jitter": 0.5}, {"pc_penalty": 1.0, "pc_threshold": 0.2}]
)
def test_an_epoch_of_training_waits_at_its_end_alone(monkeypatch, options):
    """All but the gradients, which a pretended GPU cannot have: they are made up here."""
    monkeypatch.setattr(torch.Tensor, "backward", lambda loss: None)
    order = np.arange(64)
    data = Dataset({}, SHAPE, tuple("0123456789"), *(IMAGES, LABELS) * 2, order, order, "")
    spec = {**SPEC, "training": {**SPEC["training"], **options, "evaluate_every": 9}}

    def trained(device):
        training = loop.Training(spec, data, device)
        training.optimiser.sgd.register_step_pre_hook(made_up)
        training.run_epoch()
        return training.curve[0], {k: v.cpu() for k, v in training.network.state_dict().items()}

    (curve_here, here), (curve_there, there), gpu = on_both(trained)
    assert curve_here == curve_there
    for name, value in here.items():
        torch.testing.assert_close(there[name], value, rtol=0, atol=0)
    # Loss and hits of the epoch; the rest is what this test brings over.
    assert gpu.waits[:2] == ["aten._local_scalar_dense.default"] * 2
    assert len(gpu.waits) == 2 + len(there)
