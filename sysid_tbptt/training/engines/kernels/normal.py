"""J'J in register tiles: sums of float32 over the rows of a block, added in float64 to those of earlier blocks.

J is kept by panels of 16 columns, the rows of a panel one after the other. Only panels on and above the diagonal are
computed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from llvmlite import ir
from numba.core import types

from .decorators import compiled, intrinsic
from .registers import registers
from .simd import (
    DOUBLE,
    FLOAT,
    LANES,
    emit_fma,
    emit_load,
    emit_offset,
    emit_pointer,
    emit_row,
    emit_splat,
    index,
)
from .tiles import Values, over_tiles, repeat


@compiled
def accumulate_normal(J: Any, rows: int, sums: Any) -> None:
    """Adds J'J over the first ``rows`` rows of J to the upper triangle of ``sums``."""
    panels = len(sums) // LANES
    block = len(J) // panels
    for left in range(panels):
        right = left
        while right < panels:
            right += _add_products(J, left, right, block, rows, sums, panels)


@intrinsic
def _add_products(
    _: Any,
    J: types.Type,
    left: types.Type,
    right: types.Type,
    block: types.Type,
    rows: types.Type,
    sums: types.Type,
    panels: types.Type,
) -> Any:
    """Adds the products of the columns of panel ``left`` and those of as many panels from ``right`` on as fit a tile.

    Gives the number of these panels.
    """

    def generate(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        J, sums = (emit_pointer(context, builder, sig.args[i], args[i]) for i in (0, 5))
        _, left, right, block, rows, _, panels = args
        product = _Product(builder, J, sums, left, right, block, rows, panels)
        widest, remaining = registers().outer[1], builder.sub(panels, right)
        width = builder.select(builder.icmp_signed("<", remaining, index(widest)), remaining, index(widest))
        for size in range(1, widest + 1):
            with builder.if_then(builder.icmp_signed("==", width, index(size))):
                product.emit(size)
        return width

    return types.intp(J, *[types.intp] * 4, sums, types.intp), generate


@dataclass(frozen=True)
class _Product:
    """The product of one panel's columns with those of some panels, while its code is written."""

    builder: ir.IRBuilder
    J: ir.Value
    sums: ir.Value
    left: ir.Value
    right: ir.Value
    block: ir.Value
    rows: ir.Value
    panels: ir.Value

    def emit(self, width: int) -> None:
        """For so many panels on the right."""
        over_tiles(self.builder, LANES, registers().outer[0], lambda first, count: self._tile(first, count, width))

    def _tile(self, first: ir.Value, count: int, width: int) -> None:
        """So many columns of the left panel; on a processor with narrower registers, part of the lanes at a time."""
        builder, lanes = self.builder, registers().lanes
        columns = [builder.add(first, index(c)) for c in range(count)]
        panels = [builder.add(self.right, index(w)) for w in range(width)]
        for lane in range(0, LANES, lanes):

            def row(i: ir.Value, sums: Values, lane: int = lane) -> Values:
                left = self._row(self.left, i)
                a = [
                    emit_splat(builder, builder.load(emit_offset(builder, left, c), typ=FLOAT), lanes) for c in columns
                ]
                b = [self._load(self._row(panel, i), lane, lanes) for panel in panels]
                pairs = [(x, y) for x in a for y in b]
                return [emit_fma(builder, x, y, value) for (x, y), value in zip(pairs, sums, strict=True)]

            zero = ir.Constant(ir.VectorType(FLOAT, lanes), [0.0] * lanes)
            sums = iter(repeat(builder, self.rows, [zero] * (count * width), row))
            for c in columns:
                for panel in panels:
                    self._add(c, panel, lane, next(sums))

    def _row(self, panel: ir.Value, row: ir.Value) -> ir.Value:
        return emit_row(self.builder, self.J, self.builder.add(self.builder.mul(panel, self.block), row))

    def _load(self, row: ir.Value, lane: int, lanes: int) -> ir.Value:
        return emit_load(self.builder, emit_offset(self.builder, row, index(lane)), lanes)

    def _add(self, column: ir.Value, panel: ir.Value, lane: int, value: ir.Value) -> None:
        """Adds a tile's sum to its place in float64."""
        builder = self.builder
        wide = ir.VectorType(DOUBLE, value.type.count)
        row = builder.add(builder.mul(self.left, index(LANES)), column)
        place = builder.mul(builder.add(builder.mul(row, self.panels), panel), index(LANES))
        address = builder.gep(self.sums, [builder.add(place, index(lane))], source_etype=DOUBLE)
        pointer = builder.bitcast(address, wide.as_pointer())
        total = builder.fadd(builder.load(pointer, align=8, typ=wide), builder.fpext(value, wide))
        builder.store(total, pointer, align=8)
