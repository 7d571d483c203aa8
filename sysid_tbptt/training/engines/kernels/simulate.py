"""Free-run simulation of one record from a zero state; the lanes are units."""

from __future__ import annotations

from typing import Any

import numpy as np

from .cache import kernel
from .cells import forward
from .gradient import copy_inputs, prepare
from .products import preactivate, read_out
from .rows import copy_rows, fill_rows, plain
from .shapes import SequenceShape
from .simd import LANES, flush_denormals, restore_denormals
from .tape import allocate

BLOCK = 256
"""Steps after which the tape is used again from its start."""


def simulate_record(shape: SequenceShape, packed: np.ndarray, u: np.ndarray) -> np.ndarray:
    """Outputs (T, n_y) of the network with these packed weights for the input (T, n_u)."""
    tape = allocate(shape, BLOCK)
    y_hat = np.empty((len(u), shape.n_y), np.float32)
    simulate(shape, packed, tape, plain(u), y_hat)
    return y_hat


@kernel
def simulate(shape: Any, packed: Any, tape: Any, u: Any, y_hat: Any) -> None:
    before = flush_denormals()
    units, memories = shape.units, shape.memories
    prepare(shape, tape, BLOCK)
    fill_rows(tape.z, 0, units, 0)
    fill_rows(tape.c, 0, memories, 0)
    for start in range(0, len(u), BLOCK):
        steps = min(BLOCK, len(u) - start)
        copy_inputs(shape, u, start, 0, steps, tape.z)
        fill_rows(tape.e, 0, shape.outputs * steps, 0)
        for t in range(steps):
            preactivate(shape, packed, tape.z, t, tape.a)
            forward(shape, tape, t)
            read_out(shape, packed, tape.z, t, tape.e)
        for t in range(steps):
            for k in range(shape.n_y):
                y_hat[start + t, k] = tape.e[shape.outputs * t + k // LANES, k % LANES]
        copy_rows(tape.z, 0, tape.z, shape.z_rows * steps, units)
        copy_rows(tape.c, 0, tape.c, memories * steps, memories)
    restore_denormals(before)
