"""Grams without something: without each batch's first principal component, or without examples.

Both are exact from what a store holds: the doubly centred Gram HKH of a batch says all about its
centred examples. A component is taken out of it as lambda1 u1 u1', examples as their rows and
columns; U-centring what is left gives the Gram of the altered features, whatever the centre was
before. Nothing of the network is computed again.
"""

from collections.abc import Callable, Sequence

import numpy as np
from scipy.linalg import eigh

from repatlas.grams import MIN_EXAMPLES, ROUNDING, doubly_centred, pack, pairs, u_centre
from repatlas.similarity.minibatch import GramSource

CHANGE = 64 * float(np.finfo(np.float64).eps)  # rounding of an eigenvector taken out
Change = Callable[[int, np.ndarray], np.ndarray]


class AlteredGrams:
    """`source` with the doubly centred Gram of every layer and batch changed; a
    :class:`repatlas.similarity.minibatch.GramSource` itself, with float64 Grams.

    `change(batch, gram)` is given the number of a batch and HKH (n, n) of a layer, float64, and
    gives the changed matrix (m, m), with the same m <= n for all layers of a batch. `layers` picks
    layers of the source by number, and decides their order. A batch left with fewer than 4 examples
    counts for nothing. What remains of a layer within the rounding of the stored numbers is zero:
    nothing is left of it.
    """

    def __init__(self, source: GramSource, change: Change, layers: Sequence[int]):
        self.source, self.change, self.chosen = source, change, list(layers)
        self.n_batches, self.batch_size = source.n_batches, source.batch_size
        self.passes = source.passes
        self.layers = self.chosen

    def batch(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Packed U-centred Grams (layers, pairs) and diagonals (layers, examples) of what is left
        of batch `index`; zeros, as of 4 examples, where fewer are left."""
        made = [self._altered(index, *given) for given in self._given(index)]
        return np.stack([packed for packed, _ in made]), np.stack([d for _, d in made])

    def doubly_centred(self, index: int, layer: int) -> np.ndarray:
        """The changed matrix (m, m) of batch `index` and of layer number `layer` of the source,
        whichever were picked, with its rows and columns centred anew."""
        packed, diagonals = self.source.batch(index)
        gram = self.change(index, doubly_centred(packed[layer], diagonals[layer]))
        return gram - gram.mean(axis=0) - gram.mean(axis=1, keepdims=True) + gram.mean()

    def _given(self, index: int) -> list[tuple[np.ndarray, np.ndarray]]:
        packed, diagonals = self.source.batch(index)
        return [(packed[k], diagonals[k]) for k in self.chosen]

    def _altered(
        self, index: int, packed: np.ndarray, diagonal: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        before = doubly_centred(packed, diagonal)
        gram = self.change(index, before)
        if len(gram) < MIN_EXAMPLES:
            return np.zeros(pairs(MIN_EXAMPLES)), np.zeros(MIN_EXAMPLES)
        centred, diagonal = u_centre(gram)
        packed_after = pack(centred)
        # The stored numbers' rounding, or where they are float64 that of the change itself.
        rounding = max(ROUNDING * float(np.finfo(packed.dtype).eps), CHANGE)
        if 2 * float(packed_after @ packed_after) <= (rounding * float(np.trace(before))) ** 2:
            packed_after[:] = 0
        return packed_after, diagonal


def without_first_component(batch: int, gram: np.ndarray) -> np.ndarray:
    """HKH (n, n) less lambda1 u1 u1': the Gram of the centred features less sigma1 u1 v1', as for
    figures 3 and D.6 of Nguyen, Raghu & Kornblith (2021). A matrix that is not finite stays as it
    is."""
    if not np.isfinite(gram).all():
        return gram
    value, vector = eigh(gram, subset_by_index=[len(gram) - 1] * 2)
    return gram - value * vector @ vector.T


def without_examples(removed: np.ndarray, orders: Sequence[np.ndarray], size: int) -> Change:
    """The change that takes examples out, as Nguyen, Raghu & Kornblith (2022) take out dominant
    ones.

    removed: (n,) bool over the probe set; orders: of each pass, the numbers (n,) of the examples in
    the order in which its batches of `size` take them; a short last batch is not among the batches,
    which are counted through all passes.
    """
    kept = [
        ~removed[order[start : start + size]]
        for order in orders
        for start in range(0, len(order) // size * size, size)
    ]

    def change(batch: int, gram: np.ndarray) -> np.ndarray:
        return gram[np.ix_(kept[batch], kept[batch])]

    return change
