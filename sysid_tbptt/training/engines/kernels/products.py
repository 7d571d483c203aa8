"""The matrix products of one time step, each specialised to a `Shape`; lanes are samples.

All take the arrays of a `Tape`, the weights packed as `Shape` says, and the step t.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import types

from .shapes import Shape
from .simd import emit_offset, emit_pointer, emit_row, index, intrinsic
from .tiles import emit_multiply, emit_outer

Pointers = list[ir.Value]


@intrinsic
def preactivate(_: Any, shape: types.Type, packed: types.Type, z: types.Type, t: types.Type, a: types.Type) -> Any:
    """``a[t] = W z[t]``, block by block."""

    def emit(builder: ir.IRBuilder, s: Shape, pointers: Pointers, t: ir.Value) -> None:
        weights, z_t, a_t = (
            pointers[0],
            _step(builder, pointers[1], t, s.columns),
            _step(builder, pointers[2], t, s.rows),
        )
        for row, rows, column, columns in s.blocks():
            corner = emit_offset(builder, weights, index(row * s.columns + column))
            operand, out = emit_row(builder, z_t, index(column)), emit_row(builder, a_t, index(row))
            emit_multiply(builder, (rows, columns, s.columns), corner, operand, out, add=False)

    return _with_weights(emit, shape, packed, z, a)


@intrinsic
def read_out(_: Any, shape: types.Type, packed: types.Type, z: types.Type, t: types.Type, e: types.Type) -> Any:
    """``e[t] += W_y (h, 1)`` with h after step t."""

    def emit(builder: ir.IRBuilder, s: Shape, pointers: Pointers, t: ir.Value) -> None:
        h = _step(builder, pointers[1], builder.add(t, index(1)), s.columns)
        weights = emit_offset(builder, pointers[0], index(s.at_readout))
        sizes = (s.n_y, s.state_and_one, s.state_and_one)
        emit_multiply(builder, sizes, weights, h, _step(builder, pointers[2], t, s.n_y), add=True)

    return _with_weights(emit, shape, packed, z, e)


@intrinsic
def read_back(_: Any, shape: types.Type, packed: types.Type, e: types.Type, t: types.Type, dh: types.Type) -> Any:
    """``dh += W_y' e[t]``."""

    def emit(builder: ir.IRBuilder, s: Shape, pointers: Pointers, t: ir.Value) -> None:
        weights = emit_offset(builder, pointers[0], index(s.at_readout_transposed))
        emit_multiply(
            builder, (s.H, s.n_y, s.n_y), weights, _step(builder, pointers[1], t, s.n_y), pointers[2], add=True
        )

    return _with_weights(emit, shape, packed, e, dh)


@intrinsic
def propagate(_: Any, shape: types.Type, packed: types.Type, a: types.Type, t: types.Type, dh: types.Type) -> Any:
    """``dh = W_h' a[t]`` with the gradients of the pre-activations; added where h also passes around W."""

    def emit(builder: ir.IRBuilder, s: Shape, pointers: Pointers, t: ir.Value) -> None:
        weights = emit_offset(builder, pointers[0], index(s.at_transposed))
        sizes = (s.H, s.recurrent_rows, s.recurrent_rows)
        a_t = _step(builder, pointers[1], t, s.rows)
        emit_multiply(builder, sizes, weights, a_t, pointers[2], add=bool(s.keeps_state))

    return _with_weights(emit, shape, packed, a, dh)


@intrinsic
def accumulate(
    _: Any, shape: types.Type, a: types.Type, z: types.Type, t: types.Type, steps: types.Type, gradient: types.Type
) -> Any:
    """Adds steps ``t .. t + steps`` to the gradient of W: ``gradient += a z'``, block by block."""

    def emit(builder: ir.IRBuilder, s: Shape, pointers: Pointers, t: ir.Value, steps: ir.Value) -> None:
        a_t, z_t = _step(builder, pointers[0], t, s.rows), _step(builder, pointers[1], t, s.columns)
        for row, rows, column, columns in s.blocks():
            left = (emit_row(builder, a_t, index(row)), s.rows)
            right = (emit_row(builder, z_t, index(column)), s.columns)
            out = (emit_row(builder, pointers[2], index(row * s.columns + column)), s.columns)
            emit_outer(builder, (rows, columns), steps, left, right, out)

    return _over_steps(emit, shape, a, z, gradient)


@intrinsic
def accumulate_readout(
    _: Any, shape: types.Type, e: types.Type, z: types.Type, t: types.Type, steps: types.Type, gradient: types.Type
) -> Any:
    """Adds steps ``t .. t + steps`` to the gradient of the read-out: ``gradient += e (h, 1)'``."""

    def emit(builder: ir.IRBuilder, s: Shape, pointers: Pointers, t: ir.Value, steps: ir.Value) -> None:
        left = (_step(builder, pointers[0], t, s.n_y), s.n_y)
        right = (_step(builder, pointers[1], builder.add(t, index(1)), s.columns), s.columns)
        out = (emit_row(builder, pointers[2], index(s.rows * s.columns)), s.state_and_one)
        emit_outer(builder, (s.n_y, s.state_and_one), steps, left, right, out)

    return _over_steps(emit, shape, e, z, gradient)


def _step(builder: ir.IRBuilder, pointer: ir.Value, t: ir.Value, rows: int) -> ir.Value:
    """The first row of step t in an array with so many rows a step."""
    return emit_row(builder, pointer, builder.mul(t, index(rows)))


def _with_weights(
    emit: Callable[[ir.IRBuilder, Shape, Pointers, ir.Value], None], shape: Any, packed: Any, source: Any, out: Any
) -> Any:
    """Signature and code generator of a product (shape, packed, source, t, out)."""

    def generate(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        pointers = [emit_pointer(context, builder, sig.args[i], args[i]) for i in (1, 2, 4)]
        emit(builder, shape.shape, pointers, args[3])
        return context.get_dummy_value()

    return types.void(shape, packed, source, types.intp, out), generate


def _over_steps(
    emit: Callable[[ir.IRBuilder, Shape, Pointers, ir.Value, ir.Value], None],
    shape: Any,
    left: Any,
    right: Any,
    out: Any,
) -> Any:
    """Signature and code generator of a sum over steps (shape, left, right, t, steps, out)."""

    def generate(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        pointers = [emit_pointer(context, builder, sig.args[i], args[i]) for i in (1, 2, 5)]
        emit(builder, shape.shape, pointers, args[3], args[4])
        return context.get_dummy_value()

    return types.void(shape, left, right, types.intp, types.intp, out), generate
