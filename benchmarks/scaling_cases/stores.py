"""Reading networks out, comparing them, and the disk that this takes."""

import shutil
import tempfile
from collections.abc import Callable, Sequence
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any

import numpy as np
import torch
from repatlas.activations.extract import extract
from repatlas.costs import laws
from repatlas.data.probe import Probe
from repatlas.layers import layers_of
from repatlas.models.registry import build
from repatlas.similarity.network_pairs import compare_networks, write_table
from repatlas.stores import GramStore, GramWriter, StoredLayer
from repatlas.training import checkpoint
from repatlas.training.batches import as_input

from scaling_cases.growth import Growth, fit
from scaling_cases.networks import CLASSES, model, work_of
from scaling_cases.sizes import Network, Sizes
from scaling_cases.timing import seconds

CPU = torch.device("cpu")
# Files in memory, where there is such a place: a disk would be measured, not the work.
MEMORY = Path("/dev/shm")


class ReadOut:
    """One network, read out on `batches` batches of `batch` random images."""

    def __init__(self, network: Network, batch: int, batches: int, folder: Path):
        side, n = network[2], batch * batches
        self.shape = (network, batch, batches)
        generator = np.random.default_rng(0)
        pixels = generator.integers(256, size=(n, 3, side, side), dtype=np.uint8)
        self.probe = Probe(np.arange(n), pixels, np.zeros(n, dtype=np.int64), "benchmark")
        drawn = torch.Generator().manual_seed(0)
        self.network = build(model(network), (3, side, side), CLASSES, drawn)
        self.network.to(memory_format=torch.channels_last).eval()
        self.layers = layers_of(model(network))
        self.folder = folder / "-".join(map(str, (*network, batch, batches)))

    def __call__(self, keep: bool = False) -> None:
        """Write the stores anew."""
        network, batch, _ = self.shape
        shutil.rmtree(self.folder, ignore_errors=True)
        about = {"run": "network", "probe": "benchmark", "batch_size": batch, "passes": 1}
        kept = self.folder / "activations.zarr" if keep else None
        grams = self.folder / "grams.zarr"
        extract(self.network, self.layers, self.probe, about, grams, kept, CPU)

    def forward(self) -> None:
        """The forward passes of that alone."""
        with torch.inference_mode():
            for images in np.split(self.probe.images, self.shape[2]):
                self.network(as_input(images, CPU))


def measure_extraction(sizes: Sizes, rounds: int) -> tuple[list[Growth], dict[str, float]]:
    """Growth of the time and disk of reading out, and the rates of Gram matrices: those of what it
    takes beyond the forward pass."""
    first, batch = sizes.small[0], sizes.probe_batch
    cases = [(network, batch, 1) for network in sizes.small]
    longer = [(first, batch, count) for count in sizes.probe_batches]
    larger = [(first, size, 1) for size in sizes.probe_sizes]
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as name:
        folder = Path(name)
        every = {case: ReadOut(*case, folder) for case in dict.fromkeys(cases + longer + larger)}
        calls: dict[Any, Callable] = {("read out", case): made for case, made in every.items()}
        calls |= {("forward", case): made.forward for case, made in every.items()}
        timed = seconds(calls, rounds)
        found = {case: timed["read out", case] for case in every}
        weights = {}
        for network in sizes.small:
            path = folder / "model.pt"
            checkpoint.save(checkpoint.snapshot(every[network, batch, 1].network), path)
            weights[network] = path.stat().st_size
        disk = {case: size_of(made.folder / "grams.zarr") for case, made in every.items()}
        every[first, batch, 1](keep=True)
        kept = size_of(every[first, batch, 1].folder / "activations.zarr")
    counts: dict[str, list[float]] = {
        "cpu_gram_mac": [],
        "cpu_gram_entry": [],
        "cpu_gram_layer": [],
    }
    rest = []
    for network, size, count in every:
        work = work_of(network)
        counts["cpu_gram_mac"].append(count * work.total_features * size * (size + 1) / 2)
        counts["cpu_gram_entry"].append(count * len(work.layers) * laws.pairs(size))
        counts["cpu_gram_layer"].append(count * len(work.layers))
        case = (network, size, count)
        rest.append(max(found[case][0] - timed["forward", case][0], 1e-9))
    made = fit(counts, rest)
    forwards = {c: found[c][0] - r for c, r in zip(every, rest, strict=True)}

    def law(case: tuple) -> float:
        k = list(every).index(case)
        return forwards[case] + sum(made[name] * column[k] for name, column in counts.items())

    growths = []
    deep = [c for c in cases if c[0][1] == first[1] and c[0][2] == first[2]]
    lines: list[tuple[str, str, Sequence[Any], Callable]] = [
        ("reading out a batch", "depth", deep, lambda c: c[0][0]),
        ("reading out", "probe images", longer, lambda c: c[1] * c[2]),
        ("reading out a batch", "batch size", larger, lambda c: c[1]),
    ]
    for quantity, by, chosen, axis in lines:
        at = [axis(c) for c in chosen]
        values, errors = zip(*(found[c] for c in chosen), strict=True)
        growths.append(Growth(quantity, "s", by, at, values, [law(c) for c in chosen], errors))
        stored = [disk[c] for c in chosen]
        bytes_ = [laws.gram_bytes(len(work_of(c[0]).layers), c[1], c[2]) for c in chosen]
        growths.append(Growth("Gram store", "byte", by, at, stored, bytes_))
    saved = [weights[c[0]] for c in deep]
    known = [laws.checkpoint_bytes(work_of(c[0])) for c in deep]
    growths.append(Growth("saved network", "byte", "depth", [c[0][0] for c in deep], saved, known))
    features = work_of(first).total_features
    return growths, made | {"disk_activation": kept / (features * batch)}


def size_of(folder: Path) -> int:
    """Bytes of all files in `folder`."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def measure_comparison(sizes: Sizes, rounds: int) -> tuple[list[Growth], dict[str, float]]:
    """Growth of the time of comparing networks and of the table's size, and their rates."""
    few, count, first = sizes.layers[0], sizes.stored[0], sizes.batches[0]
    cases = {
        "layers": [(layers, count, first) for layers in sizes.layers],
        "networks": [(few, networks, first) for networks in sizes.stored],
        # Of so many layers that products take a part of the time that their rate can be told by.
        "probe batches": [(sizes.layers[-2], count, batches) for batches in sizes.batches],
    }
    every = list(dict.fromkeys(case for chosen in cases.values() for case in chosen))
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as name:
        folder = Path(name)
        calls = {case: Comparison(*case, sizes.compared, folder) for case in every}
        found = seconds(calls, rounds)
        disk = {case: call.table.stat().st_size for case, call in calls.items()}
    counts = {
        "cpu_compare_mac": [_products(c) * c[2] * laws.pairs(sizes.compared) for c in every],
        "cpu_read_byte": [c[1] * laws.gram_bytes(c[0], sizes.compared, c[2]) for c in every],
        "cpu_value": [_values(c) for c in every],
        "cpu_compare_network": [c[1] for c in every],
    }
    rates = fit(counts, [found[case][0] for case in every])
    rates |= fit({"disk_value": [_values(c) for c in every]}, [disk[c] for c in every])
    growths = []
    for by, chosen in cases.items():
        k = {"layers": 0, "networks": 1, "probe batches": 2}[by]
        at, places = [case[k] for case in chosen], [every.index(case) for case in chosen]
        law = [sum(rates[name] * column[p] for name, column in counts.items()) for p in places]
        values, errors = zip(*(found[case] for case in chosen), strict=True)
        growths.append(Growth("comparing", "s", by, at, values, law, errors))
        if by != "probe batches":
            known = [rates["disk_value"] * _values(case) for case in chosen]
            stored = [disk[case] for case in chosen]
            growths.append(Growth("similarity table", "byte", by, at, stored, known))
    return growths, rates


def _products(case: tuple[int, int, int]) -> float:
    layers, networks, _ = case
    return layers**2 * (networks / 2 + networks * (networks - 1) / 2)


def _values(case: tuple[int, int, int]) -> float:
    layers, networks, _ = case
    return layers**2 * networks * (networks + 1) / 2


class Comparison:
    """Stores of random Gram matrices of `networks` networks with `layers` layers each, compared in
    all pairs as a tile is."""

    def __init__(self, layers: int, networks: int, batches: int, batch: int, folder: Path):
        folder = folder / f"{layers}-{networks}-{batches}"
        self.paths = [folder / f"{k}.zarr" for k in range(networks)]
        self.table = folder / "table.parquet"
        generator = np.random.default_rng(0)
        about = {"probe": "benchmark", "batch_size": batch, "passes": 1, "n_batches": batches}
        shape = (layers, laws.pairs(batch))
        for path in self.paths:
            writer = GramWriter(path, {"run": path.stem, **about}, batches, layers)
            for k in range(batches):
                writer.write(k, generator.normal(size=shape).astype("f4"), np.ones((layers, batch)))
            writer.finish([StoredLayer(str(k), "relu", (8,)) for k in range(layers)])
        self.pairs = list(combinations_with_replacement(range(networks), 2))

    def __call__(self) -> None:
        """Read, check, compare, write."""
        stores = [GramStore(path) for path in self.paths]
        for store in stores:
            store.verify()
        write_table(compare_networks("cka_minibatch", stores, self.pairs, ["relu"]), self.table)
