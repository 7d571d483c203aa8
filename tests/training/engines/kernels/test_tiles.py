"""What the tiles compile to."""

import re

import llvmlite.binding
import pytest
from numba import njit
from numba.core import types

from sysid_tbptt.training.engines.kernels.products import accumulate, preactivate, propagate
from sysid_tbptt.training.engines.kernels.shapes import BatchShape, SequenceShape, ShapeType
from sysid_tbptt.training.engines.kernels.tiles import split

AVX512 = pytest.mark.skipif(
    not llvmlite.binding.get_host_cpu_features().get("avx512f"), reason="vectors of 16 lanes need AVX-512"
)
ROWS, FLAT, INT = types.float32[:, ::1], types.float32[::1], types.int64


@pytest.mark.parametrize("n", [0, 1, 5, 8, 9, 33, 132, 256])
def test_split_covers_all_in_nearly_equal_tiles(n):
    sizes = [size for _, count, size in split(n, 8) for _ in range(count)]
    firsts = [first + i * size for first, count, size in split(n, 8) for i in range(count)]
    assert sum(sizes) == n
    assert firsts == [sum(sizes[:i]) for i in range(len(sizes))]
    assert max(sizes, default=0) <= 8
    assert max(sizes, default=0) - min(sizes, default=0) <= 1


def assembly(function, *kinds):
    dispatcher = njit(error_model="numpy")(function)
    dispatcher.compile(kinds)
    (text,) = dispatcher.inspect_asm().values()
    return text.split("_ZN7cpython")[0]  # without the wrappers that Python calls


def products_of(shape):
    kind = ShapeType(shape)
    return {
        "preactivate": assembly(lambda s, w, z, t, a: preactivate(s, w, z, t, a), kind, FLAT, ROWS, INT, ROWS),
        "propagate": assembly(lambda s, w, a, t, d: propagate(s, w, a, t, d), kind, FLAT, ROWS, INT, ROWS),
        "accumulate": assembly(lambda s, a, z, t, n, g: accumulate(s, a, z, t, n, g), kind, ROWS, ROWS, INT, INT, ROWS),
    }


@AVX512
@pytest.mark.parametrize(
    "shape", [BatchShape("lstm", 8, 1, 1), BatchShape("gru", 33, 2, 3), SequenceShape("lstm", 8, 1, 1)], ids=repr
)
def test_sums_stay_in_registers_of_16_lanes(shape):
    for name, text in products_of(shape).items():
        assert re.search(r"vfm\w+\s.*%zmm", text), name
        assert not re.search(r"vfm\w+\s.*%[xy]mm", text), name
        assert not re.search(r"%zmm\d+, -?\d*\(%rsp\)", text), name
        assert not re.search(r"\(%rsp\), %zmm", text), name
