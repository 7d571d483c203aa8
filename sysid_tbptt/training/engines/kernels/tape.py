"""What a forward pass keeps for the backward pass, and the memory that it takes."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .rows import empty


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
        "a": N * shape.a_rows,
        "c": (N + 1) * shape.memories,
        "tanh_c": N * shape.memories,
        "e": N * shape.outputs,
        "dh": shape.units,
        "dc": shape.memories,
    }


def allocate(shape: Any, N: int) -> Tape:
    return Tape(**{name: empty(count) for name, count in rows(shape, N).items()})
