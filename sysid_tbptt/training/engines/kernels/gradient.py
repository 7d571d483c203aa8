"""The loss of a batch of windows and its gradient: forward, backward and the sums over time.

The windows are gathered from the records 16 at a time, or one at a time where the lanes are units. Only the last 16
of a batch may be partial: the spare lanes repeat the last window and are masked out of the errors.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .cache import kernel
from .cells import backward, forward
from .decorators import compiled
from .products import accumulate, accumulate_readout, preactivate, propagate, read_back, read_out
from .rows import copy_rows, fill_rows
from .simd import LANES, load, splat, store, total

BLOCK = 16
"""Steps between two sums into the weights' gradient: few enough that their tape is still in the cache."""


class Problem(NamedTuple):
    """The records, the windows' length and burn-in, and how the state is carried.

    The inputs of a window's first ``init_outputs`` steps are rows of ``u_init``, those of later steps rows of ``u``.
    ``carried`` holds the final states of the last ``lag`` batches, in rows (lag, groups of 16 windows, states);
    without a lag every window starts from zero.
    """

    u_init: np.ndarray
    u: np.ndarray
    y: np.ndarray
    init_outputs: int
    N: int
    m: int
    lag: int
    carried: np.ndarray


@compiled
def batch_gradient(shape: Any, problem: Any, packed: Any, tape: Any, starts: Any, batch: int, gradient: Any) -> float:
    """Fills the packed gradient and returns the mean squared error of the windows that begin at ``starts``."""
    B = len(starts)
    together = 1 if shape.lanes_are_units else LANES
    scale = 1.0 / (B * (problem.N - problem.m) * shape.n_y)
    squares = 0.0
    fill_rows(gradient, 0, shape.gradients, 0)
    for first in range(0, B, together):
        windows = starts[first : first + together]
        gather(shape, problem, tape, windows)
        _begin(shape, problem, tape, first // together, batch)
        squares += _forward(shape, problem, packed, tape, len(windows), 2 * scale)
        _hand_on(shape, problem, tape, first // together, batch)
        _backward(shape, problem, packed, tape, gradient)
    return squares * scale


@compiled
def gather(shape: Any, problem: Any, tape: Any, windows: Any) -> None:
    """Inputs into z, outputs with a minus sign into the errors."""
    if shape.lanes_are_units:
        copy_inputs(shape, problem.u_init, windows[0], 0, problem.init_outputs, tape.z)
        copy_inputs(shape, problem.u, windows[0], problem.init_outputs, problem.N, tape.z)
        _copy_outputs(shape, problem, windows[0], tape.e)
    else:
        _gather_windows(shape, problem, tape, windows)


@compiled
def _gather_windows(shape: Any, problem: Any, tape: Any, windows: Any) -> None:
    y, m, z, e = problem.y, problem.m, tape.z, tape.e
    last = len(windows) - 1
    for t in range(problem.N):
        u = problem.u_init if t < problem.init_outputs else problem.u
        for lane in range(LANES):
            sample = windows[min(lane, last)] + t
            for k in range(shape.n_u):
                z[shape.columns * t + shape.state_and_one + k, lane] = u[sample, k]
            if t >= m:
                for k in range(shape.n_y):
                    e[shape.n_y * t + k, lane] = -y[sample, k]


@compiled
def copy_inputs(shape: Any, u: Any, start: int, first: int, stop: int, z: Any) -> None:
    """Inputs of steps ``first`` to ``stop`` of the window that begins at ``start``."""
    for t in range(first, stop):
        for k in range(shape.n_u):
            z[shape.z_rows * t + shape.units + (k + 1) // LANES, (k + 1) % LANES] = u[start + t, k]


@compiled
def _copy_outputs(shape: Any, problem: Any, start: int, e: Any) -> None:
    fill_rows(e, shape.outputs * problem.m, shape.outputs * (problem.N - problem.m), 0)
    for t in range(problem.m, problem.N):
        for k in range(shape.n_y):
            e[shape.outputs * t + k // LANES, k % LANES] = -problem.y[start + t, k]


@compiled
def _begin(shape: Any, problem: Any, tape: Any, group: int, batch: int) -> None:
    """The state before the first step: zero, or as the batch ``lag`` before left it."""
    if problem.lag == 0 or batch < problem.lag:
        fill_rows(tape.z, 0, shape.units, 0)
        fill_rows(tape.c, 0, shape.memories, 0)
    else:
        slot = _slot(shape, problem, group, batch)
        copy_rows(tape.z, 0, problem.carried, slot, shape.units)
        copy_rows(tape.c, 0, problem.carried, slot + shape.units, shape.memories)


@compiled
def _hand_on(shape: Any, problem: Any, tape: Any, group: int, batch: int) -> None:
    if problem.lag:
        slot, N = _slot(shape, problem, group, batch), problem.N
        copy_rows(problem.carried, slot, tape.z, shape.z_rows * N, shape.units)
        copy_rows(problem.carried, slot + shape.units, tape.c, shape.memories * N, shape.memories)


@compiled
def _slot(shape: Any, problem: Any, group: int, batch: int) -> int:
    """The first row of a group's carried state."""
    groups = len(problem.carried) // (problem.lag * shape.states)
    return (batch % problem.lag * groups + group) * shape.states


@compiled
def _forward(shape: Any, problem: Any, packed: Any, tape: Any, windows: int, scale: float) -> float:
    """The sum of squared errors; the tape then holds all that `_backward` needs."""
    squares, mask = splat(np.float32(0)), _mask(shape, tape, windows)
    for t in range(problem.N):
        preactivate(shape, packed, tape.z, t, tape.a)
        forward(shape, tape, t)
        if t >= problem.m:
            read_out(shape, packed, tape.z, t, tape.e)
            for k in range(shape.outputs):
                error = load(tape.e, shape.outputs * t + k) * mask
                squares = squares + error * error
                store(tape.e, shape.outputs * t + k, error * scale)
    return np.float64(total(squares))


@compiled
def _mask(shape: Any, tape: Any, windows: int) -> Any:
    """One in the lanes that count, zero in the spare ones; ``dh`` is free to hold it for a moment."""
    for lane in range(LANES):
        tape.dh[0, lane] = shape.lanes_are_units or lane < windows
    return load(tape.dh, 0)


@compiled
def _backward(shape: Any, problem: Any, packed: Any, tape: Any, gradient: Any) -> None:
    fill_rows(tape.dh, 0, shape.units, 0)
    fill_rows(tape.dc, 0, shape.memories, 0)
    stop = problem.N
    while stop > 0:
        start = max(stop - BLOCK, 0)
        for t in range(stop - 1, start - 1, -1):
            if t >= problem.m:
                read_back(shape, packed, tape.e, t, tape.dh)
            backward(shape, tape, t)
            propagate(shape, packed, tape.a, t, tape.dh)
        scored = max(start, problem.m)
        accumulate(shape, tape.a, tape.z, start, stop - start, gradient)
        accumulate_readout(shape, tape.e, tape.z, scored, stop - scored, gradient)
        stop = start


@kernel
def prepare(shape: Any, tape: Any, N: int) -> None:
    """The constant ones in z, and the zeros in its spare lanes."""
    for t in range(N + 1):
        row = shape.z_rows * t + shape.units
        if shape.lanes_are_units:
            fill_rows(tape.z, row, shape.z_rows - shape.units, 0)
            tape.z[row, 0] = 1
        else:
            fill_rows(tape.z, row, 1, 1)
