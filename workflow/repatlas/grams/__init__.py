"""Gram matrices of examples: the one form in which a batch's activations are compared.

K = X X' of centred features X (n examples, p features) holds all that similarity measures based on
inner products of examples need, in n² numbers whatever the width of the layer. Its U-centred form
(Székely & Rizzo 2014, "Partial distance correlation with methods for dissimilarities")

    m_i = (row sum of K with zero diagonal) / (n - 2) - (total) / (2 (n - 1)(n - 2))
    G_ij = K_ij - m_i - m_j,  G_ii = 0

turns the unbiased HSIC of Song et al. (2012) into an inner product,
sum_ij G_ij(K) G_ij(L) = n (n - 3) HSIC1(K, L), so that self terms are never negative. It is packed
as the strict upper triangle, row by row; with d_i = K_ii - 2 m_i beside it the doubly centred Gram
HKH is exact again (:func:`doubly_centred`).

U-centring removes any shift of the features, in exact arithmetic. Where means are large, features
are centred before the product all the same: with means of ten standard deviations and more, float32
products of raw features leave no digits to subtract. Where they are small, as behind a ReLU, the
product is taken of the features as they are; its own entries tell which of the two is the case.
"""

from collections.abc import Iterable
from functools import partial
from typing import Any

import numpy as np

from repatlas.grams.form import (
    MIN_EXAMPLES,
    ROUNDING,
    batch_of,
    doubly_centred,
    is_noise,
    pack,
    pairs,
    u_centre,
    u_means,
    unpack,
)
from repatlas.grams.host import as_features, host_gram, is_torch
from repatlas.threads import side_by_side

__all__ = [
    "MIN_EXAMPLES",
    "ROUNDING",
    "SAFE_NORMS",
    "BatchGrams",
    "batch_of",
    "doubly_centred",
    "gram_vector",
    "gram_vectors",
    "pack",
    "pairs",
    "u_centre",
    "unpack",
]

SAFE_NORMS = (1e-20, 1e30)  # squared norms between which float32 products stay in range


def gram_vector(
    x: Any, *, rows: np.ndarray | None = None, dtype: Any = np.float32
) -> tuple[Any, Any]:
    """(packed, diagonal) of `x` (n, ...), flattened to (n, p): its Gram matrix K, U-centred.

    packed: (n (n - 1) / 2,) of the NumPy `dtype`, or of the one K was computed in if None;
    diagonal: (n,) float64, d_i = K_ii - 2 m_i. float64 input is computed in float64, all other in
    float32. `rows` picks examples by number, which costs less here than beforehand.
    A torch tensor on the CPU is viewed, not copied; a CUDA tensor is handled on its device, where
    both results stay, so that the host need not wait for each layer.

    A layer that tells the examples apart by no more than rounding (constant, or all examples at the
    same distance of each other) gives a packed vector of zeros; its HSIC with anything is then 0,
    not the correlation of rounding errors. Non-finite features give NaN.

    DataError with fewer than 4 examples or without any features.
    """
    with np.errstate(all="ignore"):
        if _is_cuda(x):
            from repatlas.grams.device import packed_gram

            return packed_gram(x if rows is None else x[rows], dtype)
        x = as_features(x)
        upper, diagonal, sums = host_gram(x, rows)
        m = u_means(sums, len(upper))
        shift = m.astype(upper.dtype)
        upper -= shift
        upper -= shift[:, None]
        packed = pack(upper)
        square = float(packed @ packed)
        if not SAFE_NORMS[0] < square < SAFE_NORMS[1]:  # its terms may have vanished or overflowed
            square = float(np.square(packed, dtype=np.float64).sum())
        if is_noise(square, float(diagonal.sum()), x.dtype):
            packed[:] = 0
        return packed.astype(dtype or x.dtype, copy=False), diagonal - 2 * m


def gram_vectors(
    layers: Iterable[Any], *, rows: np.ndarray | None = None, dtype: Any = np.float32
) -> tuple[np.ndarray, np.ndarray]:
    """:func:`gram_vector` of every one of the `layers`, several at a time on several cores.

    packed: (layers, n (n - 1) / 2); diagonals: (layers, n) float64, both in host memory. Layers are
    drawn one by one. CUDA tensors are handled where they are, and all come over at once.
    """
    made = side_by_side(partial(gram_vector, rows=rows, dtype=dtype), layers)
    return _stacked([packed for packed, _ in made]), _stacked([d for _, d in made])


class BatchGrams:
    """The Gram matrices of a batch's `layers`, of `n` examples each, as they are made one by one.

    packed: (layers, n (n - 1) / 2) float32; diagonals: (layers, n) float64, both in host memory and
    whole after :meth:`fetch`.
    """

    def __init__(self, layers: int, n: int):
        self.packed = np.empty((layers, pairs(n)), np.float32)
        self.diagonals = np.empty((layers, n))
        self._on_device: dict[int, tuple[Any, Any]] = {}

    def add(self, layer: int, x: Any) -> None:
        """That of `x` (n, ...), the activations of that layer, made where they lie."""
        packed, diagonal = gram_vector(x)
        if is_torch(packed):
            self._on_device[layer] = packed, diagonal
        else:
            self.packed[layer], self.diagonals[layer] = packed, diagonal

    def fetch(self) -> None:
        """Bring over what lies on a GPU, all at once: it waits for the host once a batch."""
        if self._on_device:
            layers, made = list(self._on_device), self._on_device.values()
            self.packed[layers] = _stacked([packed for packed, _ in made])
            self.diagonals[layers] = _stacked([diagonal for _, diagonal in made])
            self._on_device = {}


def _on_host(values: Any) -> np.ndarray:
    """A NumPy or torch array, which may lie on a GPU, as a NumPy array."""
    return values.cpu().numpy() if hasattr(values, "is_cuda") else values


def _stacked(rows: list[Any]) -> np.ndarray:
    """The rows as one NumPy array; those on a GPU are stacked there, for one transfer."""
    if all(hasattr(row, "is_cuda") for row in rows) and len({row.dtype for row in rows}) == 1:
        import torch

        return torch.stack(rows).cpu().numpy()
    return np.stack([_on_host(row) for row in rows])


def _is_cuda(x: Any) -> bool:
    return is_torch(x) and x.is_cuda
