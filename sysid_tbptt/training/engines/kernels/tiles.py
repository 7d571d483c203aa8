"""Small matrix products in register tiles, written out as LLVM IR when a kernel is compiled.

A tile keeps all its sums in registers while it runs over the summed index. The loops over tiles are loops in the
machine code; the loops within a tile run here, in Python, and leave straight-line code. What an operand is, a row of
lanes or one number in all lanes, is the caller's business.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from llvmlite import ir

from .registers import registers
from .simd import LANES, constant, emit_fma, emit_lanes, emit_load, emit_offset, emit_row, emit_store, index

UNROLLED = 16
"""Columns up to which a tile of `emit_multiply` is written out without a loop."""
CHUNK = 4
"""Columns in one turn of a longer tile's loop."""

Values = list[ir.Value]
At = Callable[[ir.Value], ir.Value]
"""A vector by its index."""
AddColumn = Callable[[ir.Value, ir.Value, Values], Values]
"""The sums with a column added, given its index, its operand and the sums without it."""


@dataclass(frozen=True)
class Columns:
    """Summed indices ``first .. first + count`` and the operand at each."""

    first: int
    count: int
    operand: At


def split(n: int, largest: int) -> list[tuple[int, int, int]]:
    """``n`` in nearly equal tiles of at most ``largest``, as (first, number of tiles, size)."""
    tiles = -(-n // largest)
    if tiles == 0:
        return []
    small, more = divmod(n, tiles)
    runs = [(0, more, small + 1), (more * (small + 1), tiles - more, small)]
    return [run for run in runs if run[1]]


def repeat(
    builder: ir.IRBuilder, count: ir.Value, carried: Values, body: Callable[[ir.Value, Values], Values]
) -> Values:
    """A loop whose carried values stay in registers; ``body(i, carried)`` gives their next values."""
    entry = builder.block
    head, inside, after = (builder.append_basic_block(name) for name in ("head", "inside", "after"))
    builder.branch(head)
    builder.position_at_end(head)
    i = builder.phi(index(0).type)
    i.add_incoming(index(0), entry)
    current = [builder.phi(value.type) for value in carried]
    for phi, value in zip(current, carried, strict=True):
        phi.add_incoming(value, entry)
    builder.cbranch(builder.icmp_signed("<", i, count), inside, after)
    builder.position_at_end(inside)
    following = body(i, current)
    i.add_incoming(builder.add(i, index(1)), builder.block)
    for phi, value in zip(current, following, strict=True):
        phi.add_incoming(value, builder.block)
    builder.branch(head)
    builder.position_at_end(after)
    return current


def over_tiles(builder: ir.IRBuilder, n: int, largest: int, tile: Callable[[ir.Value, int], None]) -> None:
    """Calls ``tile(first, size)`` for each tile of ``n``: in a loop where several have one size."""
    for first, count, size in split(n, largest):
        if count == 1:
            tile(index(first), size)
            continue

        def body(i: ir.Value, _: Values, first: int = first, size: int = size) -> Values:
            tile(builder.add(builder.mul(i, index(size)), index(first)), size)
            return []

        repeat(builder, index(count), [], body)


def over_columns(builder: ir.IRBuilder, columns: Columns, sums: Values, add: AddColumn) -> Values:
    """Adds every column to the sums, several a turn."""
    turns, rest = divmod(columns.count, CHUNK)

    def turn(i: ir.Value, sums: Values) -> Values:
        for offset in range(CHUNK):
            k = builder.add(builder.mul(i, index(CHUNK)), index(columns.first + offset))
            sums = add(k, columns.operand(k), sums)
        return sums

    sums = repeat(builder, index(turns), sums, turn)
    end = columns.first + columns.count
    for k in range(end - rest, end):
        sums = add(index(k), columns.operand(index(k)), sums)
    return sums


def emit_multiply(
    builder: ir.IRBuilder,
    rows: int,
    parts: list[Columns],
    weight: Callable[[ir.Value, ir.Value], ir.Value],
    out: ir.Value,
    *,
    add: bool,
    chains: int = 1,
) -> None:
    """``out[r] (+)= sum_k weight(r, k) operand(k)``.

    Few columns are written out one by one; then ``chains`` partial sums a row shorten the wait for the sum. Their
    operands are loaded once if they fit into the registers together with a tile's sums, otherwise in each tile.
    """
    size = registers()
    count = sum(part.count for part in parts)
    few = count <= UNROLLED
    fit = size.per_vector * (count + size.rows) < size.count

    def operands() -> list[tuple[ir.Value, ir.Value]]:
        places = [(index(part.first + k), part) for part in parts for k in range(part.count)]
        return [(k, part.operand(k)) for k, part in places]

    held = operands() if few and fit else []

    def tile(first: ir.Value, size: int) -> None:
        row = [builder.add(first, index(r)) for r in range(size)]
        target = [emit_row(builder, out, r) for r in row]
        start = [emit_load(builder, pointer) if add else constant(0.0) for pointer in target]

        def column(k: ir.Value, operand: ir.Value, sums: Values) -> Values:
            return [emit_fma(builder, weight(r, k), operand, value) for r, value in zip(row, sums, strict=True)]

        if few:
            sums = _in_chains(builder, held or operands(), start, column, chains)
        else:
            sums = start
            for part in parts:
                sums = over_columns(builder, part, sums, column)
        for pointer, value in zip(target, sums, strict=True):
            emit_store(builder, value, pointer)

    over_tiles(builder, rows, max(1, size.rows // chains), tile)


def _in_chains(
    builder: ir.IRBuilder,
    held: list[tuple[ir.Value, ir.Value]],
    start: Values,
    column: AddColumn,
    chains: int,
) -> Values:
    """Every ``chains``-th column goes into the same partial sum."""
    partial = [start, *([constant(0.0)] * len(start) for _ in range(chains - 1))]
    for i, (k, operand) in enumerate(held):
        partial[i % chains] = column(k, operand, partial[i % chains])
    while len(partial) > 1:
        last = partial.pop()
        partial[0] = [builder.fadd(a, b) for a, b in zip(partial[0], last, strict=True)]
    return partial[0]


def emit_outer(
    builder: ir.IRBuilder,
    sizes: tuple[int, int],
    steps: ir.Value,
    left: Callable[[ir.Value, ir.Value], ir.Value],
    right: Callable[[ir.Value, ir.Value], ir.Value],
    out: Callable[[ir.Value, ir.Value], ir.Value],
) -> None:
    """``out(r, k) += sum_t left(t, r) right(t, k)``; ``sizes`` are rows and columns, ``out`` gives an address.

    A tile's loop over time works on as many lanes as one register holds, and runs once for each such part of a vector.
    """
    rows, columns = sizes
    lanes, (most_rows, most_columns) = registers().lanes, registers().outer

    def tile(first_row: ir.Value, height: int, first_column: ir.Value, width: int) -> None:
        row = [builder.add(first_row, index(r)) for r in range(height)]
        column = [builder.add(first_column, index(k)) for k in range(width)]
        for first_lane in range(0, LANES, lanes):
            part = range(first_lane, first_lane + lanes)
            target = [emit_offset(builder, out(r, k), index(first_lane)) for r in row for k in column]

            def step(t: ir.Value, sums: Values, part: range = part) -> Values:
                a = [emit_lanes(builder, left(t, r), part) for r in row]
                b = [emit_lanes(builder, right(t, k), part) for k in column]
                pairs = [(x, y) for x in a for y in b]
                return [emit_fma(builder, x, y, value) for (x, y), value in zip(pairs, sums, strict=True)]

            sums = repeat(builder, steps, [emit_load(builder, pointer, lanes) for pointer in target], step)
            for pointer, value in zip(target, sums, strict=True):
                emit_store(builder, value, pointer)

    def row_of_tiles(first: ir.Value, height: int) -> None:
        over_tiles(builder, columns, most_columns, lambda column, width: tile(first, height, column, width))

    over_tiles(builder, rows, most_rows, row_of_tiles)
