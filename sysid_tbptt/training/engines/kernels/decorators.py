"""How the kernels' functions are compiled.

A function that a type checker has wrapped, as the tests do, is unwrapped: Numba reads byte code.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numba
import numba.extending


def compiled(function: Callable[..., Any]) -> Any:
    """A function of a kernel, or, without the GIL, a kernel itself."""
    return numba.njit(nogil=True, error_model="numpy")(inspect.unwrap(function))


def inlined(function: Callable[..., Any]) -> Any:
    """A function that vectors pass through: in memory, were it not inlined."""
    return numba.njit(error_model="numpy", forceinline=True)(inspect.unwrap(function))


def intrinsic(function: Callable[..., Any]) -> Any:
    """A function that writes LLVM IR; in a kernel it is called with values, here it is given their types."""
    return numba.extending.intrinsic(inspect.unwrap(function))
