"""Minibatch CKA as a measure: of arrays, of activation stores, of Gram stores."""

from __future__ import annotations

from typing import Any

import numpy as np

from repatlas.errors import ConfigError, DataError
from repatlas.grams import MIN_EXAMPLES, gram_vectors
from repatlas.similarity.inputs import Layers, checked_features, shared_examples
from repatlas.similarity.measure import Invariance as Inv
from repatlas.similarity.measure import Measure, choice, is_whole, measure
from repatlas.similarity.minibatch import Block, Weighting, explain, minibatch_cka
from repatlas.similarity.scores import Scores
from repatlas.stores import ActivationStore, GramStore

BATCH_SIZE = 256  # the paper's


@measure(
    Inv.ORTHOGONAL,
    Inv.ISOTROPIC_SCALING,
    Inv.TRANSLATION,
    Inv.SYMMETRY,
    bounds=(-1, 1),
    from_grams=True,
)
def cka_minibatch(
    a: Layers,
    b: Layers | None,
    batch_size: int | None = None,
    passes: int | None = None,
    seed: int | None = 0,
    weighting: Weighting = "pairs",
) -> Scores:
    """Linear CKA from batches of examples: the paper's estimator, a ratio of sums.

    Formula: sum_i w_i HSIC1(K_i, L_i) / sqrt(sum_i w_i HSIC1(K_i, K_i) sum_i w_i HSIC1(L_i, L_i)),
    K_i and L_i the Gram matrices of batch i. `weighting="pairs"`: w_i = n_i (n_i - 3), as the
    authors' code does; `"equal"`: w_i = 1, as their equation reads. They differ only if the last
    batch is short: by .045 in one case of 1,040 examples in batches of 256.
    Arrays are cut into batches of `batch_size` (256), reshuffled for each of the `passes` (1) by
    `seed`; seed=None keeps their order. Fewer examples than `batch_size` make one batch. A last
    batch of fewer than 4 examples is left out. Stores come with batches of their own.
    Source: Nguyen, Raghu & Kornblith 2021; HSIC1 of Song et al. 2012.
    Invariant to orthogonal maps, isotropic scaling, translation; symmetric. The order of the
    examples decides which of them share a batch.
    Range: at most 1; around 0, also below, for independent data. Negative estimates are kept.
    Standard error: jackknife over the disjoint batches of one pass, at least 8 of them.
    Misleads: as `cka`, which it estimates.

    ConfigError for a store beside arrays, for settings of batches beside stores, and for several
    passes without a seed, which would all be the same.
    """
    choice("weighting", weighting, ("pairs", "equal"))
    sides = [a] if b is None else [a, b]
    stores = [layers.store for layers in sides if layers.store is not None]
    sources: list[Any]
    if not stores:
        cut = _settings(shared_examples(a, b), batch_size, passes, seed)
        sources = [ArrayBatches(layers, *cut) for layers in sides]
    elif len(stores) < len(sides):
        raise ConfigError(
            "Batches of a store and of arrays are not of the same examples. Give two stores, or "
            "two sets of arrays (a store's arrays can be had from repatlas.stores.open_store)."
        )
    elif (batch_size, passes, seed) != (None, None, 0):
        raise ConfigError(
            "batch_size, passes and seed are settled where a store was made; leave them out when "
            "comparing stores."
        )
    else:
        sources = [s if isinstance(s, GramStore) else StoredBatches(s) for s in stores]
    block = minibatch_cka(sources, [(0, len(sides) - 1)], weighting=weighting)[0]
    first = sources[0]
    notes = {
        "batches": _described(first),
        "batch_size": first.batch_size,
        "passes": first.passes,
        "seed": None if stores else seed,
        "weighting": weighting,
    }
    return _scores(block, notes)


class ArrayBatches:
    """The Grams of arrays in memory, batch by batch, made when asked for: an array that is fetched
    anew each time it is looked up is fetched once a batch.

    A pass cuts the examples into batches of `batch_size`, in an order that `seed` and the number of
    the pass decide, or in their own where the seed is None. A last batch of fewer than 4 examples
    is left out.
    GPU tensors are handled where they are; all layers' Grams of a batch come over at once.
    """

    def __init__(self, layers: Layers, batch_size: int, passes: int, seed: int | None):
        self.layers = layers
        self.batch_size, self.passes, self.seed = batch_size, passes, seed
        self.n_examples = layers.n_examples
        whole, rest = divmod(self.n_examples, batch_size)
        self.per_pass = whole + (rest >= MIN_EXAMPLES)
        self.n_batches = self.per_pass * passes
        self._order: tuple[int, Any] = (-1, None)

    def batch(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Packed Grams (layers, pairs) and diagonals (layers, examples) of batch `index`."""
        turn, place = divmod(index, self.per_pass)
        rows = slice(place * self.batch_size, min((place + 1) * self.batch_size, self.n_examples))
        order = self._shuffled(turn)
        layers = (self._layer(k) for k in range(len(self.layers)))
        if order is None:
            return gram_vectors((x[rows] for x in layers), dtype=None)
        return gram_vectors(layers, rows=order[rows], dtype=None)

    def _layer(self, index: int) -> Any:
        x = self.layers.raw(index)
        return x if getattr(x, "is_cuda", False) else checked_features(x, self.layers.names[index])

    def _shuffled(self, turn: int) -> np.ndarray | None:
        if self.seed is None:
            return None
        if self._order[0] != turn:
            generator = np.random.default_rng([self.seed, turn])
            self._order = turn, generator.permutation(self.n_examples)
        return self._order[1]


class StoredBatches:
    """The Grams of an activation store, made from its probe batches when asked for; a short last
    batch is left out. DataError where the store holds not one whole batch."""

    passes = 1

    def __init__(self, store: ActivationStore):
        self.store, self.path = store, store.path
        self.probe, self.batch_size = store.probe, store.batch_size
        self.n_examples = store.n_examples
        self.n_batches = store.n_examples // store.batch_size
        if not self.n_batches:
            raise DataError(
                f"{store.path} holds {store.n_examples} examples, not one whole batch of "
                f"{store.batch_size}."
            )

    def batch(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Packed Grams (layers, pairs) and diagonals (layers, examples) of batch `index`."""
        layers = range(len(self.store.layers))
        return gram_vectors(self.store.read_batch(k, index) for k in layers)


def _settings(
    n: int, batch_size: int | None, passes: int | None, seed: int | None
) -> tuple[int, int, int | None]:
    """Batch size, passes and seed for `n` examples; ConfigError where they make no sense."""
    size = BATCH_SIZE if batch_size is None else batch_size
    turns = 1 if passes is None else passes
    for name, value, least in (("batch_size", size, MIN_EXAMPLES), ("passes", turns, 1)):
        if not is_whole(value) or value < least:
            raise ConfigError(f"{name} is {value!r}; a whole number from {least} is expected.")
    if seed is None and turns > 1:
        raise ConfigError(f"{turns} passes in the same order repeat the first: give a seed.")
    if seed is not None and (not is_whole(seed) or seed < 0):
        raise ConfigError(f"seed is {seed!r}; a whole number from 0, or None, is expected.")
    return min(int(size), n), int(turns), seed


def _described(source: Any) -> str:
    """The batches in words, with the fate of a short last one."""
    if isinstance(source, GramStore):
        return f"{source.n_batches} of {source.batch_size} examples in {source.passes} pass(es)"
    whole, rest = divmod(source.n_examples, source.batch_size)
    short = ""
    if rest:
        used = isinstance(source, ArrayBatches) and rest >= MIN_EXAMPLES
        short = f" and one of {rest}" if used else f", {rest} examples left out"
    return f"{whole} of {source.batch_size} examples{short} in {source.passes} pass(es)"


def _scores(block: Block, notes: dict[str, Any]) -> Scores:
    said = {code: explain(code) for code in np.unique(block.reason).tolist()}
    reason = np.empty(block.value.shape, dtype=object)
    for code, words in said.items():
        reason[block.reason == code] = words
    return Scores(block.value, reason, block.se, block.se_reason, block.n_batches, notes)


MEASURES: tuple[Measure, ...] = (cka_minibatch,)
