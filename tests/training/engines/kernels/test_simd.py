import numpy as np
from numba import njit

from sysid_tbptt.training.engines.kernels.rows import empty
from sysid_tbptt.training.engines.kernels.simd import (
    flush_denormals,
    load,
    load_from,
    restore_denormals,
    splat,
    store,
    total,
)


@njit
def arithmetic(a, b, out):
    x, y = load(a, 0), load(b, 0)
    store(out, 0, x + y)
    store(out, 1, x - y)
    store(out, 2, x * y)
    store(out, 3, x / y)
    store(out, 4, 1 - x * 2.0 + y)
    store(out, 5, splat(np.float32(3)))
    return total(x)


def test_operators_and_sum():
    rng = np.random.default_rng(0)
    a, b, out = empty(1), empty(1), empty(6)
    a[:], b[:] = rng.normal(size=(2, 1, 16))
    summed = arithmetic(a, b, out)
    expected = [a + b, a - b, a * b, a / b, 1 - 2 * a + b, np.full_like(a, 3)]
    assert np.allclose(out, np.concatenate(expected), rtol=1e-6)
    assert np.isclose(summed, a.sum(dtype=np.float64), rtol=1e-6)


@njit
def copied(numbers, place, out):
    store(out, 0, load_from(numbers, place))


def test_a_vector_begins_at_any_number():
    numbers, out = np.arange(40, dtype=np.float32), empty(1)
    for place in (0, 1, 17, 24):
        copied(numbers, place, out)
        assert np.array_equal(out[0], numbers[place : place + 16])


@njit
def halved(values, out):
    before = flush_denormals()
    for i in range(len(values)):
        out[i] = values[i] * np.float32(0.5)
    restore_denormals(before)


def test_denormals_are_flushed_inside_and_kept_outside():
    values, out = np.full(1, 1.5e-38, np.float32), np.full(1, 7, np.float32)
    halved(values, out)
    assert out[0] in (0, values[0] / 2)  # kept where the CPU's flag is not known
    assert values[0] * np.float32(0.5) != 0


def test_rows_begin_on_cache_lines():
    assert all(empty(n).ctypes.data % 64 == 0 for n in (1, 2, 3, 100))
