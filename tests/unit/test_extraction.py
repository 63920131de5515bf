"""Read-out: stored Grams and activations against a direct computation, and damaged stores."""

import copy
import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from repatlas.activations import extract as extraction
from repatlas.data.dataset import load
from repatlas.data.order import pass_order
from repatlas.data.probe import load_probe, make_probe
from repatlas.errors import StoreError
from repatlas.grams import doubly_centred, unpack
from repatlas.layers import layers_of
from repatlas.models.registry import build
from repatlas.similarity import similarity_table
from repatlas.similarity.minibatch import minibatch_cka
from repatlas.stores import ActivationStore, GramStore, manifest_path, open_store
from repatlas.training.batches import as_input

MODEL = {
    "architecture": "resnet",
    "depth": 8,
    "width": 0.5,
    "init": "he_normal",
    "bn_momentum": 0.1,
}
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def probe(digits, tmp_path_factory):
    path = tmp_path_factory.mktemp("probe") / "probe.json"
    make_probe(digits, 100, path)
    return load_probe(path, load(digits))


@pytest.fixture(scope="module")
def network():
    generator = torch.Generator().manual_seed(0)
    network = build(MODEL, (1, 8, 8), 10, generator).eval()
    return network.to(memory_format=torch.channels_last)


def read_out(network, probe, folder, passes=1, keep=True, batch_size=16):
    about = {"run": "r", "probe": probe.hash, "batch_size": batch_size, "passes": passes}
    about["probe_members"] = probe.members()
    grams, activations = folder / "g.zarr", folder / "a.zarr" if keep else None
    layers = layers_of(MODEL)
    extraction.extract(network, layers, probe, about, grams, activations, CPU)
    return GramStore(grams), ActivationStore(activations) if keep else None


def reference(network, probe, name):
    """Activations of one layer on the whole probe set, by a plain forward hook."""
    kept = []
    handle = dict(network.named_modules())[name].register_forward_hook(
        lambda _m, _i, out: kept.append(out.clone())
    )
    with torch.no_grad():
        network(as_input(probe.images, CPU))
    handle.remove()
    return kept[0].numpy()


@pytest.mark.parametrize("name", ["input", "bn", "stage2.block1.shortcut", "stage3.block1.relu2"])
def test_stored_activations_are_the_networks(network, probe, tmp_path, name):
    _, store = read_out(network, probe, tmp_path)
    index = [layer.name for layer in store.layers].index(name)
    expected = reference(network, probe, name)
    assert store.layers[index].shape == expected.shape[1:]
    np.testing.assert_allclose(store.read(index), expected, rtol=1e-4, atol=1e-5)
    assert store.n_examples == 100, "the short last batch is kept"
    np.testing.assert_array_equal(store.read_batch(index, 1), store.read(index)[16:32])


def test_stored_grams_are_those_of_the_stored_activations(network, probe, tmp_path):
    """Independent formulas in float64: HKH, and the U-centring of Szekely and Rizzo by loops."""
    grams, activations = read_out(network, probe, tmp_path)
    assert grams.n_batches == 6, "100 images in batches of 16, the short one left out"
    index = [layer.name for layer in grams.layers].index("stage2.block1.relu2")
    for batch in (0, 5):
        x = activations.read_batch(index, batch).reshape(16, -1).astype(float)
        k = x @ x.T
        h = np.eye(16) - 1 / 16
        packed, diagonals = grams.batch(batch)
        scale = np.abs(k).max()
        found = doubly_centred(packed[index], diagonals[index])
        np.testing.assert_allclose(found, h @ k @ h, atol=1e-5 * scale)
        off = k - np.diag(np.diag(k))
        rows, total = off.sum(1), off.sum()
        u = off - rows[:, None] / 14 - rows / 14 + total / (15 * 14)
        np.fill_diagonal(u, 0)
        np.testing.assert_allclose(unpack(packed[index], 16), u, atol=1e-5 * scale)


def test_keeping_activations_never_changes_grams(network, probe, tmp_path):
    with_store, _ = read_out(network, probe, tmp_path / "a")
    without, _ = read_out(network, probe, tmp_path / "b", keep=False)
    assert with_store.manifest["digests"] == without.manifest["digests"]


def test_later_passes_are_reshuffled_batches_of_the_same_images(network, probe, tmp_path):
    grams, activations = read_out(network, probe, tmp_path, passes=2)
    assert grams.n_batches == 12
    order = pass_order(probe.hash, 1, 100)[:16]
    assert sorted(order.tolist()) != list(range(16))
    index = len(grams.layers) - 1
    x = activations.read(index)[order].reshape(16, -1).astype(float)
    x -= x.mean(0)
    packed, diagonals = grams.batch(6)
    np.testing.assert_allclose(
        doubly_centred(packed[index], diagonals[index]), x @ x.T, atol=1e-4 * np.abs(x @ x.T).max()
    )


def test_the_same_network_gives_the_same_bytes(network, probe, tmp_path):
    stores = [read_out(network, probe, tmp_path / n) for n in "ab"]
    for one, two in zip(*stores, strict=True):
        assert manifest_path(one.path).read_bytes() == manifest_path(two.path).read_bytes()


def test_a_dead_layer_is_named_and_leaves_the_rest(probe, tmp_path):
    network = build(MODEL, (1, 8, 8), 10, torch.Generator().manual_seed(0)).eval()
    torch.nn.init.constant_(network.stage1.block1.bn1.bias, -1e3)
    grams, _ = read_out(network, probe, tmp_path)
    reasons = {layer.name: layer.reason for layer in grams.layers if layer.reason}
    assert reasons == {
        "stage1.block1.relu1": "constant over the probe set",
        "stage1.block1.conv2": "constant over the probe set",
        "stage1.block1.bn2": "constant over the probe set",
    }
    (block,) = minibatch_cka([grams], [(0, 0)])
    dead = [i for i, layer in enumerate(grams.layers) if layer.reason]
    undefined = np.isnan(block.value)
    assert undefined[dead].all()
    assert not np.delete(np.delete(undefined, dead, 0), dead, 1).any()


def test_layers_that_work_in_place_are_stored_as_they_were(network, probe, tmp_path):
    """Every ReLU writes over the output of the layer before it, which was tapped."""
    rash = copy.deepcopy(network)
    for module in rash.modules():
        if isinstance(module, torch.nn.ReLU):
            module.inplace = True
    with torch.no_grad():
        images = as_input(probe.images[:4], CPU)
        before = rash.bn(rash.conv(images))
        assert before.min() < 0
        assert rash.relu(before).min() == before.min() == 0, "the ReLU does work in place"
    expected = read_out(network, probe, tmp_path / "a")
    found = read_out(rash, probe, tmp_path / "b")
    for one, two in zip(expected, found, strict=True):
        assert two.manifest["digests"] == one.manifest["digests"]


def test_reading_out_leaves_no_hook_on_the_network(network, probe, tmp_path):
    read_out(network, probe, tmp_path)
    assert not any(module._forward_hooks for module in network.modules())


def in_order(probe, order):
    """The probe set with its images in another order, and the hash that says so."""
    images, labels = probe.images[order], probe.labels[order]
    content = images.tobytes() + labels.astype("<i8").tobytes()
    digest = hashlib.sha256(content).hexdigest()[:16]
    return replace(probe, images=images, labels=labels, hash=digest)


@pytest.mark.parametrize(
    ("order", "said"),
    [
        (np.arange(100)[::-1], "the order of the probe set's examples differs"),
        (np.r_[:99, 0], "the probe set differs"),
    ],
)
def test_other_images_and_another_order_are_refused_by_name(network, probe, tmp_path, order, said):
    assert in_order(probe, np.arange(100)).hash == probe.hash
    grams, activations = read_out(network, probe, tmp_path / "a")
    other_grams, other = read_out(network, in_order(probe, order), tmp_path / "b")
    with pytest.raises(StoreError, match=said):
        minibatch_cka([grams, other_grams], [(0, 1)])
    with pytest.raises(StoreError, match=said) as error:
        similarity_table(activations, other, "cka")
    assert str(activations.path) in str(error.value)
    assert str(other.path) in str(error.value)


def test_a_store_without_its_manifest_does_not_exist(network, probe, tmp_path):
    grams, _ = read_out(network, probe, tmp_path)
    manifest_path(grams.path).unlink()
    with pytest.raises(StoreError, match="never finished"):
        open_store(grams.path)


def test_an_interrupted_read_out_leaves_no_manifest(network, probe, tmp_path):
    read_out(network, probe, tmp_path)

    def fail(done, _total):
        if done == 2:
            raise KeyboardInterrupt

    about = {"run": "r", "probe": probe.hash, "batch_size": 16, "passes": 1}
    with pytest.raises(KeyboardInterrupt):
        extraction.extract(
            network, layers_of(MODEL), probe, about, tmp_path / "g.zarr", None, CPU, fail
        )
    with pytest.raises(StoreError, match="never finished"):
        open_store(tmp_path / "g.zarr")
    assert not any(module._forward_hooks for module in network.modules())


@pytest.mark.parametrize("kind", ["grams", "activations"])
def test_a_flipped_byte_is_found_when_it_is_read(network, probe, tmp_path, kind):
    grams, activations = read_out(network, probe, tmp_path)
    store = grams if kind == "grams" else activations
    name = "grams" if kind == "grams" else "0003"
    chunk = max((store.path / name).rglob("*"), key=lambda p: p.is_file() and p.stat().st_size)
    content = bytearray(chunk.read_bytes())
    content[len(content) // 2] ^= 1
    chunk.write_bytes(content)
    fresh = open_store(store.path)
    with pytest.raises(StoreError, match=f"Array {name} .* is damaged"):
        [fresh.batch(i) for i in range(fresh.n_batches)] if kind == "grams" else fresh.read(3)
    with pytest.raises(StoreError, match=r"Delete .*manifest\.json"):
        fresh.verify()


def test_a_store_of_another_format_is_refused_by_name(network, probe, tmp_path):
    grams, _ = read_out(network, probe, tmp_path)
    path = manifest_path(grams.path)
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "format_version": 0}))
    with pytest.raises(StoreError, match=r"has format 0; this version of repatlas reads format 2"):
        open_store(grams.path)


def test_a_network_without_usable_weights_has_a_store_that_says_so(tmp_path):
    about = {"run": "r", "probe": "p", "batch_size": 16, "passes": 1}
    layers = layers_of(MODEL)
    extraction.extract_nothing(
        layers, about, tmp_path / "g.zarr", tmp_path / "a.zarr", "diverged: training loss is nan"
    )
    store = open_store(tmp_path / "g.zarr")
    assert store.status == "diverged: training loss is nan"
    assert len(store.layers) == len(layers)
    assert all("diverged" in layer.reason for layer in store.layers)
    assert open_store(tmp_path / "a.zarr").n_examples == 0
