"""What a forward pass keeps for the backward pass, and the memory that it takes."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .simd import LANES


class Tape(NamedTuple):
    """Arrays (rows, 16) of 16 windows, or of one, over N steps; step t of each has the rows named here.

    ``z`` (h, 1, u) before step t, with h after the last step at t = N; ``a`` pre-activations, then gates, then
    their gradients; ``c`` the cell state before step t; ``tanh_c`` after it; ``e`` output errors, scaled to the
    loss's gradient. ``dh`` and ``dc`` are the gradients that flow back into a step.
    """

    z: np.ndarray
    a: np.ndarray
    c: np.ndarray
    tanh_c: np.ndarray
    e: np.ndarray
    dh: np.ndarray
    dc: np.ndarray


def rows(shape: Any, N: int) -> dict[str, int]:
    """Rows of each array of a tape."""
    return {
        "z": (N + 1) * shape.z_rows,
        "a": N * shape.rows,
        "c": (N + 1) * shape.memories,
        "tanh_c": N * shape.memories,
        "e": N * shape.outputs,
        "dh": shape.units,
        "dc": shape.memories,
    }


def empty(n_rows: int) -> np.ndarray:
    """Rows of 16 floats, uninitialised, on a boundary of 64 bytes: no vector straddles two cache lines."""
    raw = np.empty(n_rows * LANES + LANES, np.float32)
    skip = -raw.ctypes.data % 64 // raw.itemsize
    return raw[skip : skip + n_rows * LANES].reshape(n_rows, LANES)


def allocate(shape: Any, N: int) -> Tape:
    return Tape(**{name: empty(count) for name, count in rows(shape, N).items()})


def plain(array: np.ndarray) -> np.ndarray:
    """float32, contiguous and writeable, so that a kernel is compiled for one kind of array; copied if need be."""
    return np.require(array, np.float32, ["C", "A", "W"])
