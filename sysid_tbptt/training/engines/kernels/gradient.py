"""The loss of a batch of windows and its gradient: forward, backward and the sums over time.

The windows are gathered from the records 16 at a time, or one at a time where the lanes are units. Only the last 16
of a batch may be partial: the spare lanes repeat the last window and are masked out of the errors.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from .cells import backward, forward
from .products import accumulate, accumulate_readout, preactivate, propagate, read_back, read_out
from .simd import LANES, load, splat, store, total

BLOCK = 16
"""Steps between two sums into the weights' gradient: few enough that their tape is still in the cache."""


class Problem(NamedTuple):
    """The records, the windows' length and burn-in, and how the state is carried.

    ``carried`` (lag, groups, states, 16) holds the final states of the last ``lag`` batches; no lag: every window
    starts from zero.
    """

    u: np.ndarray
    y: np.ndarray
    N: int
    m: int
    carried: np.ndarray


@njit(error_model="numpy")
def batch_gradient(shape: Any, problem: Any, packed: Any, tape: Any, starts: Any, batch: int, gradient: Any) -> float:
    """Fills the packed gradient and returns the mean squared error of the windows that begin at ``starts``."""
    B = len(starts)
    together = 1 if shape.lanes_are_units else LANES
    scale = 1.0 / (B * (problem.N - problem.m) * shape.n_y)
    squares = 0.0
    gradient[:] = 0
    for first in range(0, B, together):
        windows = starts[first : first + together]
        gather(shape, problem, tape, windows)
        _begin(shape, problem, tape, first // together, batch)
        squares += _forward(shape, problem, packed, tape, len(windows), 2 * scale)
        _hand_on(shape, problem, tape, first // together, batch)
        _backward(shape, problem, packed, tape, gradient)
    return squares * scale


@njit(error_model="numpy")
def gather(shape: Any, problem: Any, tape: Any, windows: Any) -> None:
    """Inputs into z, outputs with a minus sign into the errors."""
    if shape.lanes_are_units:
        copy_inputs(shape, problem.u, windows[0], problem.N, tape.z)
        _copy_outputs(shape, problem, windows[0], tape.e)
    else:
        _gather_windows(shape, problem, tape, windows)


@njit(error_model="numpy")
def _gather_windows(shape: Any, problem: Any, tape: Any, windows: Any) -> None:
    u, y, m, z, e = problem.u, problem.y, problem.m, tape.z, tape.e
    last = len(windows) - 1
    for t in range(problem.N):
        for lane in range(LANES):
            sample = windows[min(lane, last)] + t
            for k in range(shape.n_u):
                z[shape.columns * t + shape.state_and_one + k, lane] = u[sample, k]
            if t >= m:
                for k in range(shape.n_y):
                    e[shape.n_y * t + k, lane] = -y[sample, k]


@njit(error_model="numpy")
def copy_inputs(shape: Any, u: Any, start: int, N: int, z: Any) -> None:
    """Inputs of one window."""
    for t in range(N):
        for k in range(shape.n_u):
            z[shape.z_rows * t + shape.units + (k + 1) // LANES, (k + 1) % LANES] = u[start + t, k]


@njit(error_model="numpy")
def _copy_outputs(shape: Any, problem: Any, start: int, e: Any) -> None:
    e[shape.outputs * problem.m :] = 0
    for t in range(problem.m, problem.N):
        for k in range(shape.n_y):
            e[shape.outputs * t + k // LANES, k % LANES] = -problem.y[start + t, k]


@njit(error_model="numpy")
def _begin(shape: Any, problem: Any, tape: Any, group: int, batch: int) -> None:
    """The state before the first step: zero, or as the batch ``lag`` before left it."""
    lag, units = len(problem.carried), shape.units
    if batch < lag or lag == 0:
        tape.z[:units] = 0
        tape.c[: shape.memories] = 0
    else:
        state = problem.carried[batch % lag, group]
        tape.z[:units] = state[:units]
        tape.c[: shape.memories] = state[units:]


@njit(error_model="numpy")
def _hand_on(shape: Any, problem: Any, tape: Any, group: int, batch: int) -> None:
    lag, units, N = len(problem.carried), shape.units, problem.N
    if lag:
        state = problem.carried[batch % lag, group]
        state[:units] = tape.z[shape.z_rows * N : shape.z_rows * N + units]
        state[units:] = tape.c[shape.memories * N : shape.memories * (N + 1)]


@njit(error_model="numpy")
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


@njit(error_model="numpy")
def _mask(shape: Any, tape: Any, windows: int) -> Any:
    """One in the lanes that count, zero in the spare ones; ``dh`` is free to hold it for a moment."""
    for lane in range(LANES):
        tape.dh[0, lane] = shape.lanes_are_units or lane < windows
    return load(tape.dh, 0)


@njit(error_model="numpy")
def _backward(shape: Any, problem: Any, packed: Any, tape: Any, gradient: Any) -> None:
    tape.dh[:] = 0
    tape.dc[:] = 0
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


@njit(error_model="numpy")
def prepare(shape: Any, tape: Any, N: int) -> None:
    """The constant ones in z, and the zeros in its spare lanes."""
    for t in range(N + 1):
        if shape.lanes_are_units:
            tape.z[shape.z_rows * t + shape.units : shape.z_rows * (t + 1)] = 0
            tape.z[shape.z_rows * t + shape.units, 0] = 1
        else:
            tape.z[shape.z_rows * t + shape.H] = 1
