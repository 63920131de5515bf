"""Closed-form probes on all layers of a network, in passes of bounded memory."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from repatlas.data.selection import Examples
from repatlas.frozen.features import feature_counts, stream
from repatlas.frozen.ridge import (
    SHARES,
    Fit,
    Moments,
    add_gram,
    choose,
    complete,
    fit_gram,
    fit_size,
    indicators,
)
from repatlas.probe_sizes import KEPT, check_size
from repatlas.training.batches import as_input


class Result(NamedTuple):
    """Test accuracy of a layer's probe, and how its penalty was chosen: `features` of the layer,
    the penalty as a `share` of their total variance (see :mod:`repatlas.frozen.ridge`), and the
    accuracy on the `held_out` training images that chose it. Accuracies are fractions."""

    features: int
    accuracy: float
    share: float
    held_out: float


class _Part(NamedTuple):
    """Features start to stop of layer `layer` (an index)."""

    layer: int
    start: int
    stop: int


def ridge_probes(
    network: nn.Module,
    layers: Sequence[str],
    train: Examples,
    test: Examples,
    n_classes: int,
    pool: int | None,
    device: torch.device,
    report: Callable[[int, int], None] = lambda done, total: None,
    kept: int = KEPT,
) -> list[Result]:
    """Fit a probe to each layer on the training images as they are, and test it: one result a
    layer, in their order. The closed form is this project's own, in place of the paper's SGD
    (:func:`repatlas.frozen.sgd.sgd_probes`).

    `network` is on `device` and in evaluation mode; `pool`: see
    :func:`repatlas.frozen.features.flattened`.
    Beside one pass over the network it holds `kept` bytes of features or moments, some square
    matrices of the smaller of examples and features, and the weights of all probes. `report` is
    called after each layer with the number done and the total. ResourceError, before anything is
    computed, for a layer of which both sides are above `probe_sizes.LARGEST`.
    """
    counts = feature_counts(network, layers, as_input(train.images[:1], device), pool)
    n = len(train.labels)
    for layer, count in zip(layers, counts, strict=True):
        check_size(n, count, layer)
    problem = _Problem(network, layers, counts, train, n_classes, pool, device, kept)
    wide = [i for i, count in enumerate(counts) if count > n]
    narrow = [i for i, count in enumerate(counts) if count <= n]
    fits = _gram_fits(problem, wide, lambda done: report(done, len(layers)))
    fits |= _moment_fits(problem, narrow, lambda done: report(len(wide) + done, len(layers)))
    correct = torch.zeros(len(layers), dtype=torch.int64, device=device)
    labels = torch.as_tensor(test.labels, device=device)

    def receive(index: int, place: slice, features: Tensor) -> None:
        fit = fits[index]
        logits = (features.double() - fit.mean) @ fit.weight + fit.bias
        correct[index] += (logits.argmax(1) == labels[place]).sum()

    stream(network, layers, test, pool, device, receive)
    return [
        Result(counts[i], correct[i].item() / len(test.labels), fits[i].share, fits[i].held_out)
        for i in range(len(layers))
    ]


class _Problem(NamedTuple):
    network: nn.Module
    layers: Sequence[str]
    counts: Sequence[int]
    train: Examples
    n_classes: int
    pool: int | None
    device: torch.device
    kept: int

    @property
    def labels(self) -> Tensor:
        return torch.as_tensor(self.train.labels, device=self.device)

    def part(self, start: int, stop: int) -> "_Problem":
        """The same with training images `start` to `stop` alone."""
        images, labels = self.train
        return self._replace(train=Examples(images[start:stop], labels[start:stop]))

    def stream(self, chosen: Sequence[int], receive: Callable[[int, slice, Tensor], None]) -> None:
        """One pass over the training images; `receive` gets indices of `layers`."""
        names = [self.layers[i] for i in chosen]
        stream(
            self.network,
            names,
            self.train,
            self.pool,
            self.device,
            lambda k, place, features: receive(chosen[k], place, features),
        )


def _gram_fits(
    problem: _Problem, chosen: Sequence[int], report: Callable[[int], None]
) -> dict[int, Fit]:
    """Fits of the layers with more features than examples.

    Passes fill the Gram matrices, as many features a pass as may be kept; a last one turns all dual
    coefficients into weights.
    """
    if not chosen:
        return {}
    n = len(problem.train.labels)
    double: dict[str, Any] = {"dtype": torch.float64, "device": problem.device}
    counts, duals, gram = problem.counts, {}, torch.empty(0)
    for parts in groups(chosen, counts, max(1, problem.kept // (4 * n))):
        kept = {p: torch.empty(n, p.stop - p.start, device=problem.device) for p in parts}

        def keep(index: int, place: slice, features: Tensor, kept: dict = kept) -> None:
            for part, array in kept.items():
                if part.layer == index:
                    array[place] = features[:, part.start : part.stop]

        problem.stream(sorted({part.layer for part in parts}), keep)
        for part in parts:
            if part.start == 0:
                gram = torch.zeros(n, n, **double)
            add_gram(gram, kept.pop(part))
            if part.stop == counts[part.layer]:
                complete(gram)
                duals[part.layer] = fit_gram(gram, problem.labels, problem.n_classes)
                report(len(duals))
    weights = {i: torch.zeros(counts[i], problem.n_classes, **double) for i in chosen}
    means = {i: torch.zeros(counts[i], **double) for i in chosen}

    def turn(index: int, place: slice, features: Tensor) -> None:
        x = features.double()
        weights[index].addmm_(x.T, duals[index][0][place])
        means[index] += x.sum(0) / n

    problem.stream(chosen, turn)
    return {i: Fit(weights[i], means[i], *duals[i][1:]) for i in chosen}


def _moment_fits(
    problem: _Problem, chosen: Sequence[int], report: Callable[[int], None]
) -> dict[int, Fit]:
    """Fits of the layers with no more features than examples: a pass over the images that the
    candidates are fitted to, then one over the held-out ones, which tests them and joins in."""
    labels, fits, waiting = problem.labels, {}, list(chosen)
    targets, first = indicators(labels, problem.n_classes), fit_size(len(labels))
    fitted, held_out = problem.part(0, first), problem.part(first, len(labels))
    while waiting:
        group = [waiting.pop(0)]
        while waiting and _bytes(problem, [*group, waiting[0]]) <= problem.kept:
            group.append(waiting.pop(0))
        moments = {i: Moments(problem.counts[i], problem.n_classes, problem.device) for i in group}

        def fill(index: int, place: slice, features: Tensor, moments: dict = moments) -> None:
            moments[index].add(features, targets[place])

        fitted.stream(group, fill)
        candidates = {i: moments[i].solve(SHARES) for i in group}
        correct = torch.zeros(len(problem.layers), len(SHARES), dtype=torch.int64)

        def test(
            index: int,
            place: slice,
            features: Tensor,
            moments: dict = moments,
            candidates: dict = candidates,
            correct: Tensor = correct,
        ) -> None:
            own = slice(first + place.start, first + place.stop)
            x = features.double()
            for k, (weight, mean, bias) in enumerate(candidates[index]):
                predicted = ((x - mean) @ weight + bias).argmax(1)
                correct[index, k] += (predicted == labels[own]).sum().cpu()
            moments[index].add(features, targets[own])

        held_out.stream(group, test)
        for i in group:
            share, accuracy = choose(correct[i].tolist(), len(labels) - first)
            fits[i] = Fit(*moments[i].solve([share])[0], share, accuracy)
            report(len(fits))
    return fits


def _bytes(problem: _Problem, group: Sequence[int]) -> int:
    return sum(8 * problem.counts[i] ** 2 for i in group)


def groups(chosen: Sequence[int], counts: Sequence[int], most: int) -> Iterator[list[_Part]]:
    """The features of the layers in order, cut into parts, at most `most` features (at least 1) a
    group. `chosen`: numbers of layers; `counts`: the features of each layer, by its number."""
    group, room = [], most
    for index in chosen:
        start = 0
        while start < counts[index]:
            stop = min(counts[index], start + room)
            group.append(_Part(index, start, stop))
            room -= stop - start
            start = stop
            if room == 0:
                yield group
                group, room = [], most
    if group:
        yield group
