"""The sizes of a network as a compile-time constant: each shape has its own specialisation of the kernels.

A shape also says what the 16 lanes are. In a `BatchShape` they are 16 windows of a batch, and a number of the network
(a state, a gate, an output) is a row of lanes. In a `SequenceShape` they are 16 units of one window, since a single
window leaves nothing else to put side by side; spare lanes have zero weights and stay zero.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.core.imputils import lower_getattr_generic
from numba.core.typing.templates import AttributeTemplate
from numba.extending import NativeValue, infer_getattr, models, register_model, typeof_impl, unbox

from .simd import LANES

Segment = tuple[int, int, int]
"""First index, number of indices, and what to add to an index for its place in an array."""


@dataclass(frozen=True)
class Shape:
    """A cell ("lstm", "gru" or "rnn") with H units, n_u inputs and n_y outputs.

    A step's linear part is one matrix W times ``z = (h, 1, u)``; its rows are the pre-activations, gate after gate
    in torch's order. In the GRU the third gate has two rows a unit, since the reset gate multiplies ``W_hn h + b_hn``
    alone: rows ``r, z, n_h`` see ``(h, 1)`` and rows ``r, z, n_u`` see ``(1, u)``.

    To Numba every property is a literal integer.
    """

    cell: str
    H: int
    n_u: int
    n_y: int

    @property
    def gates(self) -> int:
        """Pre-activations of a unit."""
        return {"lstm": 4, "gru": 4, "rnn": 1}[self.cell]

    @property
    def recurrent_gates(self) -> int:
        """The leading ones that see h."""
        return {"lstm": 4, "gru": 3, "rnn": 1}[self.cell]

    @property
    def columns(self) -> int:
        """Numbers in z."""
        return self.H + 1 + self.n_u

    @property
    def state_and_one(self) -> int:
        """Numbers in the part (h, 1) of z, which the read-out sees."""
        return self.H + 1

    @property
    def recurrent(self) -> int:
        """Pre-activations that see h."""
        return self.recurrent_gates * self.H

    @property
    def keeps_state(self) -> int:
        """1 where h also passes to the next step around W, as in the GRU."""
        return int(self.cell == "gru")

    def blocks(self) -> tuple[tuple[int, int, int, int], ...]:
        """The parts of W that are not zero by construction: first gate, gates, first column, columns."""
        if self.cell != "gru":
            return ((0, self.gates, 0, self.columns),)
        return ((0, 2, 0, self.columns), (2, 1, 0, self.H + 1), (3, 1, self.H, 1 + self.n_u))

    # --- rows of lanes

    @property
    def units(self) -> int:
        """Rows that hold one number of every unit."""
        raise NotImplementedError

    @property
    def outputs(self) -> int:
        """Rows that hold the outputs."""
        raise NotImplementedError

    @property
    def z_rows(self) -> int:
        """Rows that hold z."""
        raise NotImplementedError

    @property
    def rows(self) -> int:
        """Rows that hold the pre-activations."""
        return self.gates * self.units

    @property
    def a_rows(self) -> int:
        """Rows of the tape from one step's pre-activations to the next step's.

        The number is odd in a batch: with a power of two, the same row of 16 steps falls into one or two sets of the
        first-level cache, which then misses at nearly every load of the sum over time.
        """
        return self.rows

    @property
    def memories(self) -> int:
        """Rows that hold the cell states of the LSTM, which the other cells do not have."""
        return self.units if self.cell == "lstm" else 0

    @property
    def states(self) -> int:
        """Rows that pass from step to step."""
        return self.units + self.memories

    # --- the packed weights: W, the transpose of its recurrent part, the read-out with its bias, its transpose;
    # places count numbers in a batch and rows of lanes in a sequence

    @property
    def at_transposed(self) -> int:
        return self.rows * self.columns

    @property
    def at_readout(self) -> int:
        return self.at_transposed + self.units * self.recurrent

    @property
    def at_readout_transposed(self) -> int:
        return self.at_readout + self.outputs * self.state_and_one

    @property
    def packed(self) -> int:
        return self.at_readout_transposed + self.units * self.n_y

    # --- the packed gradient: that of W, then that of the read-out, in rows of lanes

    @property
    def at_readout_gradient(self) -> int:
        return self.rows * self.columns

    @property
    def gradients(self) -> int:
        return self.at_readout_gradient + (self.units + 1) * self.n_y


class BatchShape(Shape):
    """The lanes are windows."""

    lanes_are_units = 0

    @property
    def units(self) -> int:
        return self.H

    @property
    def outputs(self) -> int:
        return self.n_y

    @property
    def z_rows(self) -> int:
        return self.columns

    @property
    def a_rows(self) -> int:
        return self.rows | 1

    def z_segments(self, first: int, count: int) -> list[Segment]:
        """Where the numbers of z are."""
        return [(first, count, 0)]

    def recurrent_segments(self) -> list[Segment]:
        """Where the pre-activations that see h are."""
        return [(0, self.recurrent, 0)]


class SequenceShape(Shape):
    """The lanes are units; z holds h, then 1 and u, each from a row's first lane on."""

    lanes_are_units = 1

    @property
    def units(self) -> int:
        return -(-self.H // LANES)

    @property
    def outputs(self) -> int:
        return -(-self.n_y // LANES)

    @property
    def z_rows(self) -> int:
        return self.units + -(-(1 + self.n_u) // LANES)

    def z_segments(self, first: int, count: int) -> list[Segment]:
        """Where the numbers of z are; those that do not wait for h come first."""
        end, H = first + count, self.H
        parts = [(max(first, H), end - max(first, H), LANES * self.units - H), (first, min(end, H) - first, 0)]
        return [part for part in parts if part[1] > 0]

    def recurrent_segments(self) -> list[Segment]:
        """Where the pre-activations that see h are."""
        gap = LANES * self.units - self.H
        return [(gate * self.H, self.H, gate * gap) for gate in range(self.recurrent_gates)]


class ShapeType(types.Type):
    """Numba's type of one shape."""

    def __init__(self, shape: Any) -> None:
        self.shape = shape
        super().__init__(name=repr(shape))


register_model(ShapeType)(models.OpaqueModel)


@typeof_impl.register(Shape)
def _typeof(shape: Shape, _: Any) -> ShapeType:
    return ShapeType(shape)


@unbox(ShapeType)
def _unbox(_: types.Type, __: Any, c: Any) -> NativeValue:
    return NativeValue(c.context.get_dummy_value())


@infer_getattr
class _Attributes(AttributeTemplate):
    key = ShapeType

    def generic_resolve(self, shape_type: ShapeType, name: str) -> types.Type:  # type: ignore[override]
        return types.literal(getattr(shape_type.shape, name))


@lower_getattr_generic(ShapeType)
def _lower(context: Any, builder: ir.IRBuilder, shape_type: ShapeType, _: Any, name: str) -> ir.Value:
    return context.get_constant(types.intp, getattr(shape_type.shape, name))


def by_shape(choose: Callable[[Any], Callable[..., Any]]) -> Callable[..., Any]:
    """For ``@overload``: picks the implementation by the first argument, a shape."""

    def implementation(shape: Any, *_: Any) -> Callable[..., Any] | None:
        return inspect.unwrap(choose(shape.shape)) if isinstance(shape, ShapeType) else None

    return implementation
