"""Rows of 16 floats in memory: allocation, and copies within kernels.

Kernels copy row by row: an assignment of slices would make Numba compile its own broadcasting for each kernel.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .decorators import inlined
from .simd import LANES, load, splat, store


def empty(n_rows: int) -> np.ndarray:
    """Rows, uninitialised, on a boundary of 64 bytes: no vector straddles two cache lines."""
    raw = np.empty(n_rows * LANES + LANES, np.float32)
    skip = -raw.ctypes.data % 64 // raw.itemsize
    return raw[skip : skip + n_rows * LANES].reshape(n_rows, LANES)


def plain(array: np.ndarray) -> np.ndarray:
    """float32, contiguous and writeable, so that a kernel is compiled for one kind of array; copied if need be."""
    return np.require(array, np.float32, ["C", "A", "W"])


@inlined
def fill_rows(array: Any, first: int, count: int, value: float) -> None:
    for row in range(first, first + count):
        store(array, row, splat(np.float32(value)))


@inlined
def copy_rows(target: Any, to: int, source: Any, first: int, count: int) -> None:
    for row in range(count):
        store(target, to + row, load(source, first + row))
