"""What the tiles compile to, and that their sizes do not change the results."""

import os
import re
import subprocess
import sys

import llvmlite.binding
import numpy as np
import pytest
from numba import njit
from numba.core import types

from sysid_tbptt.training.engines.kernels import rows, tape, tiles
from sysid_tbptt.training.engines.kernels.products import accumulate, preactivate, propagate
from sysid_tbptt.training.engines.kernels.registers import Registers, of_target, registers
from sysid_tbptt.training.engines.kernels.shapes import BatchShape, SequenceShape, ShapeType
from sysid_tbptt.training.engines.kernels.tiles import split

FEATURES = llvmlite.binding.get_host_cpu_features()
AVX2 = pytest.mark.skipif(not FEATURES.get("avx2"), reason="the processor has no AVX2")
SHAPES = [BatchShape("lstm", 8, 1, 1), BatchShape("gru", 9, 2, 3), SequenceShape("lstm", 8, 1, 1)]
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


@AVX2
@pytest.mark.parametrize("shape", SHAPES, ids=repr)
def test_sums_stay_in_registers(shape):
    kind, other = ("z", "[xy]") if registers().lanes == 16 else ("y", "[xz]")
    for name, text in products_of(shape).items():
        assert re.search(rf"vfm\w+\s.*%{kind}mm", text), name
        assert not re.search(rf"vfm\w+\s.*%{other}mm", text), name
        assert not re.search(rf"%{kind}mm\d+, -?\d*\(%rsp\)", text), name
        assert not re.search(rf"\(%rsp\), %{kind}mm", text), name


@AVX2
@pytest.mark.skipif(not FEATURES.get("avx512f"), reason="the processor has 16 registers: the test above covers them")
def test_sums_stay_in_16_registers_of_8_lanes():
    """The same test, compiled for a processor without AVX-512."""
    features = ",".join(("+" if on and "avx512" not in name else "-") + name for name, on in FEATURES.items())
    environment = {**os.environ, "NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": features}
    test = f"{__file__}::test_sums_stay_in_registers"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", test]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout
    assert f"{len(SHAPES)} passed" in done.stdout


@pytest.mark.parametrize(
    ("triple", "features", "expected"),
    [
        ("x86_64-unknown-linux-gnu", ["+avx", "+avx2", "+avx512f"], Registers(lanes=16, count=32)),
        ("x86_64-unknown-linux-gnu", ["+avx", "+avx2", "-avx512f"], Registers(lanes=8, count=16)),
        ("x86_64-pc-windows-msvc", ["-avx", "+sse4.2"], Registers(lanes=4, count=16)),
        ("arm64-apple-darwin23", ["+neon"], Registers(lanes=4, count=32)),
        ("riscv64-unknown-linux-gnu", [""], Registers(lanes=4, count=16)),
    ],
)
def test_a_tile_fits_the_registers(triple, features, expected):
    size = of_target(triple, features)
    assert size == expected
    height, width = size.outer
    assert height * width + width + 1 <= size.count
    assert size.rows >= 1
    assert size.per_vector * (size.rows + 1) + 1 <= size.count


@pytest.mark.parametrize("shape", SHAPES, ids=repr)
def test_tile_sizes_do_not_change_a_bit(shape, monkeypatch):
    results = []
    for size in (Registers(16, 32), Registers(8, 16), Registers(4, 16)):
        monkeypatch.setattr(tiles, "registers", lambda size=size: size)
        results.append(products(shape))
    assert all(np.isfinite(result).all() for result in results)
    assert all(np.array_equal(result, results[0]) for result in results)


def products(shape):
    """One pre-activation, propagation and accumulation of random numbers, compiled anew."""
    rng = np.random.default_rng(0)
    steps = 5
    memory = {name: rng.normal(size=(count, 16)).astype(np.float32) for name, count in tape.rows(shape, steps).items()}
    packed = rng.normal(size=shape.packed * (16 if shape.lanes_are_units else 1)).astype(np.float32)
    gradient = rows.empty(shape.gradients)
    gradient[:] = 0

    @njit(error_model="numpy")
    def work(shape, packed, z, a, dh, gradient):
        accumulate(shape, a, z, 0, steps, gradient)
        propagate(shape, packed, a, 3, dh)
        preactivate(shape, packed, z, 3, a)

    work(shape, packed, memory["z"], memory["a"], memory["dh"], gradient)
    written = shape.a_rows * 3 + np.arange(shape.rows)
    return np.concatenate(
        [gradient[: shape.at_readout_gradient].ravel(), memory["dh"].ravel(), memory["a"][written].ravel()]
    )
