"""Forward sensitivities of the outputs of a window, and the normal equations of the windows' least-squares problem.

With the state s of a cell (h; in the LSTM h and c) and its parameters theta, S = ds/dtheta follows the recursion
``S_t = (ds_t/ds_{t-1}) S_{t-1} + ds_t/dtheta``. The product of the gates' derivatives with the recurrent weights comes
first, so that a step costs one product of H x H with H x P (two in the LSTM). The lanes are parameters.

The Jacobian of the scored outputs is kept for one block of samples at a time. The residual is its last column, so that
one product gives J'J and J'r.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from .cache import kernel
from .cells import derivatives, forward
from .decorators import compiled, inlined
from .gradient import gather
from .normal import accumulate_normal
from .packing import Parameters
from .products import combine, preactivate, read_out, read_out_sensitivities
from .rows import copy_rows, empty, fill_rows
from .shapes import SequenceShape
from .simd import LANES, flush_denormals, load, load_from, restore_denormals, splat, store

BLOCK = 128
"""Rows of the Jacobian that are kept, unless one step has more outputs."""


class Table(NamedTuple):
    """The columns of the Jacobian: the numbers of W row by row, those of the read-out, and the residual.

    Two biases that are only ever added share a column. A row of ``pieces`` is what one panel of 16 columns has of one
    row of W: its gate, its unit, the panel, and the place in ``Work.z`` of the panel's first lane. The same row of
    ``masks`` has ones in the lanes of the piece and zeros in the others. ``places`` (P,) gives the column of each of
    torch's parameters, ``recurrent`` the number of columns of W, ``n`` the number of all.
    """

    pieces: np.ndarray
    masks: np.ndarray
    places: np.ndarray
    recurrent: int
    n: int


def table(parameters: Parameters) -> Table:
    """The columns for the parameters of a shape."""
    shape, first, second = parameters.shape, *parameters.matrix
    pieces, masks, places, column = [], [], np.zeros(parameters.n + 1, np.int64), 0
    for gate, gates, z, count in shape.blocks():
        for row in range(gate * shape.H, (gate + gates) * shape.H):
            for panel, first_lane, mask in _in_panels(column, count):
                pieces.append((row // shape.H, row % shape.H, panel, LANES + z + first_lane))
                masks.append(mask)
            for index in (first, second):
                places[index[row, z : z + count]] = np.arange(column, column + count)
            column += count
    places[parameters.readout] = column + np.arange(parameters.readout.size).reshape(parameters.readout.shape)
    return Table(
        np.array(pieces, np.int64),
        np.array(masks, np.float32),
        places[: parameters.n].copy(),
        column,
        column + parameters.readout.size + 1,
    )


def _in_panels(column: int, count: int) -> Iterator[tuple[int, int, np.ndarray]]:
    """Each panel that has some of these columns: its first lane, counted from the first column, and their lanes."""
    for panel in range(column // LANES, (column + count - 1) // LANES + 1):
        lanes = LANES * panel + np.arange(LANES) - column
        yield panel, int(lanes[0]), (lanes >= 0) & (lanes < count)


class Work(NamedTuple):
    """A thread's memory: S by panels of 16 columns, one panel of it before a step, M, z, the Jacobian, the sums.

    16 zeros stand before z and after it.
    """

    S: np.ndarray
    before: np.ndarray
    M: np.ndarray
    z: np.ndarray
    J: np.ndarray
    sums: np.ndarray


def allocate(shape: SequenceShape, columns: Table) -> Work:
    """Memory with zero sums."""
    panels = -(-columns.n // LANES)
    recurrent = -(-columns.recurrent // LANES)
    cells = 2 if shape.memories else 1
    return Work(
        S=empty(recurrent * cells * shape.H),
        before=empty(shape.H),
        M=empty(cells * shape.H * shape.units),
        z=np.zeros(LANES + shape.columns + LANES, np.float32),
        J=empty(panels * max(BLOCK, shape.n_y)),
        sums=np.zeros((panels * LANES, panels * LANES)),
    )


@kernel
def squared_errors(shape: Any, problem: Any, packed: Any, tape: Any, starts: Any) -> float:
    """The sum of the squared errors of the scored steps of these windows."""
    before = flush_denormals()
    squares = 0.0
    for i in range(len(starts)):
        squares += _simulate(shape, problem, packed, tape, starts[i : i + 1])
    restore_denormals(before)
    return squares


@kernel
def normal_equations(shape: Any, problem: Any, packed: Any, tape: Any, columns: Any, work: Any, starts: Any) -> float:
    """Adds J'J and J'r of these windows to ``work.sums``, in its upper triangle; gives the sum of squared errors."""
    before = flush_denormals()
    squares, block = 0.0, len(work.J) // (len(work.sums) // LANES)
    for i in range(len(starts)):
        squares += _simulate(shape, problem, packed, tape, starts[i : i + 1])
        fill_rows(work.S, 0, len(work.S), 0)
        rows = 0
        for t in range(problem.N):
            _advance(shape, packed, tape, t, columns, work)
            if t >= problem.m:
                if rows + shape.n_y > block:
                    accumulate_normal(work.J, rows, work.sums)
                    rows = 0
                _fill_jacobian(shape, packed, tape, t, columns, work, rows, block)
                rows += shape.n_y
        accumulate_normal(work.J, rows, work.sums)
    restore_denormals(before)
    return squares


@compiled
def _simulate(shape: Any, problem: Any, packed: Any, tape: Any, window: Any) -> float:
    """The tape of a window from a zero state, its residuals as the errors; the sum of their squares."""
    gather(shape, problem, tape, window)
    fill_rows(tape.z, 0, shape.units, 0)
    fill_rows(tape.c, 0, shape.memories, 0)
    squares = 0.0
    for t in range(problem.N):
        preactivate(shape, packed, tape.z, t, tape.a)
        forward(shape, tape, t)
        if t >= problem.m:
            read_out(shape, packed, tape.z, t, tape.e)
            for k in range(shape.n_y):
                error = np.float64(tape.e[shape.outputs * t + k // LANES, k % LANES])
                squares += error * error
    return squares


@compiled
def _advance(shape: Any, packed: Any, tape: Any, t: int, columns: Any, work: Any) -> None:
    """S after step t from S before it."""
    derivatives(shape, tape, t)
    _weigh(shape, packed, tape, t, work.M)
    for panel in range(-(-columns.recurrent // LANES)):
        _advance_panel(shape, tape, work, panel * (shape.H + shape.H * (shape.memories > 0)))
    _add_direct(shape, tape, t, columns, work)


@compiled
def _weigh(shape: Any, packed: Any, tape: Any, t: int, M: Any) -> None:
    """M, the sum over the gates of their derivatives times their recurrent weights; of the o gate one of its own."""
    units = shape.units
    for k in range(shape.H):
        for j in range(units):
            total = splat(np.float32(0))
            for gate in range(min(3, shape.recurrent_gates)):
                row = gate * units + j
                total = total + load(tape.a, shape.a_rows * t + row) * load(packed, row * shape.columns + k)
            store(M, k * units + j, total)
            if shape.memories > 0:
                row = 3 * units + j
                product = load(tape.a, shape.a_rows * t + row) * load(packed, row * shape.columns + k)
                store(M, (shape.H + k) * units + j, product)


@compiled
def _advance_panel(shape: Any, tape: Any, work: Any, first: int) -> None:
    """One panel, whose rows in S begin at ``first``: those of h, then those of c."""
    S, H = work.S, shape.H
    copy_rows(work.before, 0, S, first, H)
    if shape.memories > 0:
        _scale_rows(S, first + H, S, first + H, tape.dc, H)
        combine(shape, work.before, work.M, 0, S, first + H)
        _scale_rows(S, first, S, first + H, tape.dh, H)
        combine(shape, work.before, work.M, H * shape.units, S, first)
    else:
        _scale_rows(S, first, work.before, 0, tape.dh, H)
        combine(shape, work.before, work.M, 0, S, first)


@inlined
def _scale_rows(target: Any, to: int, source: Any, first: int, factors: Any, count: int) -> None:
    """Each row times the number of its unit."""
    for i in range(count):
        store(target, to + i, load(source, first + i) * factors[i // LANES, i % LANES])


@compiled
def _add_direct(shape: Any, tape: Any, t: int, columns: Any, work: Any) -> None:
    """Adds what the parameters do at step t itself: the derivative by a pre-activation times an element of z."""
    S, z, H, units = work.S, work.z, shape.H, shape.units
    for k in range(shape.columns):
        at = k if k < H else LANES * units + k - H
        z[LANES + k] = tape.z[shape.z_rows * t + at // LANES, at % LANES]
    rows = H + H * (shape.memories > 0)
    for i in range(len(columns.pieces)):
        gate, unit = columns.pieces[i, 0], columns.pieces[i, 1]
        panel, place = columns.pieces[i, 2], columns.pieces[i, 3]
        row, group, lane = panel * rows + unit, unit // LANES, unit % LANES
        d = tape.a[shape.a_rows * t + gate * units + group, lane]
        if shape.memories > 0 and gate < 3:
            _add_piece(S, row, d * tape.dh[group, lane], z, place, columns.masks, i)
            _add_piece(S, row + H, d, z, place, columns.masks, i)
        else:
            _add_piece(S, row, d, z, place, columns.masks, i)


@inlined
def _add_piece(S: Any, row: int, d: float, z: Any, place: int, masks: Any, i: int) -> None:
    """Adds d times z in the lanes of a piece. Their product is rounded before the sum, since the mask comes between."""
    store(S, row, load(S, row) + d * load_from(z, place) * load(masks, i))


@compiled
def _fill_jacobian(shape: Any, packed: Any, tape: Any, t: int, columns: Any, work: Any, row: int, block: int) -> None:
    """The rows of step t, one an output, from ``row`` on."""
    J, H, n_y = work.J, shape.H, shape.n_y
    rows, recurrent = H + H * (shape.memories > 0), -(-columns.recurrent // LANES)
    for panel in range(len(J) // block):
        if panel < recurrent:
            read_out_sensitivities(shape, packed, work.S, panel * rows, J, panel * block + row)
        else:
            fill_rows(J, panel * block + row, n_y, 0)
    for k in range(n_y):
        for i in range(H):
            column = columns.recurrent + k * (H + 1) + i
            J[column // LANES * block + row + k, column % LANES] = tape.z[
                shape.z_rows * (t + 1) + i // LANES, i % LANES
            ]
        column = columns.recurrent + k * (H + 1) + H
        J[column // LANES * block + row + k, column % LANES] = 1
        column = columns.n - 1
        J[column // LANES * block + row + k, column % LANES] = tape.e[shape.outputs * t + k // LANES, k % LANES]
