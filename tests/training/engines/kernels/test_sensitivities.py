"""The forward sensitivities against automatic differentiation in float64."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sysid_tbptt.training.engines.cpu_least_squares import CpuLeastSquares
from sysid_tbptt.training.engines.kernels import rows, sensitivities, tape
from sysid_tbptt.training.engines.kernels.packing import Parameters
from sysid_tbptt.training.engines.kernels.shapes import SequenceShape
from sysid_tbptt.training.job import Control
from tests.training import exact

# Each (cell, hidden_size, n_u, n_y) is compiled once, in seconds: the cases share few of them.
LSTM = {"model": "lstm", "hidden_size": 5, "n_u": 2, "n_y": 3}
GRU = {"model": "gru", "hidden_size": 33, "n_u": 3, "n_y": 2}
RNN = {"model": "rnn", "hidden_size": 3, "n_u": 2, "n_y": 18, "init_outputs": 4}
CELLS = pytest.mark.parametrize("cell", [LSTM, GRU, RNN], ids=lambda cell: cell["model"])


@pytest.fixture
def window(job):
    """The problem of one window, whose Jacobian fits a block."""

    def build(**changes):
        run = job(optimiser="lm", **changes)
        run = replace(run, starts=run.starts[1:2])
        shape = SequenceShape(run.cell, run.config.hidden_size, run.n_in, run.y.shape[1])
        return run, CpuLeastSquares(run, shape, lambda weights: None, Control())

    return build


def worked(run, problem):
    """The memory after the normal equations of the window, and the sum of its squared errors."""
    work = sensitivities.allocate(problem.shape, problem.columns)
    packed = problem._packed(problem.flat(run.weights()))
    arguments = (problem.shape, problem.problem, packed, problem._tape(), problem.columns, work, run.starts)
    return work, sensitivities.normal_equations(*arguments)


@pytest.mark.parametrize("burn_in", [0, 4, 6], ids=["m=0", "m=4", "m=N-1"])
@CELLS
def test_columns_of_the_jacobian_are_those_of_autograd(cell, burn_in, window):
    run, problem = window(**cell, seq_len=7, burn_in=burn_in)
    work, squares = worked(run, problem)
    J, residuals = exact.jacobian(run)
    block = max(sensitivities.BLOCK, run.y.shape[1])
    columns = work.J.reshape(-1, block, 16).transpose(1, 0, 2).reshape(block, -1)[: len(residuals)]
    assert np.allclose(columns[:, problem.columns.places], J, rtol=0, atol=2e-6 * np.abs(J).max())
    assert np.allclose(columns[:, problem.columns.n - 1], residuals, rtol=0, atol=1e-6)
    assert squares == pytest.approx(residuals @ residuals, rel=1e-6)


@CELLS
def test_every_parameter_has_a_column_that_only_an_added_bias_shares(cell, job):
    run = job(**cell)
    parameters = Parameters(SequenceShape(run.cell, run.config.hidden_size, run.n_in, run.y.shape[1]))
    table = sensitivities.table(parameters)
    column = parameters.views(table.places)
    used = np.unique(table.places)
    assert np.array_equal(used, np.arange(table.n - 1))  # the last is the residual's
    gates = len(column["rnn.bias_ih_l0"]) // run.config.hidden_size
    added = gates - (cell["model"] == "gru")  # the reset gate scales one bias of the new gate
    assert parameters.n - len(used) == added * run.config.hidden_size
    assert (column["rnn.bias_ih_l0"] == column["rnn.bias_hh_l0"]).sum() == added * run.config.hidden_size


@CELLS
def test_uninitialised_memory_is_never_read(cell, window, monkeypatch):
    run, problem = window(**cell, seq_len=9, burn_in=3)
    clean, squares = worked(run, problem)

    def poisoned(n_rows, empty=rows.empty):
        array = empty(n_rows)
        array[:] = np.nan
        return array

    for module in (sensitivities, tape, rows):
        monkeypatch.setattr(module, "empty", poisoned)
    work, again = worked(run, problem)
    n = problem.columns.n
    assert again == squares
    assert np.array_equal(np.triu(work.sums)[:n, :n], np.triu(clean.sums)[:n, :n])
