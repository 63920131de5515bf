"""Case 3: a network's forward pass to stores on disk."""

import shutil
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from harness.measuring import Outcome, Target, as_lists, interleaved, median, ratio
from repatlas.stores import ActivationWriter, StoredLayer

from similarity_cases import limits
from similarity_cases.network import Network, images
from similarity_cases.sizes import Sizes

FORWARD, SAVED, GRAMS = "forward pass", "numpy.save", "limit of the Grams"
KEEPING, ONLY_GRAMS, WRITING = "repatlas, activations kept", "repatlas, Grams only", "store alone"
# Files in memory, where there is such a place: on a shared disk, numpy.save of the same bytes
# was found to take .06 to .4 s.
MEMORY = Path("/dev/shm")


def run(sizes: Sizes, rounds: int, threads: int) -> Outcome:
    """Extraction of the ReLU layers, with and without the activations."""
    network = Network(sizes.depth, 1, sizes.image, ["relu"])
    probe = images(sizes.examples // 2, sizes.image)
    layers = network.activations(probe, sizes.batch)
    batches = len(probe.images) // sizes.batch
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as name:
        folder = Path(name, "out")
        timed: dict[str, Callable] = {
            FORWARD: partial(network.forward, probe, sizes.batch),
            SAVED: partial(_save, layers, batches, folder),
            GRAMS: partial(_grams, layers, batches),
            KEEPING: partial(network.extract, probe, sizes.batch, folder, keep=True),
            ONLY_GRAMS: partial(network.extract, probe, sizes.batch, folder),
            WRITING: partial(_write, layers, batches, folder),
        }
        before = dict.fromkeys(timed, partial(_empty, folder))
        found = interleaved(timed, rounds, before)
    size = sum(layer.nbytes for layer in layers) * batches
    least = found[FORWARD] + found[SAVED]
    goal = Target("at most", 2)
    note = f"{size / 1e6:.0f} MB of {len(layers)} layers; Grams are made too"
    what = "extraction to store / (forward pass + numpy.save)"
    lines = [ratio(what, found[KEEPING], least, goal, note)]
    lines += [
        ratio(
            "Gram-only extraction / (forward pass + limit of the Grams)",
            found[ONLY_GRAMS],
            found[FORWARD] + found[GRAMS],
            Target("at most", 1.25),
        ),
        median("forward pass", found[FORWARD], "s"),
        median("numpy.save", found[SAVED], "s"),
        median("limit of the Grams", found[GRAMS], "s"),
        median(
            "the store alone: memory order, checksums, files",
            found[WRITING],
            "s",
            note="the same activations, written without a network",
        ),
    ]
    return Outcome(lines, as_lists(found))


def _empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()


def _save(layers: list[np.ndarray], batches: int, folder: Path) -> None:
    """A file a layer and batch, as the chunks of a store."""
    for batch in range(batches):
        for index, values in enumerate(layers):
            np.save(folder / f"{index}-{batch}.npy", values)


def _grams(layers: list[np.ndarray], batches: int) -> None:
    n = len(layers[0])
    gram = np.zeros((n, n), dtype=np.float32, order="F")
    for _ in range(batches):
        for values in layers:
            limits.rank_k(values.reshape(n, -1), gram)


def _write(layers: list[np.ndarray], batches: int, folder: Path) -> None:
    n = len(layers[0])
    about = {"run": "network", "probe": "benchmark", "batch_size": n, "passes": 1}
    writer = ActivationWriter(
        folder / "activations.zarr", {**about, "n_examples": n * batches}, n * batches
    )
    for batch in range(batches):
        for index, values in enumerate(layers):
            writer.write(index, batch * n, values)
    writer.finish([StoredLayer(str(k), "relu", x.shape[1:]) for k, x in enumerate(layers)])
