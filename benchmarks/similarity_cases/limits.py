"""The least that the machine can do: the symmetric products that any exact method must form."""

from collections.abc import Sequence

import numpy as np
from scipy.linalg.blas import ssyrk


def symmetric_products(
    networks: Sequence[Sequence[np.ndarray]], packed: np.ndarray, batch: int
) -> None:
    """One rank-k update for each layer and batch, and one product of all packed Grams a batch.

    networks: layers (n, p) of each; packed (layers of all, batch (batch - 1) / 2): stands in for
    the packed Grams. No centring, no packing, nothing kept: the arithmetic alone.
    """
    gram = np.zeros((batch, batch), dtype=np.float32, order="F")
    for start in range(0, len(networks[0][0]), batch):
        for layers in networks:
            for x in layers:
                rank_k(x[start : start + batch], gram)
        _ = packed @ packed.T  # NumPy hands a matrix times its own transpose to ssyrk


def rank_k(x: np.ndarray, gram: np.ndarray) -> None:
    """The lower triangle of x x' into `gram` (n, n), Fortran order; `x` (n, p)."""
    # The transpose of a C-ordered array is what BLAS reads without a copy.
    ssyrk(1.0, x.T, c=gram, trans=1, lower=1, overwrite_c=1)


def full_products(networks: Sequence[Sequence[np.ndarray]], packed: np.ndarray, batch: int) -> None:
    """The same by torch, every product in full: what symmetry and the choice of BLAS are worth."""
    import torch

    stacked = torch.from_numpy(packed)
    for start in range(0, len(networks[0][0]), batch):
        for layers in networks:
            for x in layers:
                part = torch.from_numpy(x[start : start + batch])
                torch.mm(part, part.T)
        torch.mm(stacked, stacked.T)


def stand_in(rows: int, batch: int) -> np.ndarray:
    """(rows, batch (batch - 1) / 2) float32: as many numbers as packed Grams have."""
    pairs = batch * (batch - 1) // 2
    return np.random.default_rng(0).standard_normal((rows, pairs), dtype=np.float32)
