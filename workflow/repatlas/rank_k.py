"""Symmetric products x x' at half the work of a product, while other threads run.

BLAS' rank-k update, called by its address: SciPy's own wrapper of it holds Python's lock and copies
rows that do not lie one behind the other, and NumPy's `x @ x.T` copies one triangle to the other.
"""

from collections.abc import Callable
from ctypes import (
    CFUNCTYPE,
    PYFUNCTYPE,
    byref,
    c_char_p,
    c_double,
    c_float,
    c_int,
    c_void_p,
    py_object,
)
from ctypes import pythonapi as python

import numpy as np
from scipy.linalg import cython_blas

_name = PYFUNCTYPE(c_char_p, py_object)(("PyCapsule_GetName", python))
_address = PYFUNCTYPE(c_void_p, py_object, c_char_p)(("PyCapsule_GetPointer", python))


def _routine(name: str) -> Callable[..., None]:
    capsule = cython_blas.__pyx_capi__[name]
    # uplo, trans, n, k, alpha, a, lda, beta, c, ldc: Fortran takes the address of each.
    return CFUNCTYPE(None, *[c_char_p] * 2, *[c_void_p] * 8)(_address(capsule, _name(capsule)))


_ROUTINES = {
    np.dtype(np.float32): (_routine("ssyrk"), c_float),
    np.dtype(np.float64): (_routine("dsyrk"), c_double),
}


def upper_product(x: np.ndarray) -> np.ndarray:
    """The upper triangle of x x' (n, n), zeros below it; `x` (n, p) of float32 or float64.

    Rows may lie apart (a range of columns of a larger array); other layouts are copied.
    """
    n, p = x.shape
    size = x.itemsize
    apart = x.strides[0] // size
    if x.strides[1] != size or x.strides[0] % size or apart < p:
        x, apart = np.ascontiguousarray(x), p
    product = np.zeros((n, n), dtype=x.dtype)
    routine, real = _ROUTINES[x.dtype]
    # In Fortran's order `x` is its transpose, and the lower triangle is the upper one.
    sizes = byref(c_int(n)), byref(c_int(p))
    of_x = byref(real(1)), x.ctypes.data, byref(c_int(max(apart, 1)))
    of_product = byref(real(0)), product.ctypes.data, byref(c_int(max(n, 1)))
    routine(b"L", b"T", *sizes, *of_x, *of_product)
    return product
