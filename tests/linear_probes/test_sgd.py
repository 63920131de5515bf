"""Linear probes by the paper's protocol: against autograd, torch's SGD and a loop in NumPy."""

import numpy as np
import pytest
import torch
from made_examples import CLASSES, CPU, features, spec
from repatlas.frozen.features import flattened
from repatlas.frozen.sgd import Course, DenseProbe, sgd_probes
from repatlas.models.layers import TRUNCATED_STD
from repatlas.models.taps import tapped
from repatlas.training.batches import TrainingBatches
from repatlas.training.seeds import generator
from torch import nn


def test_sgd_steps_are_those_of_autograd_and_torchs_sgd():
    draw = torch.Generator().manual_seed(0)
    probe = DenseProbe(20, CLASSES, 0.01, 0.9, draw, CPU)
    dense = nn.Linear(20, CLASSES)
    dense.weight.data.copy_(probe.weight)
    nn.init.zeros_(dense.bias)
    optimiser = torch.optim.SGD(dense.parameters(), lr=0.01, momentum=0.9)
    for step in range(5):
        x = torch.randn(8, 20, generator=draw)
        labels = torch.arange(step, step + 8) % CLASSES
        probe.learn(x, labels)
        optimiser.zero_grad()
        nn.functional.cross_entropy(dense(x), labels).backward()
        optimiser.step()
    torch.testing.assert_close(probe.weight, dense.weight.data, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(probe.bias, dense.bias.data, rtol=1e-5, atol=1e-6)


def test_a_probe_starts_as_keras_he_normal():
    probe = DenseProbe(5000, 10, 0.01, 0.9, torch.Generator().manual_seed(0), CPU)
    target = (2 / 5000) ** 0.5
    assert probe.weight.double().std().item() == pytest.approx(target, rel=0.01)
    assert probe.weight.abs().max().item() <= 2 * target / TRUNCATED_STD * (1 + 1e-6)
    assert probe.bias.abs().max() == 0


def test_sgd_probes_are_a_loop_in_numpy(network, train, test):
    """Two epochs of augmented batches through the frozen network, the softmax regression written
    out in float64."""
    layer = "stage2.block1.bn2"
    options = {"epochs": 2, "batch_size": 40, "learning_rate": 0.05, "momentum": 0.9}
    options["evaluate_every"] = 1
    before = {k: v.clone() for k, v in network.state_dict().items()}
    (course,) = sgd_probes(network, [layer], train, test, CLASSES, spec(), options, CPU)
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items()), "frozen"
    probe = DenseProbe(128, CLASSES, 0, 0, generator(3, "linear_probes", layer), CPU)
    w, b = probe.weight.double().numpy(), np.zeros(CLASSES)
    vw, vb = np.zeros_like(w), np.zeros_like(b)
    batches = TrainingBatches(train.images, train.labels, 40, 1, False, "3:linear_probes", CPU)
    expected = []
    for epoch in range(2):
        seen = 0
        for images, labels in batches.epoch(epoch):
            kept = []
            with torch.no_grad(), tapped(network, [layer], lambda _i, out, k=kept: k.append(out)):
                network(images)
            x = flattened(kept[0], None).double().numpy()
            z = x @ w.T + b
            p = np.exp(z - z.max(1, keepdims=True))
            p /= p.sum(1, keepdims=True)
            error = (p - np.eye(CLASSES)[labels.numpy()]) / len(x)
            vw, vb = 0.9 * vw + error.T @ x, 0.9 * vb + error.sum(0)
            w, b = w - 0.05 * vw, b - 0.05 * vb
            seen += len(x)
        assert seen == 120, "the remainder of an epoch is dropped"
        predicted = (features(network, layer, test.images) @ w.T + b).argmax(1)
        expected.append((epoch + 1, (predicted == test.labels).mean()))
    assert course.features == 128
    assert [e for e, _ in course.evaluated] == [1, 2]
    np.testing.assert_allclose(course.evaluated, expected, atol=1e-9)


def test_probes_do_not_depend_on_which_others_are_fitted(network, train, test):
    options = {"epochs": 1, "batch_size": 50, "learning_rate": 0.05, "momentum": 0.9}
    options["evaluate_every"] = 1
    layers = ["stage1.block1.add", "stage3.block1.add"]
    both = sgd_probes(network, layers, train, test, CLASSES, spec(), options, CPU)
    (alone,) = sgd_probes(network, layers[1:], train, test, CLASSES, spec(), options, CPU)
    assert both[1] == alone


def test_the_best_epoch_is_named_beside_the_last():
    course = Course(8, ((1, 0.5), (2, 0.8), (3, 0.8), (4, 0.7)))
    assert course.final == 0.7
    assert course.best == (2, 0.8)
