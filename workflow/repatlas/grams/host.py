"""Gram matrices of features in host memory, by NumPy."""

from typing import Any, NamedTuple

import numpy as np

from repatlas.grams.form import check_examples, check_shape, is_constant
from repatlas.triangles import upper_product

BLOCK = 1 << 20  # features are centred in blocks of this many numbers, which stay in cache
STRETCH = 1 << 22  # float32 products of this many numbers are summed in float64
NEAR = 0.5  # share of the sum of squares up to which means cost U-centring no digits
FAR = 10  # root mean squares of the deviations from which on means are taken away twice
ASKED = 32  # features that are asked whether to centre at once
WIDE = 2048  # features from which on asking them is cheap beside the product


def is_torch(x: Any) -> bool:
    """Whether `x` is a torch tensor."""
    # Asked of the object, so that comparing stored arrays never imports torch.
    return type(x).__module__.partition(".")[0] == "torch"


def as_features(x: Any) -> np.ndarray:
    """`x` as a (n, p) array of float32 or float64, without a copy where none is needed."""
    if is_torch(x):
        x = x.detach()
        # NumPy has no bfloat16.
        x = (x if x.dtype.itemsize >= 4 else x.float()).numpy()
    x = np.asarray(x)
    check_shape(x.shape)
    x = x.reshape(len(x), -1)
    return x if x.dtype in (np.float32, np.float64) else x.astype(np.float32)


class Summed(NamedTuple):
    """The strict upper triangle of a Gram matrix K (n, n), its diagonal (n,) and the sums of its
    rows without the diagonal (n,), both float64."""

    upper: np.ndarray
    diagonal: np.ndarray
    sums: np.ndarray

    def is_far(self) -> bool:
        """Whether the means hold so much of the sum of squares that they cost digits."""
        squares = float(self.diagonal.sum())
        of_means = (squares + float(self.sums.sum())) / len(self.diagonal)  # n |mean|²
        return not of_means <= NEAR * squares


def host_gram(x: np.ndarray, rows: np.ndarray | None) -> Summed:
    """K of `x` (examples, p) or of its `rows`, without the features' means where they are large."""
    check_examples(len(x) if rows is None else len(rows))
    # Large means are seen in a few features already, which saves the product of many.
    if x.shape[1] < WIDE or not _are_far(x, rows):
        plain = _summed(_plain_gram(x, rows))
        if not plain.is_far():
            return plain
    return _summed(_centred_gram(x, rows))


def _summed(upper: np.ndarray) -> Summed:
    diagonal = upper.diagonal().astype(np.float64)
    np.fill_diagonal(upper, 0)
    ones = np.ones(len(upper), dtype=upper.dtype)
    return Summed(upper, diagonal, (upper @ ones + ones @ upper).astype(np.float64))


def _are_far(x: np.ndarray, rows: np.ndarray | None) -> bool:
    """:meth:`Summed.is_far` of some features of `x`, spread over all."""
    some = x[:, _asked(x.shape[1])]
    some = (some if rows is None else some[rows]).astype(np.float64)
    mean = some.mean(axis=0)
    return not len(some) * float(mean @ mean) <= NEAR * float(np.vdot(some, some))


def _asked(p: int) -> np.ndarray:
    """Which of `p` features to ask for all: spread over them, but not at equal steps, which would
    find one channel of a map at each of its positions."""
    golden = (5**0.5 - 1) / 2
    return (p * (np.arange(ASKED) * golden % 1)).astype(int)


def _plain_gram(x: np.ndarray, rows: np.ndarray | None) -> np.ndarray:
    """The upper triangle of x x', `x` (examples, p) or its `rows`; float64 sums if x is wide."""
    n, p = len(x) if rows is None else len(rows), x.shape[1]
    width = max(64, (STRETCH if rows is None else BLOCK) // n)
    parts = (_columns(x, rows, start, width) for start in range(0, p, width))
    if width >= p:
        return upper_product(next(parts))
    gram = np.zeros((n, n))
    for part in parts:
        gram += upper_product(part)
    return gram


def _centred_gram(x: np.ndarray, rows: np.ndarray | None) -> np.ndarray:
    """:func:`_plain_gram` of the features without their means.

    Blocks of features are centred in a buffer that stays in cache, which costs a fifth of the time
    of a centred copy of all of `x`.
    """
    n, p = len(x) if rows is None else len(rows), x.shape[1]
    width = min(p, max(64, BLOCK // n))
    buffer = np.empty(n * width, dtype=x.dtype)
    ones = np.ones(n, dtype=x.dtype)
    gram = np.zeros((n, n), dtype=x.dtype if width == p else np.float64)
    mean_square = 0.0
    for start in range(0, p, width):
        columns = _columns(x, rows, start, width)
        mean = (ones @ columns) / n
        square = float(mean @ mean)
        mean_square += square
        block = buffer[: columns.size].reshape(columns.shape)
        np.subtract(columns, mean, out=block)
        product = upper_product(block)
        if not n * square <= FAR**2 * float(product.trace()):
            # The mean itself is rounded. U-centring removes what is left of it, but not the
            # rounding of products with it.
            block -= (ones @ block) / n
            product = upper_product(block)
        gram += product
    if is_constant(float(np.trace(gram)), n * mean_square, x.dtype):
        gram[:] = 0
    return gram


def _columns(x: np.ndarray, rows: np.ndarray | None, start: int, width: int) -> np.ndarray:
    part = x[:, start : start + width]
    return part if rows is None else part[rows]
