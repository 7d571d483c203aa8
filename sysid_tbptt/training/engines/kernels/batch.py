"""The loss of a batch of windows and its gradient; the 16 lanes are 16 windows.

The windows are gathered from the records, one vector of 16 at a time. Only the batch's last vector may be partial:
its spare lanes repeat the last window and are masked out of the errors.
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

    ``carried`` (lag, vectors, states, 16) holds the final states of the last ``lag`` batches; no lag: every window
    starts from zero.
    """

    u: np.ndarray
    y: np.ndarray
    N: int
    m: int
    carried: np.ndarray


@njit(nogil=True, error_model="numpy")
def batch_gradient(shape: Any, problem: Any, packed: Any, tape: Any, starts: Any, batch: int, gradient: Any) -> float:
    """Fills ``gradient``, lane by lane, and returns the mean squared error of the windows that begin at ``starts``."""
    B = len(starts)
    scale = 1.0 / (B * (problem.N - problem.m) * shape.n_y)
    squares = 0.0
    gradient[:] = 0
    for first in range(0, B, LANES):
        windows = starts[first : first + LANES]
        _gather(shape, problem, tape, windows)
        _begin(shape, problem, tape, first // LANES, batch)
        squares += _forward(shape, problem, packed, tape, len(windows), 2 * scale)
        _hand_on(shape, problem, tape, first // LANES, batch)
        _backward(shape, problem, packed, tape, gradient)
    return squares * scale


@njit(error_model="numpy")
def _gather(shape: Any, problem: Any, tape: Any, windows: Any) -> None:
    """Inputs into z, outputs with a minus sign into the errors."""
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
def _begin(shape: Any, problem: Any, tape: Any, row: int, batch: int) -> None:
    """The state before the first step: zero, or as the batch ``lag`` before left it."""
    lag = len(problem.carried)
    if batch < lag or lag == 0:
        tape.z[: shape.H] = 0
        tape.c[: shape.memories] = 0
    else:
        state = problem.carried[batch % lag, row]
        tape.z[: shape.H] = state[: shape.H]
        tape.c[: shape.memories] = state[shape.H :]


@njit(error_model="numpy")
def _hand_on(shape: Any, problem: Any, tape: Any, row: int, batch: int) -> None:
    lag, N = len(problem.carried), problem.N
    if lag:
        state = problem.carried[batch % lag, row]
        state[: shape.H] = tape.z[shape.columns * N : shape.columns * N + shape.H]
        state[shape.H :] = tape.c[shape.memories * N : shape.memories * (N + 1)]


@njit(error_model="numpy")
def _forward(shape: Any, problem: Any, packed: Any, tape: Any, windows: int, scale: float) -> float:
    """The sum of squared errors; the tape then holds all that `_backward` needs."""
    squares, mask = splat(np.float32(0)), _mask(tape, windows)
    for t in range(problem.N):
        preactivate(shape, packed, tape.z, t, tape.a)
        forward(shape, tape, t)
        if t >= problem.m:
            read_out(shape, packed, tape.z, t, tape.e)
            for k in range(shape.n_y):
                error = load(tape.e, shape.n_y * t + k) * mask
                squares = squares + error * error
                store(tape.e, shape.n_y * t + k, error * scale)
    return np.float64(total(squares))


@njit(error_model="numpy")
def _mask(tape: Any, windows: int) -> Any:
    """One in the first lanes, zero in the spare ones; ``dh`` is free to hold it for a moment."""
    for lane in range(LANES):
        tape.dh[0, lane] = lane < windows
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
    """The constant ones in z."""
    for t in range(N + 1):
        tape.z[shape.columns * t + shape.H] = 1
