"""Gram matrices of torch tensors on their own device, without waiting for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

import numpy as np
import torch

from repatlas.grams.form import check_shape, is_constant, is_noise, u_means

BLOCK = 1 << 24  # features are centred in blocks of this many numbers
# torch's precision is a setting of the process, which threads would put back on each other.
_PRECISION = Lock()


def packed_gram(x: torch.Tensor, dtype: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """:func:`repatlas.grams.gram_vector` of `x` (n, ...), both results where it lies."""
    gram = _centred_gram(x)
    n = len(gram)
    diagonal = gram.diagonal().double()
    gram.fill_diagonal_(0)
    m = u_means(gram.sum(dim=1, dtype=torch.float64), n)
    shift = m.to(gram.dtype)
    rows, columns = torch.triu_indices(n, n, 1, device=gram.device)
    packed = (gram - shift - shift[:, None])[rows, columns]
    wide = packed.double()
    packed.masked_fill_(is_noise(wide @ wide, diagonal.sum(), _numpy_dtype(gram)), 0)
    kept = packed if dtype is None else packed.to(getattr(torch, np.dtype(dtype).name))
    return kept, diagonal - 2 * m


def _centred_gram(x: torch.Tensor) -> torch.Tensor:
    """The Gram matrix of the features without their means."""
    check_shape(tuple(x.shape))
    x = x.detach().reshape(len(x), -1)
    if x.dtype != torch.float64:
        x = x.float()
    n, p = x.shape
    width = min(p, max(64, BLOCK // n))
    gram = x.new_zeros((n, n))
    mean_square = x.new_zeros(())
    with torch.no_grad(), _full_float32(x.device.type):
        for block in x.split(width, dim=1):
            mean = block.mean(dim=0)
            block = block - mean
            mean_square += mean @ mean
            gram.addmm_(block, block.T)
        constant = is_constant(gram.trace(), n * mean_square, _numpy_dtype(x))
        return gram.masked_fill_(constant, 0)


def _numpy_dtype(x: torch.Tensor) -> str:
    return str(x.dtype).removeprefix("torch.")


@contextmanager
def _full_float32(device_type: str) -> Iterator[None]:
    """No autocast and no TF32: half precision overflows in Grams, TF32 keeps three digits."""
    matmul = torch.backends.cuda.matmul
    with _PRECISION:
        before = matmul.fp32_precision
        matmul.fp32_precision = "ieee"
        try:
            with torch.autocast(device_type, enabled=False):
                yield
        finally:
            matmul.fp32_precision = before
