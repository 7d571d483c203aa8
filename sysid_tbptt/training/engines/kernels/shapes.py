"""The sizes of a network as a compile-time constant: each shape has its own specialisation of the kernels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.core.imputils import lower_getattr_generic
from numba.core.typing.templates import AttributeTemplate
from numba.extending import NativeValue, infer_getattr, models, register_model, typeof_impl, unbox

Block = tuple[int, int, int, int]
"""First row, rows, first column and columns of a part of a matrix."""


@dataclass(frozen=True)
class Shape:
    """A cell ("lstm", "gru" or "rnn") with H units, n_u inputs and n_y outputs.

    A step's linear part is one matrix W times ``z = (h, 1, u)``; its rows are the pre-activations, gate after gate
    in torch's order. In the GRU the third gate has two rows a unit, since the reset gate multiplies ``W_hn h + b_hn``
    alone: rows ``r, z, n_h`` see ``(h, 1)`` and rows ``r, z, n_u`` see ``(1, u)``.

    All attributes are integers, and literals to Numba.
    """

    cell: str
    H: int
    n_u: int
    n_y: int

    @property
    def units(self) -> int:
        """Rows of lanes that hold one number of every unit."""
        return self.H

    @property
    def columns(self) -> int:
        """Length of z."""
        return self.H + 1 + self.n_u

    @property
    def gates(self) -> int:
        """Pre-activations of a unit."""
        return {"lstm": 4, "gru": 4, "rnn": 1}[self.cell]

    @property
    def rows(self) -> int:
        return self.gates * self.H

    @property
    def recurrent_rows(self) -> int:
        """The leading rows that see h."""
        return 3 * self.H if self.cell == "gru" else self.rows

    @property
    def state_and_one(self) -> int:
        """Length of the part (h, 1) of z, which the read-out sees."""
        return self.H + 1

    @property
    def memories(self) -> int:
        """Cell states of the LSTM, which the other cells do not have."""
        return self.H if self.cell == "lstm" else 0

    @property
    def states(self) -> int:
        """Numbers that one sample carries from step to step."""
        return self.H + self.memories

    @property
    def keeps_state(self) -> int:
        """1 where h also passes to the next step around W, as in the GRU."""
        return int(self.cell == "gru")

    @property
    def at_transposed(self) -> int:
        """Where, behind W, the packed weights hold the transpose of its part (recurrent_rows, H)."""
        return self.rows * self.columns

    @property
    def at_readout(self) -> int:
        """Where they hold the read-out (n_y, H + 1), bias last."""
        return self.at_transposed + self.H * self.recurrent_rows

    @property
    def at_readout_transposed(self) -> int:
        """Where they hold the transpose of its part (n_y, H)."""
        return self.at_readout + self.n_y * self.state_and_one

    @property
    def packed(self) -> int:
        """Numbers in the packed weights."""
        return self.at_readout_transposed + self.H * self.n_y

    @property
    def gradients(self) -> int:
        """Numbers in the packed gradient: that of W, then that of the read-out."""
        return self.rows * self.columns + self.n_y * self.state_and_one

    def blocks(self) -> tuple[Block, ...]:
        """The parts of W that are not zero by construction."""
        if self.cell != "gru":
            return ((0, self.rows, 0, self.columns),)
        H = self.H
        return ((0, 2 * H, 0, self.columns), (2 * H, H, 0, H + 1), (3 * H, H, H, 1 + self.n_u))


class ShapeType(types.Type):
    """Numba's type of one shape."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        super().__init__(name=f"Shape({shape.cell}, {shape.H}, {shape.n_u}, {shape.n_y})")


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


def by_cell(implementations: dict[str, Callable[..., Any]]) -> Callable[..., Any]:
    """For ``@overload``: picks the implementation of the first argument's cell."""

    def choose(shape: Any, *_: Any) -> Callable[..., Any] | None:
        return implementations[shape.shape.cell] if isinstance(shape, ShapeType) else None

    return choose
