"""The parts of analyses, each alone: their laws are sums of these."""

from collections.abc import Callable, Hashable, Mapping
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
    quantity: str,
    by: Mapping[str, Mapping[float, Hashable]],
    calls: Mapping[Hashable, Callable[[], Any]],
    counts: Mapping[str, Mapping[Hashable, float]],
    rounds: int,
) -> Part:
    """One quantity along some sizes, and the rates of its `counts`.

    `by`: along which sizes, and which of the `calls` is the one of each; `counts`: of each rate
    what it multiplies, for each call. All calls are fitted together.
    """
    found = seconds(calls, rounds)
    columns = {rate: [column[call] for call in calls] for rate, column in counts.items()}
    rates = fit(columns, [found[call][0] for call in calls])
    growths = []
    for name, line in by.items():
        values, errors = zip(*(found[call] for call in line.values()), strict=True)
        law = [
            sum(rates[rate] * column[call] for rate, column in counts.items())
            for call in line.values()
        ]
        growths.append(Growth(quantity, "s", name, list(line), values, law, errors))
    return growths, rates


def _along(
    quantity: str,
    name: str,
    calls: Mapping[float, Callable[[], Any]],
    counts: Mapping[str, Callable[[float], float]],
    rounds: int,
) -> Part:
    """The same along one size: a call and what each rate multiplies, by the size."""
    columns = {rate: {size: count(size) for size in calls} for rate, count in counts.items()}
    return _fitted(quantity, {name: {size: size for size in calls}}, calls, columns, rounds)


def _grams(sizes: Sizes, rounds: int) -> Part:
    batches = {n: Batch(n) for n in sizes.probe_sizes}

    def to_the(power: int, n: float) -> float:
        return LAYERS * n**power

    once, squares, cubes = (partial(to_the, power) for power in (0, 2, 3))
    cases: list[tuple[str, Callable[[Batch], None], dict[str, Callable[[float], float]]]] = [
        (
            "Grams altered",
            Batch.without_none,
            {"cpu_altered_entry": squares, "cpu_altered_layer": once},
        ),
        (
            "first components taken out",
            Batch.without_component,
            {"entry": squares, "layer": once, "cpu_eigen_mac": cubes},
        ),
        (
            "first components",
            Batch.first_components,
            {"cpu_component_entry": squares, "cpu_component_layer": once},
        ),
    ]
    growths: list[Growth] = []
    rates: dict[str, float] = {}
    for name, call, counts in cases:
        calls = {n: partial(call, batch) for n, batch in batches.items()}
        growth, found = _along(f"{name}, {LAYERS} layers", "batch size", calls, counts, rounds)
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
    drawn = {p: torch.randn(250, p, generator=generator) for p in sizes.features}
    calls = {p: partial(two_passes, x) for p, x in drawn.items()}
    counts = {"cpu_lanczos_feature": lambda p: 2.0 * n * p}
    name = f"two passes of block Lanczos, {n:,} images"
    return _along(name, "features", calls, counts, rounds)


def _ridge(sizes: Sizes, rounds: int) -> Part:
    """Of layers with fewer features than images, and with more."""
    generator, largest = torch.Generator().manual_seed(0), max(sizes.learnt)

    def dual(x: torch.Tensor, labels: torch.Tensor) -> None:
        gram = torch.zeros(len(x), len(x), dtype=torch.float64)
        add_gram(gram, x)
        complete(gram)
        fit_gram(gram, labels, CLASSES)

    def primal(x: torch.Tensor, labels: torch.Tensor) -> None:
        moments = Moments(x.shape[1], CLASSES, CPU)
        moments.add(x, indicators(labels, CLASSES))
        moments.solve([0.1] * (laws.PENALTIES + 1))

    shapes = [(largest, round(share * largest)) for share in (1 / 4, 1 / 2, 2, 8)]
    shapes += [(n, 2 * largest) for n in sizes.learnt if n < largest]
    calls, counts = {}, {shape: laws.ridge_work([shape[1]], shape[0], CLASSES) for shape in shapes}
    for n, p in shapes:
        x, labels = torch.randn(n, p, generator=generator), torch.arange(n) % CLASSES
        calls[n, p] = partial(dual if p > n else primal, x, labels)
    by = {
        "features": {p: (n, p) for n, p in shapes if n == largest},
        "images": {n: (n, p) for n, p in sorted(shapes) if p == 2 * largest},
    }
    columns = {
        "cpu_double_mac": {shape: work.products for shape, work in counts.items()},
        "cpu_factor_mac": {shape: work.factors for shape, work in counts.items()},
        "cpu_factor_entry": {shape: work.entries for shape, work in counts.items()},
    }
    return _fitted("linear probe in closed form", by, calls, columns, rounds)


def _sgd(sizes: Sizes, rounds: int) -> Part:
    generator, labels = torch.Generator().manual_seed(0), torch.arange(BATCH) % CLASSES
    calls = {}
    for p in sizes.features:
        probe = DenseProbe(p, CLASSES, 0.01, 0.9, generator, CPU)
        calls[p] = partial(probe.learn, torch.randn(BATCH, p, generator=generator), labels)
    counts: dict[str, Callable[[float], float]] = {
        "cpu_probe_mac": lambda p: BATCH * CLASSES * p,
        "cpu_probe_step": lambda _p: 1.0,
    }
    name = f"step of a linear probe, {BATCH} images"
    return _along(name, "features", calls, counts, rounds)


def _predictions(sizes: Sizes, rounds: int) -> Part:
    """Of two architectures that are right about nine in ten test images."""

    def drawn(networks: int, group: str) -> Architecture:
        generator = np.random.default_rng(networks)
        labels = generator.integers(CLASSES, size=sizes.tested)
        noise = generator.integers(CLASSES, size=(networks, sizes.tested))
        right = generator.random((networks, sizes.tested)) < 0.9
        predicted = np.where(right, labels, noise).astype(np.uint8)
        names = tuple(map(str, range(CLASSES)))
        return Architecture(group, "", predicted, labels, names, 0, np.arange(networks))

    def compared(a: Architecture, b: Architecture) -> None:
        dispersion(a, b, 0)
        permutation_test(a, b, 0)
        disagreement(a, b, 0)
        exchanged_networks(a.correct, b.correct, a.labels)

    calls = {n: partial(compared, drawn(n, "a"), drawn(n, "b")) for n in sizes.seeds}
    counts: dict[str, Callable[[float], float]] = {
        "cpu_prediction": lambda n: 2.0 * n * sizes.tested,
        "cpu_prediction_pair": lambda _n: 1.0,
    }
    name = f"predictions of a pair of architectures, {sizes.tested:,} images"
    return _along(name, "networks of each", calls, counts, rounds)
