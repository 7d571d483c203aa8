"""Levenberg-Marquardt on the CPU engine against autograd in float64 and against the reference engine."""

from __future__ import annotations

import numpy as np
import pytest

from sysid_tbptt.training.engines import cpu, reference
from sysid_tbptt.training.engines.cpu_least_squares import PARTS, CpuLeastSquares
from sysid_tbptt.training.engines.kernels.shapes import SequenceShape
from sysid_tbptt.training.job import Control, Interrupted
from tests.training import exact

# Each (cell, hidden_size, n_u, n_y) is compiled once, in seconds: the cases share few of them.
LSTM = {"model": "lstm", "hidden_size": 5, "n_u": 2, "n_y": 3}
GRU = {"model": "gru", "hidden_size": 33, "n_u": 3, "n_y": 2}
RNN = {"model": "rnn", "hidden_size": 3, "n_u": 2, "n_y": 18, "init_outputs": 4}

PROBLEMS = {
    "lstm": LSTM | {"seq_len": 21, "burn_in": 10, "lengths": (60,)},
    "lstm, m=0": LSTM | {"seq_len": 21, "burn_in": 0, "lengths": (50,)},
    "lstm, m=N-1": LSTM | {"seq_len": 21, "burn_in": 20, "stride": 19},
    "lstm, N=1": LSTM | {"seq_len": 1, "burn_in": 0, "stride": 9},
    "lstm, more rows than a block": LSTM | {"seq_len": 50, "burn_in": 3, "lengths": (100,)},
    "lstm, records": LSTM | {"seq_len": 21, "burn_in": 10, "lengths": (60, 20, 35)},
    "lstm, stride": LSTM | {"seq_len": 21, "burn_in": 10, "stride": 4, "lengths": (40, 31)},
    "gru": GRU | {"seq_len": 12, "burn_in": 11, "stride": 40},
    "gru, m=0": GRU | {"seq_len": 12, "burn_in": 0, "stride": 90},
    "rnn with init_outputs": RNN | {"seq_len": 9, "burn_in": 3, "lengths": (30, 21)},
    "rnn with init_outputs, m=0": RNN | {"seq_len": 9, "burn_in": 0, "lengths": (30,)},
}


def problem_of(run, threads=1):
    shape = SequenceShape(run.cell, run.config.hidden_size, run.n_in, run.y.shape[1])
    control = Control(threads=lambda: threads)
    return CpuLeastSquares(run, shape, lambda weights: cpu.simulator(run, weights), control)


@pytest.mark.parametrize("case", PROBLEMS.values(), ids=PROBLEMS)
def test_the_normal_equations_are_those_of_autograd(case, job):
    run = job(optimiser="lm", **case)
    problem = problem_of(run)
    weights = problem.flat(run.weights())
    matrix, gradient, mse = problem.normal(weights)
    J, r = exact.jacobian(run)
    expected, slope = J.T @ J / len(r), J.T @ r / len(r)
    assert np.linalg.norm(matrix - expected) <= 2e-6 * np.linalg.norm(expected)
    assert np.linalg.norm(gradient - slope) <= 5e-6 * np.linalg.norm(slope)
    assert mse == pytest.approx(r @ r / len(r), rel=1e-6)
    assert problem.mse(weights) == pytest.approx(mse, rel=1e-12)
    assert np.array_equal(matrix, matrix.T)


def test_the_arrays_of_a_vector_are_its_weights(job):
    run = job(optimiser="lm", **LSTM)
    problem, weights = problem_of(run), run.weights()
    again = problem.arrays(problem.flat(weights))
    assert weights.keys() == again.keys()
    assert all(np.array_equal(weights[name], again[name]) for name in weights)
    assert not np.shares_memory(again["readout.bias"], problem.flat(weights))


@pytest.mark.parametrize("cell", [LSTM, RNN], ids=["lstm", "rnn with init_outputs"])
def test_the_validation_error_is_that_of_the_reference(cell, job):
    run = job(optimiser="lm", **cell)
    theirs = reference.ReferenceLeastSquares(run)
    ours, weights = problem_of(run), theirs.flat(run.weights())
    assert ours.validation_mse(weights) == pytest.approx(theirs.validation_mse(weights), rel=1e-5)


def expected_step(run, ridge, damping):
    """The weights after the first step, by the equations of the method, in float64."""
    J, r = exact.jacobian(run)
    weights = np.concatenate([array.ravel() for array in run.weights().values()]).astype(float)
    matrix = J.T @ J / len(r) + ridge * np.eye(len(weights))
    diagonal = np.diag(matrix) + 1e-10 * np.diag(matrix).max()
    return weights - np.linalg.solve(matrix + damping * np.diag(diagonal), J.T @ r / len(r) + ridge * weights)


@pytest.mark.parametrize("ridge", [0.0, 1e-2])
@pytest.mark.parametrize("cell", [LSTM, RNN], ids=["lstm", "rnn with init_outputs"])
@pytest.mark.parametrize("engine", [cpu, reference], ids=["cpu", "reference"])
def test_the_first_step_is_that_of_the_method(engine, cell, ridge, job):
    run = job(optimiser="lm", steps=1, damping=100.0, ridge=ridge, lengths=(40,), **cell)
    trained = engine.train(run, Control())
    before, after = (np.concatenate([w.ravel() for w in each.values()]) for each in (run.weights(), trained.weights))
    expected = expected_step(run, ridge, 100.0)
    assert trained.ended == "budget"
    assert np.linalg.norm(after - expected) <= 1e-4 * np.linalg.norm(expected - before)


@pytest.mark.parametrize(
    "changes",
    [
        LSTM,
        LSTM | {"warm_steps": 20, "learning_rate": 1e-2, "stride": 5, "lengths": (100, 60)},
        LSTM | {"warm_steps": 5, "input_noise": 0.1, "clip_norm": 0.1, "lr_schedule": "cosine"},
        RNN | {"ridge": 1e-3, "burn_in": 0},
    ],
    ids=["lstm", "warm start", "warm start with noise", "rnn with init_outputs"],
)
def test_the_course_is_that_of_the_reference(changes, job):
    """Of the first iterations: later ones amplify rounding."""
    run = job(optimiser="lm", steps=3, damping=100.0, **changes)
    ours, theirs = (engine.train(run, Control()) for engine in (cpu, reference))
    assert (ours.status, ours.ended, ours.steps_done) == (theirs.status, theirs.ended, theirs.steps_done)
    assert np.allclose(ours.curve, theirs.curve, rtol=1e-4, atol=0)
    assert np.allclose(ours.validation, theirs.validation, rtol=1e-3, atol=0)
    assert len(ours.validation) == 3


def assert_equal_to_the_bit(one, other):
    for field in ("status", "ended", "steps_done", "curve", "validation", "last100_mean", "best_step"):
        assert getattr(one, field) == getattr(other, field), field
    assert all(np.array_equal(one.weights[name], other.weights[name]) for name in one.weights)


@pytest.mark.parametrize("n_windows", [1, 3, 100])
def test_the_number_of_threads_does_not_change_a_bit(n_windows, job):
    run = job(optimiser="lm", steps=4, stride=2, seq_len=12, lengths=(12 + 2 * (n_windows - 1),), batch_size=1, **LSTM)
    assert len(run.starts) == n_windows
    assert len(problem_of(run).parts) == min(n_windows, PARTS)
    one, *others = (cpu.train(run, Control(threads=lambda n=n: n)) for n in (1, 2, 5, 40))
    for other in others:
        assert_equal_to_the_bit(one, other)


def test_the_number_of_threads_may_change_during_a_run(job):
    run = job(optimiser="lm", steps=6, **LSTM)
    numbers = iter([1, 3, 2] * 100)
    changing = Control(threads=lambda: next(numbers))
    assert_equal_to_the_bit(cpu.train(run, changing), cpu.train(run, Control()))


def test_processor_time_of_helping_threads_is_counted(job):
    run = job(optimiser="lm", steps=3, **LSTM)
    alone, helped = Control(), Control(threads=lambda: 2)
    cpu.train(run, alone)
    cpu.train(run, helped)
    assert alone.helpers_cpu_s == 0 < helped.helpers_cpu_s


RESUMED = {
    "plain": LSTM,
    "warm start": LSTM | {"warm_steps": 12, "learning_rate": 1e-2, "input_noise": 0.1, "ridge": 1e-4},
    "patience": LSTM | {"warm_steps": 3, "patience": 30},
}


@pytest.mark.parametrize("changes", RESUMED.values(), ids=RESUMED)
def test_a_run_resumes_to_the_bit_from_checkpoints_of_both_phases(changes, job, monkeypatch):
    monkeypatch.setattr(cpu, "_CHUNK_SECONDS", 0.0)
    run, states = job(optimiser="lm", steps=5, damping=100.0, lengths=(80,), **changes), []
    control = Control(checkpoint_due=lambda: True, save=lambda state: states.append(state))
    whole = cpu.train(run, control)
    warm = [state for state in states if any(name.startswith("warm.") for name in state)]
    assert (len(warm), len(states) - len(warm)) == (run.config.warm_steps, whole.steps_done - 1)
    for state in (*warm[::5], *warm[-1:], *states[len(warm) :]):
        assert_equal_to_the_bit(cpu.train(run, Control(resume=state)), whole)


@pytest.mark.parametrize("turns", [1, 5, 12, 13, 15])
def test_a_run_that_is_stopped_goes_on_to_the_same_bits(turns, job, monkeypatch):
    monkeypatch.setattr(cpu, "_CHUNK_SECONDS", 0.0)
    run = job(optimiser="lm", steps=5, warm_steps=12, learning_rate=1e-2, damping=100.0, lengths=(80,), **LSTM)
    saved, left = {}, iter(range(turns, 0, -1))
    with pytest.raises(Interrupted):
        cpu.train(run, Control(stopping=lambda: next(left) == 1, save=saved.update))
    assert any(name.startswith("warm.") for name in saved) == (turns <= 12)
    assert_equal_to_the_bit(cpu.train(run, Control(resume=saved)), cpu.train(run, Control()))


def test_windows_end_to_end_score_each_sample_once(job):
    """Except those before the first scored one, and those after the last whole window."""
    run = job(optimiser="lm", seq_len=12, burn_in=5, lengths=(100, 11, 40), **LSTM)
    scored = (run.starts[:, None] + np.arange(5, 12)).ravel()
    assert len(set(scored)) == len(scored)
    assert set(scored) == {*range(5, 96), *range(111 + 5, 111 + 40)}
