"""Small matrix products in register tiles, written out as LLVM IR when a kernel is compiled.

A tile keeps all its sums in registers while it runs over the summed index. The loops over tiles are loops in the
machine code; the loops within a tile run here, in Python, and leave straight-line code.
"""

from __future__ import annotations

from collections.abc import Callable

from llvmlite import ir

from .simd import FLOAT, constant, emit_fma, emit_load, emit_offset, emit_row, emit_splat, emit_store, index

ROWS = 8
"""Rows of a tile of `emit_multiply`: eight sums hide the latency of a fused multiply-add."""
OUTER = (4, 5)
"""Rows and columns of a tile of `emit_outer`: twenty sums and five columns fit the 32 registers of AVX-512."""
UNROLLED = 16
"""Columns up to which a tile of `emit_multiply` holds all its operands in registers."""
CHUNK = 4
"""Columns in one turn of a longer tile's loop."""

Values = list[ir.Value]


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


def over_columns(builder: ir.IRBuilder, n: int, sums: Values, add: Callable[[ir.Value, Values], Values]) -> Values:
    """``sums = add(k, sums)`` for k in range(n), several columns a turn."""

    def turn(i: ir.Value, sums: Values) -> Values:
        for k in range(CHUNK):
            sums = add(builder.add(builder.mul(i, index(CHUNK)), index(k)), sums)
        return sums

    sums = repeat(builder, index(n // CHUNK), sums, turn)
    for k in range(n - n % CHUNK, n):
        sums = add(index(k), sums)
    return sums


def emit_multiply(
    builder: ir.IRBuilder,
    sizes: tuple[int, int, int],
    weights: ir.Value,
    z: ir.Value,
    out: ir.Value,
    add: bool,
) -> None:
    """``out[r] (+)= sum_k weights[r, k] z[k]``; ``sizes`` are rows, columns and the weights' row stride."""
    rows, columns, stride = sizes

    def operand(k: ir.Value) -> ir.Value:
        return emit_load(builder, emit_row(builder, z, k))

    held = [operand(index(k)) for k in range(columns)] if columns <= UNROLLED else []

    def tile(first: ir.Value, size: int) -> None:
        row = emit_offset(builder, weights, builder.mul(first, index(stride)))
        target = [emit_row(builder, out, builder.add(first, index(r))) for r in range(size)]

        def column(k: ir.Value, sums: Values, z_k: ir.Value | None = None) -> Values:
            z_k = operand(k) if z_k is None else z_k
            at = [emit_offset(builder, row, builder.add(k, index(r * stride))) for r in range(size)]
            scalars = [builder.load(pointer, typ=FLOAT) for pointer in at]
            return [
                emit_fma(builder, emit_splat(builder, w), z_k, total) for w, total in zip(scalars, sums, strict=True)
            ]

        sums = [emit_load(builder, pointer) if add else constant(0.0) for pointer in target]
        for k, z_k in enumerate(held):
            sums = column(index(k), sums, z_k)
        if not held:
            sums = over_columns(builder, columns, sums, column)
        for pointer, value in zip(target, sums, strict=True):
            emit_store(builder, value, pointer)

    over_tiles(builder, rows, ROWS, tile)


def emit_outer(
    builder: ir.IRBuilder,
    sizes: tuple[int, int],
    steps: ir.Value,
    left: tuple[ir.Value, int],
    right: tuple[ir.Value, int],
    out: tuple[ir.Value, int],
) -> None:
    """``out[r, k] += sum_t left[t, r] right[t, k]``; ``sizes`` are rows and columns, each operand has its stride."""
    rows, columns = sizes

    def tile(first_row: ir.Value, height: int, first_column: ir.Value, width: int) -> None:
        corner = builder.add(builder.mul(first_row, index(out[1])), first_column)
        target = [
            emit_row(builder, out[0], builder.add(corner, index(r * out[1] + k)))
            for r in range(height)
            for k in range(width)
        ]

        def step(t: ir.Value, sums: Values) -> Values:
            a = _rows_at(builder, left, t, first_row, height)
            b = _rows_at(builder, right, t, first_column, width)
            pairs = [(x, y) for x in a for y in b]
            return [emit_fma(builder, x, y, value) for (x, y), value in zip(pairs, sums, strict=True)]

        sums = repeat(builder, steps, [emit_load(builder, pointer) for pointer in target], step)
        for pointer, value in zip(target, sums, strict=True):
            emit_store(builder, value, pointer)

    def row_of_tiles(first: ir.Value, height: int) -> None:
        over_tiles(builder, columns, OUTER[1], lambda column, width: tile(first, height, column, width))

    over_tiles(builder, rows, OUTER[0], row_of_tiles)


def _rows_at(builder: ir.IRBuilder, operand: tuple[ir.Value, int], t: ir.Value, first: ir.Value, count: int) -> Values:
    pointer, stride = operand
    base = emit_row(builder, pointer, builder.add(builder.mul(t, index(stride)), first))
    return [emit_load(builder, emit_row(builder, base, index(i))) for i in range(count)]
