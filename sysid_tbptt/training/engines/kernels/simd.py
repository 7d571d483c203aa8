"""A vector of 16 float32 lanes for Numba: loads, stores, arithmetic that reads as equations, lane sums.

The lanes are explicit (``<16 x float>``), so that no auto-vectoriser has to find them; LLVM splits them on a CPU
with narrower registers. A product and a sum may contract to one fused multiply-add, and nothing else is reordered.
"""

from __future__ import annotations

import operator
import platform
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.imputils import lower_builtin
from numba.core.typing.templates import ConcreteTemplate, infer_global, signature
from numba.extending import models, register_model

from .decorators import intrinsic

LANES = 16
FLOAT, DOUBLE = ir.FloatType(), ir.DoubleType()
VECTOR = ir.VectorType(FLOAT, LANES)
INDEX = ir.IntType(64)
CONTRACT = ("contract",)
_FLUSH_X86 = 0x8040
"""Flush-to-zero and denormals-are-zero in the x86 control register MXCSR."""


class VectorType(types.Type):
    """Numba's type of one vector."""

    def __init__(self) -> None:
        super().__init__(name="float32x16")


vector = VectorType()


@register_model(VectorType)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, dmm: Any, fe_type: types.Type) -> None:
        super().__init__(dmm, fe_type, VECTOR)


# --- pieces of LLVM IR, for intrinsics -------------------------------------------------------------------------


def constant(value: float) -> ir.Constant:
    return ir.Constant(VECTOR, [value] * LANES)


def index(value: int) -> ir.Constant:
    return ir.Constant(INDEX, value)


def emit_pointer(context: Any, builder: ir.IRBuilder, array_type: types.Array, array: Any) -> ir.Value:
    return context.make_array(array_type)(context, builder, array).data


def emit_offset(builder: ir.IRBuilder, pointer: ir.Value, floats: ir.Value) -> ir.Value:
    return builder.gep(pointer, [floats], source_etype=FLOAT)


def emit_row(builder: ir.IRBuilder, pointer: ir.Value, row: ir.Value) -> ir.Value:
    """The address of a row of 16 floats."""
    return emit_offset(builder, pointer, builder.mul(row, index(LANES)))


def emit_load(builder: ir.IRBuilder, pointer: ir.Value, lanes: int = LANES) -> ir.Value:
    kind = ir.VectorType(FLOAT, lanes)
    return builder.load(builder.bitcast(pointer, kind.as_pointer()), align=4, typ=kind)


def emit_store(builder: ir.IRBuilder, value: ir.Value, pointer: ir.Value) -> None:
    builder.store(value, builder.bitcast(pointer, value.type.as_pointer()), align=4)


def emit_splat(builder: ir.IRBuilder, scalar: ir.Value, lanes: int = LANES) -> ir.Value:
    undefined = ir.Constant(ir.VectorType(FLOAT, lanes), ir.Undefined)
    first = builder.insert_element(undefined, scalar, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes))


def emit_fma(builder: ir.IRBuilder, a: ir.Value, b: ir.Value, c: ir.Value) -> ir.Value:
    """``a * b + c``, rounded once; vectors of any number of lanes."""
    kind = ir.FunctionType(a.type, [a.type] * 3)
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, f"llvm.fma.v{a.type.count}f32"), [a, b, c])


def emit_lanes(builder: ir.IRBuilder, value: ir.Value, lanes: range) -> ir.Value:
    """Some of a vector's lanes."""
    mask = ir.Constant(ir.VectorType(ir.IntType(32), len(lanes)), list(lanes))
    return builder.shuffle_vector(value, ir.Constant(value.type, ir.Undefined), mask)


def is_rows(kind: types.Type) -> bool:
    """An array of float32 whose rows are vectors, or a flat one."""
    return isinstance(kind, types.Array) and kind.dtype == types.float32 and kind.layout == "C"


# --- what kernels call -----------------------------------------------------------------------------------------


@intrinsic
def load(_: Any, array: types.Type, row: types.Type) -> Any:
    """The vector in a row of an array (rows, 16)."""

    def emit(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        pointer = emit_pointer(context, builder, sig.args[0], args[0])
        return emit_load(builder, emit_row(builder, pointer, args[1]))

    return (vector(array, types.intp), emit) if is_rows(array) else None


@intrinsic
def load_from(_: Any, array: types.Type, place: types.Type) -> Any:
    """The vector that begins at any number of an array."""

    def emit(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        pointer = emit_pointer(context, builder, sig.args[0], args[0])
        return emit_load(builder, emit_offset(builder, pointer, args[1]))

    return (vector(array, types.intp), emit) if is_rows(array) else None


@intrinsic
def store(_: Any, array: types.Type, row: types.Type, value: types.Type) -> Any:
    """Puts a vector into a row of an array (rows, 16)."""

    def emit(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        pointer = emit_pointer(context, builder, sig.args[0], args[0])
        emit_store(builder, args[2], emit_row(builder, pointer, args[1]))
        return context.get_dummy_value()

    return (types.void(array, types.intp, vector), emit) if is_rows(array) else None


@intrinsic
def splat(_: Any, scalar: types.Type) -> Any:
    """One number in every lane."""

    def emit(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        return emit_splat(builder, args[0])

    return vector(types.float32), emit


@intrinsic
def total(_: Any, value: types.Type) -> Any:
    """The sum of the lanes, always in the same order."""

    def emit(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        lanes = args[0]
        width = LANES
        while width > 1:
            width //= 2
            halves = (range(width), range(width, 2 * width))
            low, high = (emit_lanes(builder, lanes, half) for half in halves)
            lanes = builder.fadd(low, high)
        return builder.extract_element(lanes, ir.Constant(ir.IntType(32), 0))

    return types.float32(vector), emit


def clamp_to(bound: float) -> Any:
    """An intrinsic that limits every lane to [-bound, bound]; a lane that is not a number stays so."""

    @intrinsic
    def clamp(_: Any, value: types.Type) -> Any:
        def emit(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
            below = builder.select(builder.fcmp_ordered("<", constant(bound), args[0]), constant(bound), args[0])
            return builder.select(builder.fcmp_ordered(">", constant(-bound), below), constant(-bound), below)

        return vector(vector), emit

    return clamp


def polynomial(coefficients: tuple[float, ...]) -> Any:
    """An intrinsic that evaluates a polynomial, constant term first, by Horner's rule."""

    @intrinsic
    def evaluate(_: Any, value: types.Type) -> Any:
        def emit(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
            result = constant(coefficients[-1])
            for coefficient in reversed(coefficients[:-1]):
                result = emit_fma(builder, result, args[0], constant(coefficient))
            return result

        return vector(vector), emit

    return evaluate


@intrinsic
def flush_denormals(_: Any) -> Any:
    """Flushes denormals to zero in this thread and returns what `restore_denormals` takes; x86 only."""

    def emit(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        if not _is_x86():
            return ir.Constant(ir.IntType(32), 0)
        before = _read_control(builder)
        _write_control(builder, builder.or_(before, ir.Constant(ir.IntType(32), _FLUSH_X86)))
        return before

    return types.int32(), emit


@intrinsic
def restore_denormals(_: Any, before: types.Type) -> Any:
    """Puts this thread's handling of denormals back."""

    def emit(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        if _is_x86():
            _write_control(builder, args[0])
        return context.get_dummy_value()

    return types.void(types.int32), emit


def _is_x86() -> bool:
    return platform.machine().lower() in ("x86_64", "amd64", "i386", "i686")


def _control_call(builder: ir.IRBuilder, name: str, slot: ir.Value) -> None:
    byte_pointer = ir.IntType(8).as_pointer()
    kind = ir.FunctionType(ir.VoidType(), [byte_pointer])
    function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.x86.sse.{name}")
    builder.call(function, [builder.bitcast(slot, byte_pointer)])


def _read_control(builder: ir.IRBuilder) -> ir.Value:
    slot = cgutils.alloca_once(builder, ir.IntType(32))
    _control_call(builder, "stmxcsr", slot)
    return builder.load(slot)


def _write_control(builder: ir.IRBuilder, value: ir.Value) -> None:
    slot = cgutils.alloca_once(builder, ir.IntType(32))
    builder.store(value, slot)
    _control_call(builder, "ldmxcsr", slot)


# --- arithmetic ------------------------------------------------------------------------------------------------

_NUMBERS = (types.float32, types.float64, types.int64)


def _define(operation: Any, instruction: str) -> None:
    """``vector op vector``, and either side a number."""
    kinds = [(vector, vector), *((vector, n) for n in _NUMBERS), *((n, vector) for n in _NUMBERS)]

    @infer_global(operation)
    class _Typing(ConcreteTemplate):
        cases = [signature(vector, *kind) for kind in kinds]  # noqa: RUF012

    def emit(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        operands = [_as_vector(context, builder, kind, arg) for kind, arg in zip(sig.args, args, strict=True)]
        return getattr(builder, instruction)(*operands, flags=CONTRACT)

    for kind in kinds:
        lower_builtin(operation, *kind)(emit)


def _as_vector(context: Any, builder: ir.IRBuilder, kind: types.Type, value: ir.Value) -> ir.Value:
    if kind == vector:
        return value
    return emit_splat(builder, context.cast(builder, value, kind, types.float32))


for _operation, _instruction in (
    (operator.add, "fadd"),
    (operator.sub, "fsub"),
    (operator.mul, "fmul"),
    (operator.truediv, "fdiv"),
):
    _define(_operation, _instruction)
