"""Cosines between layers' examples-by-examples matrices, in strips of bounded memory.

CKA with any kernel and distance correlation are the cosine of two n x n matrices of examples,
centred in one of three ways. A matrix is made strip by strip (some rows, and the columns from the
first of them on, which by symmetry is all there is to know), all layers at a time, so that every
layer's matrix is made once and every pair of layers costs one inner product.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from math import sqrt
from typing import Any, Protocol

import numpy as np

from repatlas.grams import pack
from repatlas.memory import STRIPS
from repatlas.similarity.inputs import Centred, Layers, centre, product_rounding, shared_examples
from repatlas.similarity.scores import BROKEN, DEAD
from repatlas.similarity.tiles import inner_products, squared_norms

BLOCK = 1 << 22  # distances made at a time to find their median
ROUNDING = 4  # units of relative rounding within which a matrix counts as empty
ONE_VALUE = (
    "does not tell the examples apart by its kernel (a dead layer, or a bandwidth far from their "
    "distances)"
)
COINCIDENT = (
    "has a median distance of 0, half of its pairs of examples being equal: no bandwidth follows. "
    "Give one (`bandwidth`)"
)


class Centring(Enum):
    """How a matrix of examples is centred before the cosine is taken."""

    SONG = "U-centred, zero diagonal: unbiased (Song et al. 2012; Székely & Rizzo 2014)"
    GRETTON = "doubly centred: biased (Gretton et al. 2005)"
    LANGE = "doubly centred, diagonal left out (Lange et al. 2023)"


class Matrix(Protocol):
    """A symmetric matrix (n, n) of one layer's examples, as yet without centring, of features at
    the scale at which :func:`repatlas.similarity.inputs.centre` gives them.

    `fitted` is what it found out from the data (a bandwidth), to be handed to the next visit;
    `state` says why there is no such matrix, or ""; `empty` the state of a layer whose matrix is
    nothing once centred.
    """

    fitted: Any
    state: str
    empty: str

    def strip(self, start: int, stop: int) -> np.ndarray:
        """Rows start:stop, columns start:, as an array that may be overwritten; entries below the
        diagonal are not looked at."""
        ...

    def sums(self, strips: list[slice]) -> tuple[np.ndarray, np.ndarray]:
        """Row sums and diagonal (n,), float64."""
        ...


MatrixOf = Callable[[Centred, Any], Matrix]


@dataclass(frozen=True)
class Sums:
    """Inner products of the centred matrices: ab (A, B), aa (A,), bb (B,), over all ordered pairs
    of examples, those of an example with itself for the centring GRETTON only; and the layers'
    states. Features enter at unit scale, which their cosines do not see."""

    ab: np.ndarray
    aa: np.ndarray
    bb: np.ndarray
    states_a: list[str]
    states_b: list[str]


def sums(
    a: Layers,
    b: Layers | None,
    matrix_of: MatrixOf,
    centring: Centring,
    dtype: Any = np.float64,
    memory: float = STRIPS,
) -> Sums:
    """The inner products of all layers of `a` with all of `b` (None: with those of `a`).

    `matrix_of` makes a layer's matrix from its centred features, which are given to it as float64,
    or as they came if `dtype` is None. The strips of all layers take `memory` bytes, of float64.
    Errors as in :func:`repatlas.similarity.inputs.shared_examples`.
    """
    n = shared_examples(a, b)
    width = max(1, int(memory / 8 / n / (len(a) + len(b or ()))))
    strips = [slice(start, min(start + width, n)) for start in range(0, n, width)]
    rows = [_Layer(a, k, matrix_of, centring, dtype) for k in range(len(a))]
    columns = (
        rows if b is None else [_Layer(b, k, matrix_of, centring, dtype) for k in range(len(b))]
    )
    ab = np.zeros((len(rows), len(columns)))
    aa, bb = np.zeros(len(rows)), np.zeros(len(columns))
    for strip in strips:
        left = np.stack([layer.vector(strip, strips) for layer in rows])
        right = left if b is None else np.stack([layer.vector(strip, strips) for layer in columns])
        ab += 2 * inner_products(left, right)
        aa += 2 * squared_norms(left)
        bb += 2 * squared_norms(right)
    if b is None:
        # A layer with itself: the very number that it is divided by.
        np.fill_diagonal(ab, aa)
    for layers, squares in ((rows, aa), (columns, bb)):
        for layer, square in zip(layers, squares, strict=True):
            if not layer.state and not np.isfinite(square):
                layer.state = BROKEN
            elif not layer.state and square <= layer.noise**2:
                layer.state = layer.empty
    return Sums(ab, aa, bb, [x.state for x in rows], [x.state for x in columns])


class _Layer:
    """One layer on its visits, strip after strip; keeps n numbers in between, not n²."""

    def __init__(
        self, layers: Layers, index: int, matrix_of: MatrixOf, centring: Centring, dtype: Any
    ):
        self.layers, self.index = layers, index
        self.matrix_of, self.centring, self.dtype = matrix_of, centring, dtype
        self.state, self.empty, self.fitted, self.noise = "", DEAD, None, 0.0
        self.means: np.ndarray | None = None

    def vector(self, strip: slice, strips: list[slice]) -> np.ndarray:
        """The strip of the centred matrix with each pair of examples once, flattened."""
        x = self.layers.read(self.index)
        centred = centre(x, self.dtype or x.dtype)
        self.state = centred.state
        height = strip.stop - strip.start
        if not self.state:
            matrix = self.matrix_of(centred, self.fitted)
            self.fitted, self.state, self.empty = matrix.fitted, matrix.state, matrix.empty
        if self.state:
            length = _length(height, len(x) - strip.start, self.centring)
            return np.zeros(length, dtype=centred.x.dtype)
        means = self.means
        if means is None:
            means = self.means = self._find_means(*matrix.sums(strips), centred.x.dtype)
        part = matrix.strip(strip.start, strip.stop)
        part -= means[strip, None]
        part -= means[strip.start :]
        pieces = [pack(part[:, :height]), part[:, height:].reshape(-1)]
        if self.centring is Centring.GRETTON:
            # Each pair stands for two entries, an entry of the diagonal for itself.
            pieces.append(part.diagonal() / part.dtype.type(sqrt(2)))
        return np.concatenate(pieces)

    def _find_means(self, rows: np.ndarray, diagonal: np.ndarray, dtype: np.dtype) -> np.ndarray:
        """m_i (n,): what centring takes from row i and from column i."""
        n = len(rows)
        # Rounding moves K_ij by some eps sqrt(K_ii K_jj); distances have no diagonal to go by.
        self.noise = ROUNDING * float(np.finfo(dtype).eps) * (diagonal.sum() or rows.sum() / n)
        if self.centring is Centring.SONG:
            rows = rows - diagonal
            means = rows / (n - 2) - rows.sum() / (2 * (n - 1) * (n - 2))
        else:
            means = rows / n - rows.sum() / (2 * n * n)
        return means.astype(dtype)


def _length(height: int, width: int, centring: Centring) -> int:
    pairs = height * (height - 1) // 2 + height * (width - height)
    return pairs + (height if centring is Centring.GRETTON else 0)


class Linear:
    """K = X X', of centred features X (examples, features)."""

    fitted = None
    state = ""
    empty = DEAD

    def __init__(self, centred: Centred, fitted: None = None):
        self.x = centred.x

    def strip(self, start: int, stop: int) -> np.ndarray:
        """Rows start:stop, columns start:, of the inner products."""
        rows = self.x[start:stop]
        if stop - start == len(self.x):
            return rows @ rows.T
        return rows @ self.x[start:].T

    def sums(self, strips: list[slice]) -> tuple[np.ndarray, np.ndarray]:
        """Row sums and diagonal (n,), float64, without forming the matrix."""
        total = self.x.sum(axis=0, dtype=np.float64).astype(self.x.dtype)
        diagonal = np.vecdot(self.x, self.x).astype(np.float64)
        return (self.x @ total).astype(np.float64), diagonal


class Distances:
    """D_ij = |x_i - x_j|, Euclidean, of features at unit scale."""

    fitted: float | None = None
    state = ""
    empty = DEAD

    def __init__(self, centred: Centred, fitted: Any = None):
        self.x = centred.x
        self.squares = np.vecdot(self.x, self.x)
        self._last: tuple[tuple[int, int], np.ndarray] | None = None

    def squared(self, start: int, stop: int) -> np.ndarray:
        """Squared distances of rows start:stop and columns start:; not to be overwritten."""
        if self._last is None or self._last[0] != (start, stop):
            found = self.x[start:stop] @ (-2 * self.x[start:]).T
            found += self.squares[start:stop, None]
            found += self.squares[start:]
            # Equal examples are apart by rounding alone, more or less of it by processor; the root
            # would make 1e-8 of 1e-16.
            near = self.squares[start:stop, None] + self.squares[start:]
            near *= product_rounding(self.x.shape[1])
            found[found <= near] = 0
            np.fill_diagonal(found, 0)
            self._last = (start, stop), found
        return self._last[1]

    def strip(self, start: int, stop: int) -> np.ndarray:
        """Rows start:stop, columns start:, of the distances."""
        return np.sqrt(self.squared(start, stop))

    def sums(self, strips: list[slice]) -> tuple[np.ndarray, np.ndarray]:
        """Row sums and diagonal (n,), float64, strip after strip."""
        rows, diagonal = np.zeros(len(self.x)), np.zeros(len(self.x))
        for strip in strips:
            part = self.strip(strip.start, strip.stop)
            rows[strip] += part.sum(axis=1)
            rows[strip.stop :] += part[:, strip.stop - strip.start :].sum(axis=0)
            diagonal[strip] = part.diagonal()
        return rows, diagonal


class Rbf(Distances):
    """K_ij = exp(-|x_i - x_j|² / 2σ²).

    σ is `bandwidth`, in the units of the features as they came; or, where that is None,
    `median_fraction` times the root of the median squared distance, over the pairs of examples or
    over all n² entries of the matrix of distances (`median_of` "pairs" or "all"). There is no such
    matrix where that median is 0. Source: Kornblith et al. 2019, sec. 3.
    """

    empty = ONE_VALUE

    def __init__(
        self,
        centred: Centred,
        fitted: float | None,
        bandwidth: float | None,
        median_fraction: float,
        median_of: str,
    ):
        super().__init__(centred)
        if fitted is not None:
            self.sigma = fitted
        elif bandwidth is not None:
            self.sigma = bandwidth / centred.scale
        else:
            self.sigma = median_fraction * self._root_median(median_of)
        self.fitted = self.sigma
        self.state = "" if self.sigma > 0 else COINCIDENT

    def _root_median(self, of: str) -> float:
        n = len(self.x)
        height = max(1, min(n, BLOCK // n))
        found = []
        for start in range(0, n, height):
            part = self.squared(start, min(start + height, n))
            square = part[:, : len(part)]
            found += [pack(square), part[:, len(part) :].reshape(-1)]
        distances = np.concatenate(found)
        if of == "all":
            distances = np.concatenate([distances, distances, np.zeros(n)])
        return float(np.sqrt(np.median(distances)))

    def strip(self, start: int, stop: int) -> np.ndarray:
        """Rows start:stop, columns start:, each entry in 0 to 1."""
        with np.errstate(all="ignore"):
            # One by one: a square of σ may vanish, or overflow.
            return np.exp(self.squared(start, stop) / -2 / self.sigma / self.sigma)
