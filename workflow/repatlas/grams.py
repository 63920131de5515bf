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

from __future__ import annotations

from contextlib import contextmanager
from functools import lru_cache, partial
from math import isqrt
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from repatlas.errors import DataError
from repatlas.threads import side_by_side
from repatlas.triangles import packed_upper, upper_product

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import torch

MIN_EXAMPLES = 4  # HSIC1 divides by n - 3
BLOCK = 1 << 20  # features are centred in blocks of this many numbers, which stay in cache
STRETCH = 1 << 22  # float32 products of this many numbers are summed in float64
CUDA_BLOCK = 1 << 24
KEPT = 1024  # examples up to which the places of the upper triangle are remembered: 4 MB
NEAR = 0.5  # share of the sum of squares up to which means cost U-centring no digits
FAR = 10  # root mean squares of the deviations from which on means are taken away twice
ASKED = 32  # features that are asked whether to centre at once
WIDE = 2048  # features from which on asking them is cheap beside the product
SAFE_NORMS = (1e-20, 1e30)  # squared norms between which float32 products stay in range
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
    _check_examples(n)
    diagonal = np.array(k.diagonal(), dtype=np.float64)
    sums = k.sum(axis=1, dtype=np.float64) - diagonal
    m = _u_means(sums, n)
    g = k - m.astype(k.dtype)
    g -= m.astype(k.dtype)[:, None]
    np.fill_diagonal(g, 0)
    return g, diagonal - 2 * m


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
            return _torch_gram_vector(x if rows is None else x[rows], dtype)
        x = _as_matrix(x)
        upper, diagonal, sums = _host_gram(x, rows)
        m = _u_means(sums, len(upper))
        shift = m.astype(upper.dtype)
        upper -= shift
        upper -= shift[:, None]
        packed = pack(upper)
        square = float(packed @ packed)
        if not SAFE_NORMS[0] < square < SAFE_NORMS[1]:  # its terms may have vanished or overflowed
            square = float(np.square(packed, dtype=np.float64).sum())
        if _is_noise(square, float(diagonal.sum()), x.dtype):
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
        if _is_torch(packed):
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


def _is_noise(half_square: Any, trace: Any, dtype: Any) -> Any:
    """Whether a U-centred Gram lies within the rounding of the Gram that it was made from.

    Rounding moves K_ij by some eps sqrt(K_ii K_jj), hence all of K by some eps trace(K).
    """
    return 2 * half_square <= (ROUNDING * float(np.finfo(dtype).eps) * trace) ** 2


def _u_means(sums: Any, n: int) -> Any:
    """m_i from the row sums (n,) of a Gram matrix with zero diagonal."""
    return sums / (n - 2) - sums.sum() / (2 * (n - 1) * (n - 2))


def _check_examples(n: int) -> None:
    if n < MIN_EXAMPLES:
        raise DataError(
            f"A batch of {n} examples is too small: the unbiased HSIC needs at least "
            f"{MIN_EXAMPLES}. Use larger batches, or leave the short last one out."
        )


def _is_torch(x: Any) -> bool:
    # Asked of the object, so that comparing stored arrays never imports torch.
    return type(x).__module__.partition(".")[0] == "torch"


def _is_cuda(x: Any) -> bool:
    return _is_torch(x) and x.is_cuda


def _as_matrix(x: Any) -> np.ndarray:
    """`x` as a (n, p) array of float32 or float64, without a copy where none is needed."""
    if _is_torch(x):
        x = x.detach()
        # NumPy has no bfloat16.
        x = (x if x.dtype.itemsize >= 4 else x.float()).numpy()
    x = np.asarray(x)
    _check_shape(x.shape)
    x = x.reshape(len(x), -1)
    return x if x.dtype in (np.float32, np.float64) else x.astype(np.float32)


def _check_shape(shape: tuple[int, ...]) -> None:
    if len(shape) == 0 or 0 in shape[1:]:
        raise DataError(
            f"Activations of shape {tuple(shape)} cannot be compared: (examples, ...) with at "
            "least one feature is expected."
        )
    _check_examples(shape[0])


class _Summed(NamedTuple):
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


def _host_gram(x: np.ndarray, rows: np.ndarray | None) -> _Summed:
    """K of `x` (examples, p) or of its `rows`, without the features' means where they are large."""
    _check_examples(len(x) if rows is None else len(rows))
    # Large means are seen in a few features already, which saves the product of many.
    if x.shape[1] < WIDE or not _are_far(x, rows):
        plain = _summed(_plain_gram(x, rows))
        if not plain.is_far():
            return plain
    return _summed(_centred_gram(x, rows))


def _summed(upper: np.ndarray) -> _Summed:
    diagonal = upper.diagonal().astype(np.float64)
    np.fill_diagonal(upper, 0)
    ones = np.ones(len(upper), dtype=upper.dtype)
    return _Summed(upper, diagonal, (upper @ ones + ones @ upper).astype(np.float64))


def _are_far(x: np.ndarray, rows: np.ndarray | None) -> bool:
    """:meth:`_Summed.is_far` of some features of `x`, spread over all."""
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
    if _is_constant(float(np.trace(gram)), n * mean_square, x.dtype):
        gram[:] = 0
    return gram


def _columns(x: np.ndarray, rows: np.ndarray | None, start: int, width: int) -> np.ndarray:
    part = x[:, start : start + width]
    return part if rows is None else part[rows]


def _is_constant(deviation_square: Any, mean_square: Any, dtype: Any) -> Any:
    """Whether features deviate from their means by no more than the rounding of those means."""
    # Squares that overflow tell nothing.
    least = (ROUNDING * float(np.finfo(dtype).eps)) ** 2 * mean_square
    return (deviation_square <= least) & (least < np.inf)


def _torch_gram(x: torch.Tensor) -> torch.Tensor:
    """The Gram matrix of the centred features, on the tensor's own device."""
    import torch

    _check_shape(tuple(x.shape))
    x = x.detach().reshape(len(x), -1)
    if x.dtype != torch.float64:
        x = x.float()
    n, p = x.shape
    width = min(p, max(64, CUDA_BLOCK // n))
    gram = x.new_zeros((n, n))
    mean_square = x.new_zeros(())
    with torch.no_grad(), _full_float32(x.device.type):
        for block in x.split(width, dim=1):
            mean = block.mean(dim=0)
            block = block - mean
            mean_square += mean @ mean
            gram.addmm_(block, block.T)
        constant = _is_constant(gram.trace(), n * mean_square, _numpy_dtype(x))
        return gram.masked_fill_(constant, 0)


def _torch_gram_vector(x: torch.Tensor, dtype: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """:func:`gram_vector` on the tensor's own device, without waiting for it."""
    import torch

    gram = _torch_gram(x)
    n = len(gram)
    diagonal = gram.diagonal().double()
    gram.fill_diagonal_(0)
    m = _u_means(gram.sum(dim=1, dtype=torch.float64), n)
    shift = m.to(gram.dtype)
    rows, columns = torch.triu_indices(n, n, 1, device=gram.device)
    packed = (gram - shift - shift[:, None])[rows, columns]
    wide = packed.double()
    packed.masked_fill_(_is_noise(wide @ wide, diagonal.sum(), _numpy_dtype(gram)), 0)
    kept = packed if dtype is None else packed.to(getattr(torch, np.dtype(dtype).name))
    return kept, diagonal - 2 * m


def _numpy_dtype(x: torch.Tensor) -> str:
    return str(x.dtype).removeprefix("torch.")


# torch's precision is a setting of the process, which threads would put back on each other.
_PRECISION = Lock()


@contextmanager
def _full_float32(device_type: str) -> Iterator[None]:
    """No autocast and no TF32: half precision overflows in Grams, TF32 keeps three digits."""
    import torch

    matmul = torch.backends.cuda.matmul
    with _PRECISION:
        before = matmul.fp32_precision
        matmul.fp32_precision = "ieee"
        try:
            with torch.autocast(device_type, enabled=False):
                yield
        finally:
            matmul.fp32_precision = before
