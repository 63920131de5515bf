"""Linear probes by stochastic gradient descent, the protocol of the paper's code.

One dense layer on the flattened activation of a frozen layer: softmax cross-entropy, SGD with
momentum at a constant rate, no penalty, inputs augmented before they enter the frozen network.
All layers of a network are probed in the same passes; each batch's gradients are taken inside the
forward pass, so that no activation is kept.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from repatlas.data.selection import Examples
from repatlas.frozen.features import feature_counts, flattened, stream
from repatlas.models.layers import TRUNCATED_STD
from repatlas.models.taps import tapped
from repatlas.training.batches import TrainingBatches, as_input
from repatlas.training.seeds import generator


class Course(NamedTuple):
    """One probe: number of features, and test accuracies (fractions) `evaluated` = ((epoch,
    accuracy), ...), epochs from 1."""

    features: int
    evaluated: tuple[tuple[int, float], ...]

    @property
    def final(self) -> float:
        """Accuracy after the last epoch."""
        return self.evaluated[-1][1]

    @property
    def best(self) -> tuple[int, float]:
        """Epoch and accuracy of the epoch that is best on the test set, which the paper reports;
        the first of equals."""
        return max(self.evaluated, key=lambda entry: entry[1])


class DenseProbe:
    """A dense layer (features -> classes) and its momentum.

    Parameters: `features`, `classes`; `rate`, `momentum` of SGD; `draw` gives the initial kernel
    (He's truncated normal, as the paper's); biases start at 0.
    """

    def __init__(
        self,
        features: int,
        classes: int,
        rate: float,
        momentum: float,
        draw: torch.Generator,
        device: torch.device,
    ):
        std = math.sqrt(2 / features) / TRUNCATED_STD
        weight = torch.empty(classes, features)
        nn.init.trunc_normal_(weight, 0, std, -2 * std, 2 * std, generator=draw)
        self.weight = weight.to(device)
        self.bias = torch.zeros(classes, device=device)
        self.steps = [torch.zeros_like(self.weight), torch.zeros_like(self.bias)]
        self.rate, self.momentum = rate, momentum

    def logits(self, x: Tensor) -> Tensor:
        """(n, features) -> (n, classes)."""
        return torch.addmm(self.bias, x, self.weight.T)

    def learn(self, x: Tensor, labels: Tensor) -> None:
        """One step on the mean cross-entropy of a batch: `x` (n, features), class numbers (n,)."""
        error = self.logits(x).softmax(1)
        error[torch.arange(len(labels), device=x.device), labels] -= 1
        error /= len(labels)
        self.steps[0].mul_(self.momentum).addmm_(error.T, x)
        self.steps[1].mul_(self.momentum).add_(error.sum(0))
        self.weight.add_(self.steps[0], alpha=-self.rate)
        self.bias.add_(self.steps[1], alpha=-self.rate)


def sgd_probes(
    network: nn.Module,
    layers: Sequence[str],
    train: Examples,
    test: Examples,
    n_classes: int,
    spec: Mapping,
    options: Mapping,
    device: torch.device,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> list[Course]:
    """Train a probe on each layer and test it: one course a layer, in their order. The protocol of
    the code of Nguyen, Raghu & Kornblith (2021), figure 4.

    `spec` is the network's: its crop and flips augment the probes' inputs too, and its seed decides
    their draws. `options`: epochs, batch_size, learning_rate, momentum, evaluate_every, pool.
    `report` is called after each epoch with the number done and the total.
    """
    pool, epochs = options.get("pool"), options["epochs"]
    training, seed = spec["training"], spec["seed"]
    batches = TrainingBatches(
        train.images,
        train.labels,
        options["batch_size"],
        training["crop_padding"],
        training["flip"],
        # Not the crops and flips that the network itself was trained on, epoch by epoch.
        # (A seed names random streams, and so may be any text.)
        f"{seed}:linear_probes",  # type: ignore[arg-type]
        device,
    )
    counts = feature_counts(network, layers, as_input(train.images[:1], device), pool)
    probes = [
        DenseProbe(
            count,
            n_classes,
            options["learning_rate"],
            options["momentum"],
            generator(seed, "linear_probes", layer),
            device,
        )
        for layer, count in zip(layers, counts, strict=True)
    ]
    evaluated: list[list[tuple[int, float]]] = [[] for _ in layers]
    for epoch in range(1, epochs + 1):
        for images, labels in batches.epoch(epoch - 1):

            def learn(index: int, output: Tensor, labels: Tensor = labels) -> None:
                probes[index].learn(flattened(output, pool), labels)

            with torch.inference_mode(), tapped(network, layers, learn):
                network(images)
        if epoch % options["evaluate_every"] == 0 or epoch == epochs:
            accuracies = _accuracies(network, layers, probes, test, pool, device)
            for own, accuracy in zip(evaluated, accuracies, strict=True):
                own.append((epoch, accuracy))
        report(epoch, epochs)
    return [Course(n, tuple(own)) for n, own in zip(counts, evaluated, strict=True)]


def _accuracies(
    network: nn.Module,
    layers: Sequence[str],
    probes: Sequence[DenseProbe],
    test: Examples,
    pool: int | None,
    device: torch.device,
) -> list[float]:
    correct = torch.zeros(len(layers), dtype=torch.int64, device=device)
    labels = torch.as_tensor(test.labels, device=device)

    def receive(index: int, place: slice, features: Tensor) -> None:
        correct[index] += (probes[index].logits(features).argmax(1) == labels[place]).sum()

    stream(network, layers, test, pool, device, receive)
    return (correct.double() / len(test.labels)).tolist()
