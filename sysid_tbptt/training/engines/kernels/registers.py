"""The vector registers of the processor that the kernels are compiled for.

Their width and number decide the sizes of the register tiles. The sizes do not change the order of any sum, so they do
not change the results.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from numba.core.registry import cpu_target

from .simd import LANES


@dataclass(frozen=True)
class Registers:
    """``count`` registers of ``lanes`` float32 numbers each."""

    lanes: int
    count: int

    @property
    def per_vector(self) -> int:
        """Registers that one vector of 16 lanes occupies."""
        return LANES // self.lanes

    @property
    def rows(self) -> int:
        """Sums of 16 lanes in a tile of a product: they fit beside one operand and one weight.

        Eight registers of sums hide the latency of a fused multiply-add.
        """
        fitting = (self.count - self.per_vector - 1) // self.per_vector
        return min(8, 1 << fitting.bit_length() - 1)

    @property
    def outer(self) -> tuple[int, int]:
        """Rows and columns of a tile of an outer product: r c sums, c columns and one row, each one register."""
        return (4, 5) if self.count >= 32 else (4, 3)


@cache
def registers() -> Registers:
    """Those of the compiler's target, which is this machine's processor unless Numba is configured otherwise."""
    triple, _, features = cpu_target.target_context.codegen().magic_tuple()
    return of_target(triple, features.split(","))


def of_target(triple: str, features: list[str]) -> Registers:
    """The registers of an LLVM target; unknown processors count as the least of those known."""
    if triple.startswith(("aarch64", "arm64")):
        return Registers(lanes=4, count=32)
    if "+avx512f" in features:
        return Registers(lanes=16, count=32)
    return Registers(lanes=8 if "+avx" in features else 4, count=16)
