"""What the parameters do at one step, against scalar loops, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest

from sysid_tbptt.training.engines.kernels import sensitivities, tape
from sysid_tbptt.training.engines.kernels.packing import Parameters
from sysid_tbptt.training.engines.kernels.shapes import SequenceShape


def of_units(rows, H):
    """Rows of lanes as numbers of the units."""
    return rows.reshape(-1)[:H]


def expected(shape, steps, S, t):
    """S (units, columns of W) of h, and of c in the LSTM. A product is rounded, then the sum."""
    h, H = shape.z_rows * t, shape.H
    rest = steps.z[h + shape.units : h + shape.z_rows].reshape(-1)[: 1 + shape.n_u]
    z = np.concatenate([of_units(steps.z[h : h + shape.units], H), rest])
    column = 0
    for gate, gates, first, count in shape.blocks():
        for row in range(gate * H, (gate + gates) * H):
            at, unit = divmod(row, H)
            gate_row = shape.a_rows * t + at * shape.units
            d = of_units(steps.a[gate_row : gate_row + shape.units], H)[unit]
            span, numbers = slice(column, column + count), z[first : first + count]
            if shape.cell == "lstm" and at < 3:
                S[H + unit, span] += d * numbers
                d = d * of_units(steps.dh, H)[unit]
            S[unit, span] += d * numbers
            column += count
    return S


@pytest.mark.parametrize(("cell", "H", "n_u"), [("lstm", 5, 2), ("gru", 17, 1), ("rnn", 1, 18)])
def test_the_direct_part_is_that_of_scalar_loops(cell, H, n_u):
    shape, t, rng = SequenceShape(cell, H, n_u, 1), 1, np.random.default_rng(0)
    columns = sensitivities.table(Parameters(shape))
    work, steps = sensitivities.allocate(shape, columns), tape.allocate(shape, 2)
    for array in (work.S, steps.a, steps.z, steps.dh):
        array[:] = rng.normal(size=array.shape)

    def by_unit():
        """(units of h and c, columns of W), without the spare columns of the last panel."""
        panels = work.S.reshape(-(-columns.recurrent // 16), -1, 16)
        return panels.transpose(1, 0, 2).reshape(panels.shape[1], -1)

    wanted, before = expected(shape, steps, by_unit()[:, : columns.recurrent].copy(), t), by_unit().copy()
    sensitivities._add_direct(shape, steps, t, columns, work)
    assert np.array_equal(by_unit()[:, : columns.recurrent], wanted)
    assert np.array_equal(by_unit()[:, columns.recurrent :], before[:, columns.recurrent :])
