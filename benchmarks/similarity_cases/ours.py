"""How repatlas is called in the cases."""

from collections.abc import Sequence
from itertools import combinations_with_replacement
from pathlib import Path

import numpy as np
from repatlas.similarity import similarity_table
from repatlas.similarity.cka_minibatch import ArrayBatches
from repatlas.similarity.inputs import as_layers
from repatlas.similarity.minibatch import Block, minibatch_cka
from repatlas.stores import GramStore, GramWriter, StoredLayer

Layers = Sequence[np.ndarray]


def within(layers: Layers, batch: int) -> np.ndarray:
    """Minibatch CKA (layers, layers) of arrays, by the public function."""
    table = similarity_table(list(layers), measure="cka_minibatch", batch_size=batch, seed=None)
    return table["value"].to_numpy().reshape(len(layers), len(layers))


def all_pairs(networks: Sequence[Layers], batch: int) -> np.ndarray:
    """Minibatch CKA of all pairs of networks given as arrays, see :func:`stacked`."""
    sources = [ArrayBatches(as_layers(list(layers)), batch, 1, None) for layers in networks]
    return stacked(minibatch_cka(sources, every_pair(len(networks))))


def store_grams(layers: Layers, batch: int, path: Path) -> None:
    """Write the Gram store of raw arrays as the extraction does."""
    source = ArrayBatches(as_layers(list(layers)), batch, 1, None)
    about = {
        "run": path.stem,
        "probe": "benchmark",
        "batch_size": batch,
        "passes": 1,
        "n_batches": source.n_batches,
    }
    writer = GramWriter(path, about, source.n_batches, len(layers))
    for index in range(source.n_batches):
        writer.write(index, *source.batch(index))
    writer.finish([StoredLayer(str(k), "relu", x.shape[1:]) for k, x in enumerate(layers)])


def from_stores(paths: Sequence[Path]) -> np.ndarray:
    """Minibatch CKA of all pairs of the networks whose Grams lie at `paths`."""
    stores = [GramStore(path) for path in paths]
    return stacked(minibatch_cka(stores, every_pair(len(stores))))


def one_with_others(new: Path | Layers, others: Sequence[Path], batch: int) -> np.ndarray:
    """Minibatch CKA (networks, layers, layers) of one network with itself and the others.

    `new`: its Gram store, or its raw arrays.
    """
    source = GramStore(new) if isinstance(new, Path) else _raw(new, batch)
    sources = [source, *(GramStore(path) for path in others)]
    return stacked(minibatch_cka(sources, [(0, k) for k in range(len(sources))]))


def every_pair(count: int) -> list[tuple[int, int]]:
    """All unordered pairs of `count` networks, each with itself included, in order."""
    return list(combinations_with_replacement(range(count), 2))


def stacked(blocks: Sequence[Block]) -> np.ndarray:
    """The blocks' values (pairs, layers, layers)."""
    return np.stack([block.value for block in blocks])


def _raw(layers: Layers, batch: int) -> ArrayBatches:
    return ArrayBatches(as_layers(list(layers)), batch, 1, None)
