"""The fastest that one core can multiply and add float32: independent fused multiply-adds on full vectors."""

from __future__ import annotations

from time import process_time
from typing import Any

import numpy as np
from numba import njit
from numba.core import types

from sysid_tbptt.training.engines.kernels.decorators import intrinsic
from sysid_tbptt.training.engines.kernels.registers import registers
from sysid_tbptt.training.engines.kernels.simd import LANES, constant, emit_fma, splat, total, vector
from sysid_tbptt.training.engines.kernels.tiles import repeat

SUMS = registers().count * 3 // 4 // registers().per_vector
"""Independent sums of 16 lanes in three quarters of the registers: more than latency times pipes, and none spills."""
TURNS = 1 << 16


@intrinsic
def _spin(_: Any, turns: types.Type, factor: types.Type) -> Any:
    """``sum = sum * factor + factor`` for every sum, so many times."""

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        start = [constant(float(k)) for k in range(SUMS)]
        sums = repeat(
            builder, args[0], start, lambda _, now: [emit_fma(builder, value, args[1], args[1]) for value in now]
        )
        result = sums[0]
        for value in sums[1:]:
            result = builder.fadd(result, value)
        return result

    return vector(types.intp, vector), emit


@njit
def _run(turns: int, factor: float) -> float:
    return total(_spin(turns, splat(factor)))


def gflops(repeats: int = 20) -> float:
    """GFLOP/s of one core, the best of several short runs."""
    factor = np.float32(0.5)
    _run(TURNS, factor)
    seconds = []
    for _ in range(repeats):
        began = process_time()
        _run(TURNS, factor)
        seconds.append(process_time() - began)
    return 2 * LANES * SUMS * TURNS / min(seconds) / 1e9
