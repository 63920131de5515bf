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

U-centring removes any shift of the features exactly, in exact arithmetic. Features are centred
before the product all the same: with means of ten standard deviations and more, float32 products of
raw features leave no digits to subtract.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import lru_cache, partial
from math import isqrt
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.linalg.blas import dsyrk, ssyrk

from repatlas.errors import DataError
from repatlas.threads import side_by_side

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import torch

MIN_EXAMPLES = 4  # HSIC1 divides by n - 3
BLOCK = 1 << 20  # features are centred in blocks of this many numbers, which stay in cache
CUDA_BLOCK = 1 << 24
KEPT = 1024  # examples up to which the places of the upper triangle are remembered: 4 MB
WIDE = 2048  # features from which on filling in the lower triangle is cheap beside the product
FAR = 10  # deviations from which on a mean is taken away a second time
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
    """The strict upper triangle of the square matrix `g` (n, n), row by row: (n (n - 1) / 2,)."""
    return np.take(np.ascontiguousarray(g).reshape(-1), _upper(len(g)))


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


def centred_gram(x: Any, *, centred: bool = False, rows: np.ndarray | None = None) -> Any:
    """The Gram matrix K (n, n) of the centred examples `x` (n, ...), flattened to (n, p).

    float64 input gives float64; all other input is taken as float32. A torch tensor on the CPU is
    viewed, not copied; a CUDA tensor is handled where it is and gives a CUDA tensor.
    `centred` says that the features' means are already gone, or close to it: the product is then
    taken of `x` as it is. `rows` picks examples by number, which costs less here than beforehand.
    A layer that is constant up to rounding gives zeros, non-finite features give NaN.

    DataError with fewer than 4 examples or without any features.
    """
    with np.errstate(all="ignore"):
        if _is_cuda(x):
            return _torch_gram(x if rows is None else x[rows], centred)
        upper = _upper_gram(_as_matrix(x), centred, rows)
        gram = upper + upper.T
        np.fill_diagonal(gram, upper.diagonal())
    return gram


def gram_vector(
    x: Any, *, centred: bool = False, rows: np.ndarray | None = None, dtype: Any = np.float32
) -> tuple[Any, Any]:
    """(packed, diagonal) of `x` (n, ...): :func:`centred_gram`, U-centred and packed, in one go.

    packed: (n (n - 1) / 2,) of the NumPy `dtype`, or of the one K was computed in if None;
    diagonal: (n,) float64, d_i = K_ii - 2 m_i. For a CUDA tensor both stay on its device, so that
    the host need not wait for each layer.

    A layer that tells the examples apart by no more than rounding (constant, or all examples at the
    same distance of each other) gives a packed vector of zeros; its HSIC with anything is then 0,
    not the correlation of rounding errors. Non-finite features give NaN.

    DataError with fewer than 4 examples or without any features.
    """
    with np.errstate(all="ignore"):
        if _is_cuda(x):
            return _torch_gram_vector(x if rows is None else x[rows], centred, dtype)
        upper = _upper_gram(_as_matrix(x), centred, rows)
        n = len(upper)
        diagonal = upper.diagonal().astype(np.float64)
        np.fill_diagonal(upper, 0)
        ones = np.ones(n, dtype=upper.dtype)
        m = _u_means((upper @ ones + ones @ upper).astype(np.float64), n)
        shift = m.astype(upper.dtype)
        upper -= shift
        upper -= shift[:, None]
        packed = pack(upper)
        if _is_noise(float(packed @ packed), float(diagonal.sum()), packed.dtype):
            packed[:] = 0
        return packed.astype(dtype or packed.dtype, copy=False), diagonal - 2 * m


def gram_vectors(
    layers: Iterable[Any],
    *,
    centred: bool = False,
    rows: np.ndarray | None = None,
    dtype: Any = np.float32,
) -> tuple[np.ndarray, np.ndarray]:
    """:func:`gram_vector` of every one of the `layers`, several at a time on several cores.

    packed: (layers, n (n - 1) / 2); diagonals: (layers, n) float64, both in host memory. Layers are
    drawn one by one. CUDA tensors are handled where they are, and all come over at once.
    """
    made = side_by_side(partial(gram_vector, centred=centred, rows=rows, dtype=dtype), layers)
    return _stacked([packed for packed, _ in made]), _stacked([d for _, d in made])


def on_host(values: Any) -> np.ndarray:
    """A NumPy or torch array, which may lie on a GPU, as a NumPy array."""
    return values.cpu().numpy() if hasattr(values, "is_cuda") else values


def _stacked(rows: list[Any]) -> np.ndarray:
    """The rows as one NumPy array; those on a GPU are stacked there, for one transfer."""
    if all(hasattr(row, "is_cuda") for row in rows) and len({row.dtype for row in rows}) == 1:
        import torch

        return torch.stack(rows).cpu().numpy()
    return np.stack([on_host(row) for row in rows])


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


def _upper_gram(x: np.ndarray, centred: bool, rows: np.ndarray | None) -> np.ndarray:
    """The upper triangle of the Gram of `x` (examples, p), or of its `rows`, zeros below it.

    Blocks of features are gathered and centred in a buffer that stays in cache, which costs a fifth
    of the time of centred copies of all of `x`, and their products are summed in float64.
    """
    p = x.shape[1]
    n = len(x) if rows is None else len(rows)
    _check_examples(n)
    if centred and rows is None and x.flags.c_contiguous:
        gram = _symmetric_product(x)
        return np.triu(gram) if p >= WIDE else gram
    width = min(p, max(64, BLOCK // n))
    buffer = np.empty(n * width, dtype=x.dtype)
    ones = np.ones(n, dtype=x.dtype)
    gram = np.zeros((n, n), dtype=x.dtype if width == p else np.float64)
    mean_square = 0.0
    for start in range(0, p, width):
        columns = x[:, start : start + width] if rows is None else x[rows, start : start + width]
        if centred:
            block = np.ascontiguousarray(columns)
        else:
            mean = (ones @ columns) / n
            block = buffer[: columns.size].reshape(columns.shape)
            np.subtract(columns, mean, out=block)
            square = float(mean @ mean)
            mean_square += square
            if not square < FAR**2 * float(block[0] @ block[0]):
                # The mean itself is rounded. U-centring removes what is left of it, but not the
                # rounding of products with it.
                block -= (ones @ block) / n
        gram += _symmetric_product(block)
    if not centred and _is_constant(float(np.trace(gram)), n * mean_square, x.dtype):
        gram[:] = 0
    return np.triu(gram) if width >= WIDE else gram


def _symmetric_product(x: np.ndarray) -> np.ndarray:
    """x x' at half the work of a product; below the diagonal only if wide. `x` in C order."""
    if x.shape[1] >= WIDE:
        # NumPy knows a matrix times its own transpose, and lets other threads run meanwhile.
        return x @ x.T
    syrk = ssyrk if x.dtype == np.float32 else dsyrk
    # The transpose of a C-ordered array is what BLAS reads without a copy.
    return syrk(1.0, x.T, trans=1, lower=1).T


def _is_constant(deviation_square: Any, mean_square: Any, dtype: Any) -> Any:
    """Whether features deviate from their means by no more than the rounding of those means."""
    return deviation_square <= (ROUNDING * float(np.finfo(dtype).eps)) ** 2 * mean_square


def _torch_gram(x: torch.Tensor, centred: bool) -> torch.Tensor:
    """:func:`centred_gram` on the tensor's own device."""
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
            if not centred:
                mean = block.mean(dim=0)
                block = block - mean
                mean_square += mean @ mean
            gram.addmm_(block, block.T)
        constant = _is_constant(gram.trace(), n * mean_square, _numpy_dtype(x))
        return gram if centred else gram.masked_fill_(constant, 0)


def _torch_gram_vector(
    x: torch.Tensor, centred: bool, dtype: Any
) -> tuple[torch.Tensor, torch.Tensor]:
    """:func:`gram_vector` on the tensor's own device, without waiting for it."""
    import torch

    gram = _torch_gram(x, centred)
    n = len(gram)
    diagonal = gram.diagonal().double()
    gram.fill_diagonal_(0)
    m = _u_means(gram.sum(dim=1, dtype=torch.float64), n)
    shift = m.to(gram.dtype)
    rows, columns = torch.triu_indices(n, n, 1, device=gram.device)
    packed = (gram - shift - shift[:, None])[rows, columns]
    packed.masked_fill_(_is_noise(packed @ packed, diagonal.sum(), _numpy_dtype(gram)), 0)
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
