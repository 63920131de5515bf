"""The training protocol: its numbers against independent ones, and its exactness when resumed."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from digits_spec import PAPER, digits_spec
from repatlas.activations.trained import load_network
from repatlas.data.dataset import load
from repatlas.errors import StoreError
from repatlas.files import read_json
from repatlas.run_record import damaged_files, read_status, run_file
from repatlas.training import loop
from repatlas.training.batches import TrainingBatches, as_input
from repatlas.training.checkpoint import load as load_checkpoint
from repatlas.training.device import choose
from repatlas.training.evaluate import logits
from repatlas.training.optimiser import Optimiser, learning_rate
from torch import nn


def test_cosine_is_evaluated_once_an_epoch_and_starts_at_the_full_rate():
    rates = [learning_rate(PAPER, epoch) for epoch in (0, 150, 299)]
    assert rates == pytest.approx([0.01, 0.005, 0.005 * (1 + math.cos(math.pi * 299 / 300))])


def test_steps_equal_keras_sgd_with_a_changing_rate():
    """Independent reference in float64 NumPy: v = momentum v - lr (g + 2 l2 w), w += v, with the
    penalty on the kernel only."""
    torch.manual_seed(0)
    network = nn.Linear(5, 3).double()
    settings = {**PAPER, "epochs": 6, "learning_rate": 0.2, "l2": 0.05}
    optimiser = Optimiser(network, settings)
    w, b = network.weight.detach().numpy().copy(), network.bias.detach().numpy().copy()
    vw, vb = np.zeros_like(w), np.zeros_like(b)
    rng = np.random.default_rng(0)
    for epoch in range(6):
        rate = 0.5 * 0.2 * (1 + np.cos(np.pi * epoch / 6))
        optimiser.start_epoch(epoch)
        for _ in range(3):
            x = rng.standard_normal((7, 5))
            optimiser.sgd.zero_grad()
            (network(torch.from_numpy(x)) ** 2).sum().backward()
            optimiser.sgd.step()
            y = x @ w.T + b
            vw = 0.9 * vw - rate * (2 * y.T @ x + 2 * 0.05 * w)
            vb = 0.9 * vb - rate * 2 * y.sum(0)
            w, b = w + vw, b + vb
    np.testing.assert_allclose(network.weight.detach().numpy(), w, rtol=1e-10)
    np.testing.assert_allclose(network.bias.detach().numpy(), b, rtol=1e-10)


def test_a_network_is_read_out_with_what_its_own_code_drew(digits, tmp_path, monkeypatch):
    """Also what no state dict holds: random features that stay as they were drawn."""
    monkeypatch.chdir(tmp_path)
    Path("own.py").write_text(
        "import torch\nfrom torch import nn\n\n\nclass Net(nn.Module):\n"
        "    def __init__(self, num_classes):\n        super().__init__()\n"
        "        self.register_buffer('drawn', torch.randn(64, 16), persistent=False)\n"
        "        self.dense = nn.Linear(16, num_classes)\n\n"
        "    def forward(self, x):\n"
        "        return self.dense(torch.relu(x.flatten(1) @ self.drawn))\n"
    )
    spec = digits_spec(epochs=1) | {"model": {"architecture": "own.py:Net", "arguments": []}}
    data, cpu = load(digits), torch.device("cpu")
    loop.train(spec, data, tmp_path / "run", tmp_path / "scratch", cpu)
    network = load_network(spec, tmp_path / "run", data.shape, cpu)
    expected = np.load(tmp_path / "run" / "test_logits.npy")
    np.testing.assert_array_equal(logits(network, data.test_images, cpu), expected)


def test_every_batch_image_is_a_window_of_the_reflected_original_and_all_windows_occur():
    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, (8, 3, 9, 8), dtype=np.uint8)
    batches = TrainingBatches(images, np.arange(8), 8, 2, True, 5, torch.device("cpu"))
    padded = np.pad(images, ((0, 0), (0, 0), (2, 2), (2, 2)), mode="reflect")
    seen = set()
    for epoch in range(300):
        for pixels, labels in batches.epoch(epoch):
            assert sorted(labels.tolist()) == list(range(8))
            values = (pixels.numpy() * 255).round().astype(np.uint8)
            for value, label in zip(values, labels.tolist(), strict=True):
                found = [
                    (dy, dx, flip)
                    for dy in range(5)
                    for dx in range(5)
                    for flip in (False, True)
                    if np.array_equal(
                        value,
                        padded[label, :, dy : dy + 9, dx : dx + 8][:, :, :: -1 if flip else 1],
                    )
                ]
                assert len(found) == 1
                seen.add(found[0])
    assert len(seen) == 50, "uniform over 5 x 5 offsets and 2 flips"


def test_augmentation_has_the_distribution_of_torchvision():
    """Frequencies of the 50 outcomes against torchvision's per-image transforms (two-sample
    chi-square, 49 degrees of freedom; 85.4 is the .001 point)."""
    from torchvision.transforms import v2

    image = np.arange(64, dtype=np.uint8).reshape(1, 1, 8, 8)
    n = 4000
    batches = TrainingBatches(
        np.repeat(image, n, 0), np.zeros(n), n, 2, True, 0, torch.device("cpu")
    )
    ours, _ = next(batches.epoch(0))
    torch.manual_seed(0)
    transform = v2.Compose(
        [v2.RandomCrop(8, padding=2, padding_mode="reflect"), v2.RandomHorizontalFlip()]
    )
    theirs = torch.stack([transform(torch.from_numpy(image[0])) for _ in range(n)])
    counts = []
    for sample in ((ours * 255).round().to(torch.uint8), theirs):
        keys, numbers = np.unique(sample.reshape(n, -1).numpy(), axis=0, return_counts=True)
        counts.append(dict(zip(map(bytes, keys), numbers, strict=True)))
    outcomes = counts[0].keys() | counts[1].keys()
    assert len(outcomes) == 50
    pairs = [(counts[0].get(k, 0), counts[1].get(k, 0)) for k in outcomes]
    assert sum((a - b) ** 2 / (a + b) for a, b in pairs) < 85.4


def test_test_images_are_only_scaled():
    images = np.random.default_rng(0).integers(0, 256, (4, 3, 8, 8), dtype=np.uint8)
    np.testing.assert_array_equal(
        as_input(images, torch.device("cpu")).numpy(), images.astype(np.float32) / 255
    )


def test_evaluation_is_in_full_float32_and_leaves_the_settings_alone():
    products, convolutions = torch.backends.cuda.matmul, torch.backends.cudnn.conv
    seen = []

    class Watched(nn.Module):
        def forward(self, images):
            seen.append((products.fp32_precision, convolutions.fp32_precision))
            return images.flatten(1)

    device = choose("cpu", 1, "tf32")
    try:
        images = np.full((3, 1, 2, 2), 51, dtype=np.uint8)
        values = logits(Watched(), images, device)
        assert (logits(Watched(), torch.from_numpy(images), device) == values).all()
        assert seen == [("ieee", "ieee")] * 2
        assert (products.fp32_precision, convolutions.fp32_precision) == ("tf32", "tf32")
    finally:
        choose("cpu", 1)
    assert (products.fp32_precision, convolutions.fp32_precision) == ("ieee", "ieee")
    np.testing.assert_array_equal(values, np.full((3, 4), np.float32(51) / 255))


def test_the_last_evaluation_is_the_record_and_made_once(run, digits, monkeypatch):
    calls = []

    def counted(*arguments):
        calls.append(1)
        return logits(*arguments)

    monkeypatch.setattr(loop, "logits", counted)
    spec = digits_spec()
    status, folder = run("once", spec)
    training = spec["training"]
    assert len(calls) == -(-training["epochs"] // training["evaluate_every"])
    recorded = np.load(folder / "test_logits.npy")
    assert status["test_accuracy"] == (recorded.argmax(1) == load(digits).test_labels).mean()


@pytest.fixture
def run(digits, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "RESUME_EVERY", 0.0)

    def run(name: str, spec: dict, scratch: str = "scratch", code: str = "a"):
        device = choose("cpu", 1)
        folder = tmp_path / name
        status = loop.train(spec, load(digits), folder, tmp_path / scratch, device, code, name)
        return status, folder

    return run


def files_of(folder):
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.name != "hardware.json"}


def test_the_same_spec_gives_the_same_bytes(run):
    assert files_of(run("one", digits_spec())[1]) == files_of(run("two", digits_spec())[1])


@pytest.mark.parametrize("stop_after", [1, 3])
def test_interrupted_training_ends_where_uninterrupted_training_does(
    run, monkeypatch, tmp_path, stop_after
):
    whole = files_of(run("whole", digits_spec())[1])
    original = loop.checkpoint.save_resume

    def save_then_die(value, path):
        original(value, path)
        if value["epoch"] == stop_after:
            raise KeyboardInterrupt

    monkeypatch.setattr(loop.checkpoint, "save_resume", save_then_die)
    elsewhere = {"device": "cuda", "model": "a GPU", "torch": "2.14.1"}
    describe = loop.describe
    monkeypatch.setattr(loop, "describe", lambda device: elsewhere)
    with pytest.raises(KeyboardInterrupt):
        run("cut", digits_spec(), "cut")
    monkeypatch.setattr(loop, "describe", describe)
    assert (tmp_path / "cut" / "resume.pt").exists()
    monkeypatch.setattr(loop.checkpoint, "save_resume", original)
    epochs = []
    original_epoch = loop.Training.run_epoch
    monkeypatch.setattr(
        loop.Training, "run_epoch", lambda self: (epochs.append(1), original_epoch(self))
    )
    resumed = files_of(run("cut", digits_spec(), "cut")[1])
    assert len(epochs) == 4 - stop_after, "it went on, it did not start over"
    assert resumed == whole
    hardware = read_json(tmp_path / "cut" / "hardware.json")
    assert (hardware["device"], hardware["other_devices"]) == ("cpu", [elsewhere])
    earlier = hardware["earlier"]
    assert earlier["cpu_seconds"] > 0
    assert 0 < earlier["seconds"] < 600
    whole_on = read_json(tmp_path / "whole" / "hardware.json")
    assert not {"earlier", "other_devices"} & set(whole_on)
    assert not (tmp_path / "cut" / "resume.pt").exists()


@pytest.mark.parametrize("damage", ["other code", "other spec", "torn file", "flipped byte"])
def test_a_resume_checkpoint_of_something_else_is_discarded(run, monkeypatch, tmp_path, damage):
    original = loop.checkpoint.save_resume

    def save_then_die(value, path):
        original(value, path)
        raise KeyboardInterrupt

    monkeypatch.setattr(loop.checkpoint, "save_resume", save_then_die)
    other = digits_spec(learning_rate=0.02) if damage == "other spec" else digits_spec()
    with pytest.raises(KeyboardInterrupt):
        run("x", other, "scratch", "b" if damage == "other code" else "a")
    path = tmp_path / "scratch" / "resume.pt"
    if damage == "torn file":
        path.write_bytes(path.read_bytes()[:500])
    if damage == "flipped byte":
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    monkeypatch.setattr(loop.checkpoint, "save_resume", original)
    after = files_of(run("y", digits_spec())[1])
    assert after == files_of(run("fresh", digits_spec(), "other")[1])


def test_a_finished_run_of_the_same_spec_code_and_data_is_left_alone(run, monkeypatch):
    """A job that waited for an orphan of a killed workflow finds its work done."""
    status, folder = run("one", digits_spec())
    monkeypatch.setattr(loop, "Training", None)
    assert run("one", digits_spec())[0] == status
    for changed in ({"code": "b"}, {"spec": digits_spec(l2=0.5)}):
        with pytest.raises(TypeError):
            run(**{"name": "one", "spec": digits_spec(), **changed})
    (folder / "curve.csv").write_text("cut")
    with pytest.raises(TypeError):
        run("one", digits_spec())


@pytest.mark.parametrize("name", ["model.pt", "test_logits.npy", "curve.csv", "spec.json"])
def test_a_flipped_byte_is_found_and_the_run_named(run, name):
    _, folder = run("one", digits_spec(epochs=1))
    assert run_file(folder, name) == folder / name
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(StoreError, match=f"{name} is damaged"):
        run_file(folder, name)
    assert damaged_files(folder) == [name]


def test_a_changed_status_is_found(run):
    _, folder = run("one", digits_spec(epochs=1))
    path = folder / "status.json"
    path.write_text(path.read_text().replace('"epochs": 1', '"epochs": 2'))
    with pytest.raises(StoreError, match="does not match its own checksum"):
        read_status(folder)


def test_leftovers_of_a_killed_save_are_in_nobodys_way(tmp_path):
    (tmp_path / ".partial").mkdir()
    (tmp_path / ".partial" / "step-000040.pt").write_text("torn")
    loop.checkpoint.save({"a": 1}, tmp_path / "step-000030.pt")
    assert loop.checkpoint.load(tmp_path / "step-000030.pt") == {"a": 1}


def test_a_diverging_network_ends_with_a_status_and_a_reason(run):
    status, folder = run("wild", digits_spec(learning_rate=1e30, epochs=3))
    assert status["status"] == "diverged"
    assert "epoch" in status["reason"]
    assert status["test_accuracy"] is None
    assert read_json(folder / "status.json") == status
    assert (folder / "model.pt").exists()


def test_weights_that_break_in_the_very_last_step_are_no_completed_network(run):
    spec = digits_spec(learning_rate=1e38, epochs=1, batch_size=321)
    status, _ = run("last", spec)
    assert status["status"] == "diverged"
    assert "not finite" in status["reason"]


def test_networks_learn_the_digits(run):
    spec = digits_spec(epochs=20, learning_rate=0.1)
    spec["data"]["fraction"] = 1
    status, folder = run("learns", spec)
    logits = np.load(folder / "test_logits.npy")
    assert logits.shape == (512, 10)
    assert status["test_accuracy"] > 0.9
    # Final epoch's accuracy, not the best one's.
    last = (folder / "curve.csv").read_text().strip().splitlines()[-1].split(",")
    assert float(last[-1]) == status["test_accuracy"]


def test_bfloat16_is_refused_nowhere_but_gives_other_numbers(run):
    exact = np.load(run("exact", digits_spec())[1] / "test_logits.npy")
    rounded = np.load(run("rounded", digits_spec(precision="bfloat16"))[1] / "test_logits.npy")
    assert np.isfinite(rounded).all()
    assert not np.array_equal(exact, rounded)


class Trap:
    """Makes a file where unpickling it runs its code."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_no_code_in_a_checkpoint_is_run(tmp_path):
    sprung = tmp_path / "sprung"
    torch.save({"weights": Trap(sprung)}, tmp_path / "model.pt")
    with pytest.raises(StoreError, match="is damaged"):
        load_checkpoint(tmp_path / "model.pt")
    assert not sprung.exists()
    torch.load(tmp_path / "model.pt", weights_only=False)
    assert sprung.exists(), "the trap works"
