"""Symmetric matrices by their upper triangle: products x x' at half the work of a product, and the
triangle packed.

BLAS' rank-k update and LAPACK's copy of a triangle, called by their addresses while other threads
run: SciPy's own wrappers hold Python's lock and copy rows that do not lie one behind the other,
NumPy's `x @ x.T` copies one triangle to the other, and picking the triangle's entries by their
numbers takes four times as long as copying its rows.
"""

from collections.abc import Callable
from ctypes import CFUNCTYPE, PYFUNCTYPE, byref, c_char_p, c_double, c_float, c_int, c_void_p
from ctypes import py_object as c_object
from ctypes import pythonapi as python
from types import ModuleType

import numpy as np
from scipy.linalg import cython_blas, cython_lapack

_name = PYFUNCTYPE(c_char_p, c_object)(("PyCapsule_GetName", python))
_address = PYFUNCTYPE(c_void_p, c_object, c_char_p)(("PyCapsule_GetPointer", python))


def _routine(module: ModuleType, name: str, options: int, numbers: int) -> Callable[..., None]:
    """A routine of so many one-letter options and then numbers and arrays, all by their address."""
    capsule = module.__pyx_capi__[name]
    arguments = [c_char_p] * options + [c_void_p] * numbers
    return CFUNCTYPE(None, *arguments)(_address(capsule, _name(capsule)))


_REAL = {np.dtype(np.float32): c_float, np.dtype(np.float64): c_double}
_PRODUCT = {
    np.dtype(np.float32): _routine(cython_blas, "ssyrk", 2, 8),
    np.dtype(np.float64): _routine(cython_blas, "dsyrk", 2, 8),
}
_PACK = {
    np.dtype(np.float32): _routine(cython_lapack, "strttp", 1, 5),
    np.dtype(np.float64): _routine(cython_lapack, "dtrttp", 1, 5),
}


def upper_product(x: np.ndarray) -> np.ndarray:
    """The upper triangle of x x' (n, n), zeros below it; `x` (n, p) of float32 or float64.

    Rows may lie apart (a range of columns of a larger array); other layouts are copied.
    """
    x, apart = _rows(x)
    n, p = x.shape
    product = np.zeros((n, n), dtype=x.dtype)
    real = _REAL[x.dtype]
    # In Fortran's order `x` is its transpose, and the lower triangle is the upper one.
    sizes = byref(c_int(n)), byref(c_int(p))
    of_x = byref(real(1)), x.ctypes.data, byref(c_int(apart))
    of_product = byref(real(0)), product.ctypes.data, byref(c_int(max(n, 1)))
    _PRODUCT[x.dtype](b"L", b"T", *sizes, *of_x, *of_product)
    return product


def packed_upper(matrix: np.ndarray) -> np.ndarray:
    """The strict upper triangle row by row, (n (n - 1) / 2,), of a float32 or float64 `matrix`
    (n, n).

    Rows may lie apart; other layouts are copied.
    """
    n = len(matrix)
    packed = np.empty(n * (n - 1) // 2, dtype=matrix.dtype)
    if n > 1:
        # The triangle with diagonal of what is left without the first column and the last row.
        part, apart = _rows(matrix[:-1, 1:])
        order, leading, failed = byref(c_int(n - 1)), byref(c_int(apart)), byref(c_int())
        _PACK[matrix.dtype](b"L", order, part.ctypes.data, leading, packed.ctypes.data, failed)
    return packed


def _rows(x: np.ndarray) -> tuple[np.ndarray, int]:
    """`x`, copied where its rows are not runs of memory, and how many numbers one begins after the
    other."""
    size = x.itemsize
    apart, rest = divmod(x.strides[0], size)
    if x.strides[1] != size or rest or apart < x.shape[1]:
        x = np.ascontiguousarray(x)
        apart = x.shape[1]
    return x, max(apart, 1)
