"""The matrix products of one time step, each specialised to a shape.

All take the arrays of a `Tape`, the weights packed as `Shape` says, and the step t. One operand of each product is a
row of lanes, the other one number for all lanes: in a batch the weight is the number, in a sequence the state is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from llvmlite import ir
from numba.core import types

from .decorators import intrinsic
from .shapes import Segment
from .simd import FLOAT, LANES, emit_load, emit_offset, emit_pointer, emit_row, emit_splat, index
from .tiles import Columns, emit_multiply, emit_outer

CHAINED = 8
"""Partial sums of a sequence's product, over all its rows: they hide latency where there are few rows.

The number decides the order of the sums, so it is the same on every processor.
"""


@dataclass(frozen=True)
class Emitter:
    """What the products have in common while their code is written: the shape, the arrays' addresses, the step."""

    builder: ir.IRBuilder
    s: Any
    pointers: list[ir.Value]
    t: ir.Value
    steps: ir.Value | None = None

    def row(self, pointer: ir.Value, row: ir.Value) -> ir.Value:
        return emit_load(self.builder, emit_row(self.builder, pointer, row))

    def number(self, pointer: ir.Value, place: ir.Value) -> ir.Value:
        """One number in all lanes."""
        address = emit_offset(self.builder, pointer, place)
        return emit_splat(self.builder, self.builder.load(address, typ=FLOAT))

    def weight(self, pointer: ir.Value, place: ir.Value) -> ir.Value:
        return self.row(pointer, place) if self.s.lanes_are_units else self.number(pointer, place)

    def operand(self, pointer: ir.Value, place: ir.Value) -> ir.Value:
        return self.number(pointer, place) if self.s.lanes_are_units else self.row(pointer, place)

    def at(self, which: int, rows: int, *, after: int = 0) -> ir.Value:
        """The address of step t (or so many after) in an array with so many rows a step."""
        t = self.builder.add(self.t, index(after))
        return emit_row(self.builder, self.pointers[which], self.builder.mul(t, index(rows)))

    def columns(self, pointer: ir.Value, segments: list[Segment]) -> list[Columns]:
        """The operands of a product."""

        def operand(shift: int) -> Callable[[ir.Value], ir.Value]:
            return lambda k: self.operand(pointer, self.builder.add(k, index(shift)))

        return [Columns(first, count, operand(shift)) for first, count, shift in segments]

    def multiply(
        self, place: int, stride: int, rows: tuple[int, int], parts: list[Columns], out: ir.Value, *, add: bool
    ) -> None:
        """Rows (first, number) of the matrix at a place of the packed weights, times ``parts``."""
        builder, (first, count) = self.builder, rows
        weights = self.pointers[0]

        def weight(r: ir.Value, k: ir.Value) -> ir.Value:
            corner = index(place + first * stride)
            return self.weight(weights, builder.add(builder.add(builder.mul(r, index(stride)), k), corner))

        chains = max(1, CHAINED // count) if self.s.lanes_are_units else 1
        emit_multiply(builder, count, parts, weight, emit_row(builder, out, index(first)), add=add, chains=chains)


def _preactivate(e: Emitter) -> None:
    s, z, a = e.s, e.at(1, e.s.z_rows), e.at(2, e.s.a_rows)
    for gate, gates, column, columns in s.blocks():
        parts = e.columns(z, s.z_segments(column, columns))
        e.multiply(0, s.columns, (gate * s.units, gates * s.units), parts, a, add=False)


def _read_out(e: Emitter) -> None:
    s, z = e.s, e.at(1, e.s.z_rows, after=1)
    parts = e.columns(z, s.z_segments(0, s.state_and_one))
    e.multiply(s.at_readout, s.state_and_one, (0, s.outputs), parts, e.at(2, s.outputs), add=True)


def _read_back(e: Emitter) -> None:
    s = e.s
    parts = e.columns(e.at(1, s.outputs), [(0, s.n_y, 0)])
    e.multiply(s.at_readout_transposed, s.n_y, (0, s.units), parts, e.pointers[2], add=True)


def _propagate(e: Emitter) -> None:
    s = e.s
    parts = e.columns(e.at(1, s.a_rows), s.recurrent_segments())
    e.multiply(s.at_transposed, s.recurrent, (0, s.units), parts, e.pointers[2], add=bool(s.keeps_state))


def _accumulate(e: Emitter) -> None:
    s, builder, out = e.s, e.builder, e.pointers[2]
    a, z = e.at(0, s.a_rows), e.at(1, s.z_rows)
    z_step = s.z_rows * (LANES if s.lanes_are_units else 1)
    for gate, gates, column, columns in s.blocks():
        top = gate * s.units
        for first, count, shift in s.z_segments(column, columns):

            def left(t: ir.Value, r: ir.Value, top: int = top) -> ir.Value:
                return e.row(a, builder.add(builder.mul(t, index(s.a_rows)), builder.add(r, index(top))))

            def right(t: ir.Value, k: ir.Value, start: int = first + shift) -> ir.Value:
                return e.operand(z, builder.add(builder.mul(t, index(z_step)), builder.add(k, index(start))))

            def target(r: ir.Value, k: ir.Value, corner: int = top * s.columns + first) -> ir.Value:
                place = builder.add(builder.mul(r, index(s.columns)), builder.add(k, index(corner)))
                return emit_row(builder, out, place)

            emit_outer(builder, (gates * s.units, count), e.steps, left, right, target)


def _accumulate_readout(e: Emitter) -> None:
    """The rows of z after the step are those of (h, 1); behind the one, a sequence has lanes that nobody reads."""
    s, builder, out = e.s, e.builder, e.pointers[2]
    errors, z = e.at(0, s.outputs), e.at(1, s.z_rows, after=1)
    e_step = s.outputs * (LANES if s.lanes_are_units else 1)
    rows = s.units + 1

    def left(t: ir.Value, r: ir.Value) -> ir.Value:
        return e.row(z, builder.add(builder.mul(t, index(s.z_rows)), r))

    def right(t: ir.Value, k: ir.Value) -> ir.Value:
        return e.operand(errors, builder.add(builder.mul(t, index(e_step)), k))

    def target(r: ir.Value, k: ir.Value) -> ir.Value:
        place = builder.add(builder.mul(r, index(s.n_y)), builder.add(k, index(s.at_readout_gradient)))
        return emit_row(builder, out, place)

    emit_outer(builder, (rows, s.n_y), e.steps, left, right, target)


def _combine(e: Emitter) -> None:
    """The lanes are parameters: H rows of lanes times numbers."""
    s, builder = e.s, e.builder
    before, M, out = e.pointers

    def weight(r: ir.Value, k: ir.Value) -> ir.Value:
        return e.number(M, builder.add(builder.mul(k, index(LANES * s.units)), r))

    columns = [Columns(0, s.H, lambda k: e.row(before, k))]
    emit_multiply(builder, s.H, columns, weight, out, add=True)


def _read_out_sensitivities(e: Emitter) -> None:
    s, builder = e.s, e.builder
    packed, S, J = e.pointers

    def weight(r: ir.Value, k: ir.Value) -> ir.Value:
        group, lane = builder.udiv(r, index(LANES)), builder.urem(r, index(LANES))
        row = builder.add(builder.mul(group, index(s.state_and_one)), builder.add(k, index(s.at_readout)))
        return e.number(packed, builder.add(builder.mul(row, index(LANES)), lane))

    emit_multiply(builder, s.n_y, [Columns(0, s.H, lambda k: e.row(S, k))], weight, J, add=False)


@intrinsic
def combine(
    _: Any, shape: types.Type, before: types.Type, M: types.Type, at: types.Type, S: types.Type, to: types.Type
) -> Any:
    """Adds to H rows of S, from row ``to`` on, the H rows ``before`` times the matrix in M from row ``at`` on."""
    return _with_rows(_combine, shape, before, M, S)


@intrinsic
def read_out_sensitivities(
    _: Any, shape: types.Type, packed: types.Type, S: types.Type, first: types.Type, J: types.Type, to: types.Type
) -> Any:
    """n_y rows of J, from row ``to`` on: the read-out's weights times H rows of S."""
    return _with_rows(_read_out_sensitivities, shape, packed, S, J)


@intrinsic
def preactivate(_: Any, shape: types.Type, packed: types.Type, z: types.Type, t: types.Type, a: types.Type) -> Any:
    """``a[t] = W z[t]``, block by block."""
    return _with_weights(_preactivate, shape, packed, z, a)


@intrinsic
def read_out(_: Any, shape: types.Type, packed: types.Type, z: types.Type, t: types.Type, e: types.Type) -> Any:
    """``e[t] += W_y (h, 1)`` with h after step t."""
    return _with_weights(_read_out, shape, packed, z, e)


@intrinsic
def read_back(_: Any, shape: types.Type, packed: types.Type, e: types.Type, t: types.Type, dh: types.Type) -> Any:
    """``dh += W_y' e[t]``."""
    return _with_weights(_read_back, shape, packed, e, dh)


@intrinsic
def propagate(_: Any, shape: types.Type, packed: types.Type, a: types.Type, t: types.Type, dh: types.Type) -> Any:
    """``dh = W_h' a[t]`` with the gradients of the pre-activations; added where h also passes around W."""
    return _with_weights(_propagate, shape, packed, a, dh)


@intrinsic
def accumulate(
    _: Any, shape: types.Type, a: types.Type, z: types.Type, t: types.Type, steps: types.Type, gradient: types.Type
) -> Any:
    """Adds steps ``t .. t + steps`` to the gradient of W: ``gradient += a z'``, block by block."""
    return _over_steps(_accumulate, shape, a, z, gradient)


@intrinsic
def accumulate_readout(
    _: Any, shape: types.Type, e: types.Type, z: types.Type, t: types.Type, steps: types.Type, gradient: types.Type
) -> Any:
    """Adds steps ``t .. t + steps`` to the gradient of the read-out: ``gradient += (h, 1) e'``."""
    return _over_steps(_accumulate_readout, shape, e, z, gradient)


def _with_weights(write: Callable[[Emitter], None], shape: Any, packed: Any, source: Any, out: Any) -> Any:
    """Signature and code generator of a product (shape, packed, source, t, out)."""

    def generate(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        pointers = [emit_pointer(context, builder, sig.args[i], args[i]) for i in (1, 2, 4)]
        write(Emitter(builder, shape.shape, pointers, args[3]))
        return context.get_dummy_value()

    return types.void(shape, packed, source, types.intp, out), generate


def _with_rows(write: Callable[[Emitter], None], shape: Any, whole: Any, source: Any, out: Any) -> Any:
    """Signature and code generator of a product (shape, whole, source, its first row, out, its first row)."""

    def generate(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        whole, source, out = (emit_pointer(context, builder, sig.args[i], args[i]) for i in (1, 2, 4))
        pointers = [whole, emit_row(builder, source, args[3]), emit_row(builder, out, args[5])]
        write(Emitter(builder, shape.shape, pointers, index(0)))
        return context.get_dummy_value()

    return types.void(shape, whole, source, types.intp, out, types.intp), generate


def _over_steps(write: Callable[[Emitter], None], shape: Any, left: Any, right: Any, out: Any) -> Any:
    """Signature and code generator of a sum over steps (shape, left, right, t, steps, out)."""

    def generate(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        pointers = [emit_pointer(context, builder, sig.args[i], args[i]) for i in (1, 2, 5)]
        write(Emitter(builder, shape.shape, pointers, args[3], args[4]))
        return context.get_dummy_value()

    return types.void(shape, left, right, types.intp, types.intp, out), generate
