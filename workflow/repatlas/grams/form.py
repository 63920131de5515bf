"""The form in which Gram matrices are kept: U-centred, the strict upper triangle, row by row."""

from functools import lru_cache
from math import isqrt
from typing import Any

import numpy as np

from repatlas.errors import DataError
from repatlas.triangles import packed_upper

MIN_EXAMPLES = 4  # HSIC1 divides by n - 3
KEPT = 1024  # examples up to which the places of the upper triangle are remembered: 4 MB
ROUNDING = 4  # units of relative rounding within which a value counts as noise


def pairs(n: int) -> int:
    """The number of unordered pairs of `n` examples: the length of a packed Gram."""
    return n * (n - 1) // 2


def batch_of(length: int) -> int:
    """The number of examples whose packed Gram has `length` entries; DataError if there is none."""
    n = (1 + isqrt(1 + 8 * length)) // 2
    if pairs(n) != length:
        raise DataError(
            f"{length} is no length of a packed Gram matrix: n (n - 1) / 2 entries are expected, "
            f"{pairs(n)} for n = {n}."
        )
    return n


def _upper(n: int) -> np.ndarray:
    """Flat indices of the strict upper triangle of an n x n matrix, row by row."""
    return _kept_upper(n) if n <= KEPT else _make_upper(n)


def _make_upper(n: int) -> np.ndarray:
    indices = np.flatnonzero(np.triu(np.ones((n, n), dtype=bool), 1))
    indices.flags.writeable = False
    return indices


_kept_upper = lru_cache(maxsize=8)(_make_upper)


def pack(g: np.ndarray) -> np.ndarray:
    """The strict upper triangle of the square matrix `g` (n, n), float32 or float64, row by row:
    (n (n - 1) / 2,)."""
    return packed_upper(g)


def unpack(packed: np.ndarray, n: int) -> np.ndarray:
    """The symmetric (n, n) matrix with zero diagonal whose strict upper triangle is `packed`."""
    g = np.zeros((n, n), dtype=packed.dtype)
    g.reshape(-1)[_upper(n)] = packed
    return g + g.T


def doubly_centred(packed: np.ndarray, diagonal: np.ndarray) -> np.ndarray:
    """HKH, float64 (n, n), from the packed U-centred Gram and d_i = K_ii - 2 m_i.

    K = M + m 1' + 1 m' with M the U-centred Gram that carries d on its diagonal, and H removes the
    two outer terms, so HKH = HMH without having kept m.
    """
    matrix = unpack(np.asarray(packed, dtype=np.float64), len(diagonal))
    np.fill_diagonal(matrix, diagonal)
    means = matrix.mean(axis=0)
    return matrix - means - means[:, None] + means.mean()


def u_centre(k: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(G, d) of a symmetric Gram matrix `k` (n, n): its U-centred form and d_i = K_ii - 2 m_i.

    G has the dtype of `k`, d is float64. DataError with fewer than 4 examples.
    """
    n = len(k)
    check_examples(n)
    diagonal = np.array(k.diagonal(), dtype=np.float64)
    sums = k.sum(axis=1, dtype=np.float64) - diagonal
    m = u_means(sums, n)
    g = k - m.astype(k.dtype)
    g -= m.astype(k.dtype)[:, None]
    np.fill_diagonal(g, 0)
    return g, diagonal - 2 * m


def u_means(sums: Any, n: int) -> Any:
    """m_i from the row sums (n,) of a Gram matrix with zero diagonal."""
    return sums / (n - 2) - sums.sum() / (2 * (n - 1) * (n - 2))


def is_noise(half_square: Any, trace: Any, dtype: Any) -> Any:
    """Whether a U-centred Gram lies within the rounding of the Gram that it was made from.

    Rounding moves K_ij by some eps sqrt(K_ii K_jj), hence all of K by some eps trace(K).
    """
    return 2 * half_square <= (ROUNDING * float(np.finfo(dtype).eps) * trace) ** 2


def is_constant(deviation_square: Any, mean_square: Any, dtype: Any) -> Any:
    """Whether features deviate from their means by no more than the rounding of those means."""
    # Squares that overflow tell nothing.
    least = (ROUNDING * float(np.finfo(dtype).eps)) ** 2 * mean_square
    return (deviation_square <= least) & (least < np.inf)


def check_examples(n: int) -> None:
    """DataError where a batch of `n` examples is too small."""
    if n < MIN_EXAMPLES:
        raise DataError(
            f"A batch of {n} examples is too small: the unbiased HSIC needs at least "
            f"{MIN_EXAMPLES}. Use larger batches, or leave the short last one out."
        )


def check_shape(shape: tuple[int, ...]) -> None:
    """DataError where activations of this shape have too few examples, or no features."""
    if len(shape) == 0 or 0 in shape[1:]:
        raise DataError(
            f"Activations of shape {tuple(shape)} cannot be compared: (examples, ...) with at "
            "least one feature is expected."
        )
    check_examples(shape[0])
