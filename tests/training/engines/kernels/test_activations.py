import numpy as np
import pytest
from numba import njit

from sysid_tbptt.training.engines.kernels.activations import logistics, tanh, tanh_and_logistics
from sysid_tbptt.training.engines.kernels.rows import empty
from sysid_tbptt.training.engines.kernels.simd import load, store


@njit
def all_of_them(x, out):
    for row in range(len(x)):
        v = load(x, row)
        store(out[0], row, tanh(v))
        store(out[1], row, logistics(v, v)[1])
        together = tanh_and_logistics(v, v, v, v)
        for k in range(4):
            store(out[2 + k], row, together[k])


@pytest.fixture(scope="module")
def values():
    """Arguments, and tanh, logistic, and the four together."""
    x = np.concatenate([np.linspace(-30, 30, 160000), np.linspace(-0.1, 0.1, 16000)]).astype(np.float32)
    rows = empty(len(x) // 16)
    rows[:] = x.reshape(-1, 16)
    out = np.empty((6, len(rows), 16), np.float32)
    all_of_them(rows, out)
    return x.astype(np.float64), out.reshape(6, -1).astype(np.float64)


def test_tanh_is_accurate_to_float32(values):
    x, out = values
    for ours in (out[0], out[2]):
        assert np.abs(ours / np.where(x == 0, 1, np.tanh(x)) - (x != 0)).max() < 4e-7


def test_logistic_is_accurate_to_float32(values):
    x, out = values
    for ours in (out[1], *out[3:]):
        assert np.abs(ours - 1 / (1 + np.exp(-x))).max() < 2e-7


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38, 0.0])
def test_extremes(value):
    rows, out = empty(1), np.empty((6, 1, 16), np.float32)
    rows[:] = value
    all_of_them(rows, out)
    with np.errstate(over="ignore"):
        logistic = 1 / (1 + np.exp(-np.float64(value)))
    expected = [np.tanh(value), logistic, np.tanh(value), logistic, logistic, logistic]
    assert np.allclose(out[:, 0], np.array(expected)[:, None], atol=3e-7, equal_nan=True)
