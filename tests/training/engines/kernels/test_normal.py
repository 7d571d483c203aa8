import numpy as np
import pytest
from numba import njit

from sysid_tbptt.training.engines.kernels import normal, rows
from sysid_tbptt.training.engines.kernels.normal import accumulate_normal
from sysid_tbptt.training.engines.kernels.registers import Registers
from sysid_tbptt.training.engines.kernels.simd import LANES

BLOCK = 23


@pytest.mark.parametrize("n_rows", [0, 1, 7, BLOCK])
@pytest.mark.parametrize("panels", [1, 2, 3, 6])
def test_products_of_all_columns_are_added_to_the_upper_triangle(panels, n_rows):
    """Rows after the first ``n_rows`` are of an earlier block."""
    rng = np.random.default_rng(panels)
    J, n = rows.empty(panels * BLOCK), panels * LANES
    J[:] = rng.normal(size=J.shape)
    before = rng.normal(size=(n, n))
    sums = before.copy()
    accumulate_normal(J, n_rows, sums)
    columns = J.reshape(panels, BLOCK, LANES)[:, :n_rows].transpose(1, 0, 2).reshape(n_rows, n).astype(float)
    assert np.allclose(np.triu(sums - before), np.triu(columns.T @ columns), rtol=0, atol=1e-5)


def test_the_sums_over_blocks_are_float64():
    J, sums = rows.empty(1), np.zeros((LANES, LANES))
    J[:] = 1
    for _ in range(3):
        sums[0, 0] += 2.0**24  # the next whole number has no float32
        accumulate_normal(J, 1, sums)
    assert sums[0, 0] == 3 * 2**24 + 3


def test_tile_sizes_do_not_change_a_bit(monkeypatch):
    J = rows.empty(6 * BLOCK)
    J[:] = np.random.default_rng(0).normal(size=J.shape)
    results = []
    for size in (Registers(16, 32), Registers(8, 16), Registers(4, 16)):
        monkeypatch.setattr(normal, "registers", lambda size=size: size)
        sums = np.zeros((6 * LANES, 6 * LANES))
        njit(error_model="numpy")(accumulate_normal.py_func)(J, BLOCK, sums)
        results.append(sums)
    assert results[0].any()
    assert all(np.array_equal(result, results[0]) for result in results)
