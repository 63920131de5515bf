"""What one checkpoint of a network comes to, from the Gram matrices of its layers, batch by batch.

All three quantities are ratios of sums over probe batches, so that a batch is forgotten as soon as
it has been added: minibatch CKA between the checkpoint's layers and of each layer with the same
layer of the final network, and the first principal component's share of the variance.
"""

from dataclasses import dataclass, field

import numpy as np
from scipy.sparse.linalg import eigsh

from repatlas.grams import doubly_centred
from repatlas.layers import BROKEN, CONSTANT
from repatlas.similarity.minibatch import minibatch_cka


class _Batch:
    """The packed Grams of one batch as the tile engine takes them."""

    n_batches = passes = 1

    def __init__(self, packed: np.ndarray, diagonals: np.ndarray):
        self._made, self.batch_size = (packed, diagonals), diagonals.shape[1]

    def batch(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        return self._made


@dataclass
class TrajectorySums:
    """Running sums of a checkpoint with `layers` layers. A value is NaN where the sum that it is
    divided by is 0 or not finite."""

    layers: int
    _within: np.ndarray = field(init=False)
    _own: np.ndarray = field(init=False)
    _to_final: np.ndarray = field(init=False)
    _final: np.ndarray = field(init=False)
    _largest: np.ndarray = field(init=False)
    _variance: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self._within = np.zeros((self.layers, self.layers))
        for name in ("_own", "_to_final", "_final", "_largest", "_variance"):
            setattr(self, name, np.zeros(self.layers))

    def add(self, packed: np.ndarray, diagonals: np.ndarray, final: np.ndarray) -> None:
        """Add a batch: packed U-centred Grams (layers, pairs) and diagonals (layers, examples) of
        the checkpoint, and the packed Grams of the final network on the same examples, all float32
        but the diagonals."""
        own = minibatch_cka([_Batch(packed, diagonals)], [(0, 0)])[0]
        self._within += own.hsic_ab
        self._own += _products(packed, packed)
        self._to_final += _products(packed, final)
        self._final += _products(final, final)
        for layer in range(self.layers):
            largest, variance = first_component(packed[layer], diagonals[layer])
            self._largest[layer] += largest
            self._variance[layer] += variance

    def within(self) -> np.ndarray:
        """Minibatch CKA of all pairs of layers (layers, layers); NaN where undefined."""
        own = self._within.diagonal()
        return _ratio(self._within, np.sqrt(np.outer(own, own)))

    def to_final(self) -> np.ndarray:
        """Minibatch CKA of each layer with the same layer of the final network (layers,)."""
        return _ratio(self._to_final, np.sqrt(self._own * self._final))

    def pc1_share(self) -> np.ndarray:
        """Share of the variance that the first principal component of a batch has, a ratio of sums
        over batches (layers,)."""
        return _ratio(self._largest, self._variance)

    def reasons(self) -> list[str]:
        """Why a layer of the checkpoint has no values, or '', layer by layer."""
        return [BROKEN if not np.isfinite(v) else CONSTANT if v == 0 else "" for v in self._own]


def first_component(packed: np.ndarray, diagonal: np.ndarray) -> tuple[float, float]:
    """(largest eigenvalue, trace) of the centred Gram of a batch: the sum of squares along its
    first principal component, and all of it. Zeros where nothing varies, NaN where it is not
    finite."""
    if not np.isfinite(packed).all():
        return np.nan, np.nan
    if not packed.any():
        return 0.0, 0.0
    gram = doubly_centred(packed, diagonal)
    # Lanczos, from a fixed start so that the last bits are the same each time.
    start = np.random.default_rng(0).standard_normal(len(gram))
    largest = eigsh(gram, k=1, v0=start, return_eigenvectors=False)
    return float(largest[0]), float(np.trace(gram))


def _products(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Inner products of the rows of two float32 matrices, summed in float64."""
    return np.einsum("lp,lp->l", a, b, dtype=np.float64)


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        return np.where(np.isfinite(below) & (below > 0), above / below, np.nan)
