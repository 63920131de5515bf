"""The parts of analyses, each alone: their laws are sums of these."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from repatlas.analysis.dispersion import disagreement, dispersion, permutation_test
from repatlas.analysis.explained import exchanged_networks
from repatlas.analysis.predictions import Architecture
from repatlas.costs import analysis_laws as laws
from repatlas.frozen.krylov import Krylov
from repatlas.frozen.ridge import Moments, add_gram, complete, fit_gram, indicators
from repatlas.frozen.sgd import DenseProbe
from repatlas.frozen.trajectory_sums import first_component
from repatlas.grams import gram_vector
from repatlas.similarity.altered import AlteredGrams, without_examples, without_first_component

from scaling_cases.growth import Growth, fit
from scaling_cases.sizes import Sizes
from scaling_cases.timing import seconds

CPU, CLASSES, BATCH = torch.device("cpu"), 10, 128
LAYERS = 4


class Batch:
    """Gram matrices of LAYERS layers on one batch, of which a few directions hold the variance."""

    n_batches = passes = 1

    def __init__(self, examples: int):
        drawn = np.random.default_rng(0).standard_normal((examples, 256))
        made = [gram_vector(drawn / np.arange(1, 257))] * LAYERS
        self.batch_size, self.layers = examples, range(LAYERS)
        self.packed = np.stack([packed for packed, _ in made]).astype("f4")
        self.diagonals = np.stack([diagonal for _, diagonal in made])

    def batch(self, _index: int) -> tuple[np.ndarray, np.ndarray]:
        """As a store gives them."""
        return self.packed, self.diagonals

    def without_component(self) -> None:
        """Each first component taken out."""
        AlteredGrams(self, without_first_component, self.layers).batch(0)

    def without_none(self) -> None:
        """Taken apart and put together again."""
        nothing = np.zeros(self.batch_size, dtype=bool)
        change = without_examples(nothing, [np.arange(self.batch_size)], self.batch_size)
        AlteredGrams(self, change, self.layers).batch(0)

    def first_components(self) -> None:
        """The first component of each."""
        for packed, diagonal in zip(self.packed, self.diagonals, strict=True):
            first_component(packed, diagonal)


def measure(sizes: Sizes, rounds: int) -> tuple[list[Growth], dict[str, float]]:
    """Growth of each part, and its rates."""
    growths: list[Growth] = []
    rates: dict[str, float] = {}
    for part in (_grams, _components, _ridge, _sgd, _predictions):
        found = part(sizes, rounds)
        growths += found[0]
        rates |= found[1]
    return growths, rates


Part = tuple[list[Growth], dict[str, float]]


def _fitted(
    names: tuple[str, str],
    by: Sequence[float],
    calls: Sequence[Callable[[], Any]],
    counts: dict[str, list[float]],
    rounds: int,
) -> Part:
    """One quantity along one size, `names`, and the rates of its `counts`."""
    found = list(seconds(dict(enumerate(calls)), rounds).values())
    values, errors = [value for value, _ in found], [error for _, error in found]
    rates = fit(counts, values)
    law = [sum(rates[name] * column[k] for name, column in counts.items()) for k in range(len(by))]
    return [Growth(names[0], "s", names[1], by, values, law, errors)], rates


def _grams(sizes: Sizes, rounds: int) -> Part:
    batches = [Batch(n) for n in sizes.probe_sizes]
    once = [float(LAYERS)] * len(batches)
    squares, cubes = ([float(LAYERS * n**k) for n in sizes.probe_sizes] for k in (2, 3))
    cases: list[tuple[str, list[Callable[[], None]], dict[str, list[float]]]] = [
        (
            "Grams altered",
            [b.without_none for b in batches],
            {"cpu_altered_entry": squares, "cpu_altered_layer": once},
        ),
        (
            "first components taken out",
            [b.without_component for b in batches],
            {"entry": squares, "layer": once, "cpu_eigen_mac": cubes},
        ),
        (
            "first components",
            [b.first_components for b in batches],
            {"cpu_component_entry": squares, "cpu_component_layer": once},
        ),
    ]
    growths: list[Growth] = []
    rates: dict[str, float] = {}
    for name, calls, counts in cases:
        names = (name, "batch size")
        growth, found = _fitted(names, sizes.probe_sizes, calls, counts, rounds)
        growths += growth
        rates |= {key: value for key, value in found.items() if key.startswith("cpu_")}
    return growths, rates


def _components(sizes: Sizes, rounds: int) -> Part:
    n = sizes.tested

    def two_passes(x: torch.Tensor) -> None:
        space = Krylov(x.shape[1], n, CPU)
        for _ in range(2):
            for start in range(0, n, len(x)):
                space.add(start, x[: n - start])
            space.finish()

    generator = torch.Generator().manual_seed(0)
    drawn = [torch.randn(250, p, generator=generator) for p in sizes.features]
    counts = {"cpu_lanczos_feature": [2.0 * n * p for p in sizes.features]}
    names = ("two passes of block Lanczos", "features")
    return _fitted(names, sizes.features, [partial(two_passes, x) for x in drawn], counts, rounds)


def _ridge(sizes: Sizes, rounds: int) -> Part:
    """Of layers with more features than images, and with fewer."""
    n, generator = sizes.learnt, torch.Generator().manual_seed(0)
    labels = torch.arange(n) % CLASSES

    def dual(x: torch.Tensor) -> None:
        gram = torch.zeros(n, n, dtype=torch.float64)
        add_gram(gram, x)
        complete(gram)
        fit_gram(gram, labels, CLASSES)

    def primal(x: torch.Tensor) -> None:
        moments = Moments(x.shape[1], CLASSES, CPU)
        moments.add(x, indicators(labels, CLASSES))
        moments.solve([0.1] * (laws.PENALTIES + 1))

    features = [n // 2, *(k * n for k in (2, 4))]
    drawn = [torch.randn(n, p, generator=generator) for p in features]
    calls = [partial(dual if p > n else primal, x) for p, x in zip(features, drawn, strict=True)]
    macs = [laws.ridge_macs([p], n, CLASSES) for p in features]
    names = ("linear probe in closed form", "features")
    return _fitted(names, features, calls, {"cpu_double_mac": macs}, rounds)


def _sgd(sizes: Sizes, rounds: int) -> Part:
    generator = torch.Generator().manual_seed(0)
    drawn = [torch.randn(BATCH, p, generator=generator) for p in sizes.features]
    labels = torch.arange(BATCH) % CLASSES
    probes = [DenseProbe(p, CLASSES, 0.01, 0.9, generator, CPU) for p in sizes.features]
    calls = [partial(probe.learn, x, labels) for probe, x in zip(probes, drawn, strict=True)]
    counts = {"cpu_probe_mac": [float(BATCH * CLASSES * p) for p in sizes.features]}
    return _fitted(("step of a linear probe", "features"), sizes.features, calls, counts, rounds)


def _predictions(sizes: Sizes, rounds: int) -> Part:
    """Of two architectures that are right about nine in ten test images."""

    def drawn(networks: int, group: str) -> Architecture:
        generator = np.random.default_rng(networks)
        labels = generator.integers(CLASSES, size=sizes.tested)
        noise = generator.integers(CLASSES, size=(networks, sizes.tested))
        right = generator.random((networks, sizes.tested)) < 0.9
        predicted = np.where(right, labels, noise).astype(np.uint8)
        names = tuple(map(str, range(CLASSES)))
        return Architecture(group, "", predicted, labels, names, 0)

    def compared(a: Architecture, b: Architecture) -> None:
        dispersion(a, b, 0)
        permutation_test(a, b, 0)
        disagreement(a, b, 0)
        exchanged_networks(a.correct, b.correct, a.labels)

    pairs = [(drawn(n, "a"), drawn(n, "b")) for n in sizes.seeds]
    counts = {"cpu_prediction": [2.0 * n * sizes.tested for n in sizes.seeds]}
    counts["cpu_prediction_pair"] = [1.0] * len(pairs)
    names = ("predictions of a pair", "networks of each")
    return _fitted(names, sizes.seeds, [partial(compared, *p) for p in pairs], counts, rounds)
