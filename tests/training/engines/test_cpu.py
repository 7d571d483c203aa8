"""The CPU engine against autograd in float64 and against the reference engine."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from sysid_tbptt.errors import EngineError
from sysid_tbptt.training.engines import cpu, pick, reference
from sysid_tbptt.training.engines.kernels import packing, rows, tape
from sysid_tbptt.training.engines.kernels.shapes import BatchShape
from sysid_tbptt.training.engines.steps import StepQueue
from sysid_tbptt.training.job import Control, Interrupted

# Each (cell, hidden_size, n_u, n_y, batch of one or not) is compiled once, in seconds: the cases share few of them.
LSTM = {"model": "lstm", "hidden_size": 5, "n_u": 2, "n_y": 3}
GRU = {"model": "gru", "hidden_size": 33, "n_u": 3, "n_y": 2}
RNN = {"model": "rnn", "hidden_size": 8}
CELLS = pytest.mark.parametrize("cell", [LSTM, GRU, RNN], ids=lambda cell: cell["model"])

GRADIENTS = [
    LSTM | {"seq_len": 21, "burn_in": 10, "batch_size": 7},
    LSTM | {"seq_len": 63, "burn_in": 0, "batch_size": 100},
    LSTM | {"seq_len": 21, "burn_in": 0, "batch_size": 20, "init_outputs": 4},
    RNN | {"seq_len": 21, "burn_in": 10, "batch_size": 1, "init_outputs": 5},
    LSTM | {"seq_len": 21, "burn_in": 20, "batch_size": 1},
    GRU | {"seq_len": 1, "burn_in": 0, "batch_size": 100},
    GRU | {"seq_len": 21, "burn_in": 0, "batch_size": 7},
    GRU | {"seq_len": 63, "burn_in": 31, "batch_size": 1},
    RNN | {"seq_len": 63, "burn_in": 62, "batch_size": 7},
    RNN | {"seq_len": 21, "burn_in": 10, "batch_size": 100},
    RNN | {"seq_len": 1, "burn_in": 0, "batch_size": 1},
    {"model": "lstm", "hidden_size": 1, "n_u": 1, "n_y": 2, "seq_len": 21, "burn_in": 10, "batch_size": 16},
    {"model": "lstm", "hidden_size": 33, "n_u": 1, "n_y": 1, "seq_len": 63, "burn_in": 31, "batch_size": 33},
]


def name_of(case):
    cell, H, n_u, n_y = (case.get(key, 1) for key in ("model", "hidden_size", "n_u", "n_y"))
    return f"{cell}-H{H}-u{n_u}-y{n_y}-N{case['seq_len']}-m{case['burn_in']}-B{case['batch_size']}" + (
        f"-k{case['init_outputs']}" if "init_outputs" in case else ""
    )


def gradient_of(job):
    """The engine's gradient of the first step, by parameter, and the loss."""
    run = cpu._Run(job)
    loss = run.steps(StepQueue(job, 0), 1)[0]
    return run.parameters.views(run.optimiser.gradient), loss


def gradient_in_float64(job):
    config, module = job.config, job.module.double()
    first = job.starts[next(job.order.epochs())[0]]
    windows = first[:, None] + np.arange(config.seq_len)
    u, y = (torch.from_numpy(signal[windows]).double() for signal in (job.u, job.y))
    if k := config.init_outputs:
        known = (torch.arange(config.seq_len) < k).double()[:, None].expand(*u.shape[:2], 1)
        u = torch.cat([u, y * known, known], dim=2)
    loss = (module(u) - y)[:, config.burn_in :].square().mean()
    loss.backward()
    return {name: parameter.grad.numpy() for name, parameter in module.named_parameters()}, loss.item()


@pytest.mark.parametrize("case", GRADIENTS, ids=name_of)
def test_gradients_are_those_of_autograd_in_float64(case, job):
    run = job(**case)
    (ours, loss), (exact, exact_loss) = gradient_of(run), gradient_in_float64(run)
    assert np.isclose(loss, exact_loss, rtol=1e-6)
    assert ours.keys() == exact.keys()
    for name, gradient in exact.items():
        assert np.linalg.norm(ours[name] - gradient) <= 5e-6 * np.linalg.norm(gradient), name


@pytest.mark.parametrize("batch_size", [7, 1], ids=["batch", "one window"])
@CELLS
def test_uninitialised_memory_is_never_read(cell, batch_size, job, monkeypatch):
    run = job(**cell, seq_len=21, burn_in=10, batch_size=batch_size)
    clean, _ = gradient_of(run)

    def poisoned(n_rows, empty=rows.empty):
        array = empty(n_rows)
        array[:] = np.nan
        return array

    for module in (packing, tape, rows):
        monkeypatch.setattr(module, "empty", poisoned)
    poisoned_gradient, _ = gradient_of(run)
    assert all(np.array_equal(clean[name], poisoned_gradient[name]) for name in clean)


def both(job, engine_control=None):
    return cpu.train(job, engine_control or Control()), reference.train(job, Control())


def assert_same_course(ours, theirs, rtol=1e-5):
    assert (ours.status, ours.steps_done, ours.best_step) == (theirs.status, theirs.steps_done, theirs.best_step)
    assert np.allclose(ours.curve, theirs.curve, rtol=rtol, atol=0)
    assert np.allclose(ours.validation, theirs.validation, rtol=rtol, atol=0)
    assert ours.weights.keys() == theirs.weights.keys()
    for name, weight in theirs.weights.items():
        assert (ours.weights[name].shape, ours.weights[name].dtype) == (weight.shape, weight.dtype)
        assert np.allclose(ours.weights[name], weight, rtol=0, atol=1e-4)


@pytest.mark.parametrize("changes", [LSTM, LSTM | {"batch_size": 1}, GRU, RNN], ids=["lstm", "lstm-B1", "gru", "rnn"])
def test_losses_of_500_steps_are_those_of_the_reference(changes, job):
    assert_same_course(*both(job(steps=500, **changes)))


@pytest.mark.parametrize(
    "changes",
    [
        {"clip_norm": 1e-2},
        {"weight_decay": 0.5, "learning_rate": 1e-2},
        {"lr_schedule": "cosine", "learning_rate": 1e-2},
        {"lr_schedule": "step", "lr_stages": 4, "learning_rate": 1e-2},
        {"input_noise": 0.3},
        {"lengths": (100, 40, 90)},
        {"init_outputs": 4, "input_noise": 0.3, "lengths": (100, 40), "validate_every": 30},
        {"validate_every": 9, "learning_rate": 2e-2},
        {"validate_every": 3, "patience": 2, "learning_rate": 0.1},
        {"init_mode": "carry", "seq_len": 16, "batch_size": 4, "burn_in": 0, "lengths": (70,)},
        {"init_mode": "carry", "seq_len": 40, "batch_size": 20, "burn_in": 5, "lengths": (150,), "clip_norm": 0.1},
        {"init_mode": "carry", "seq_len": 6, "batch_size": 1, "burn_in": 1, "lengths": (40,)},
        {"seq_len": 300, "batch_size": 1, "burn_in": 0, "steps": 40},
    ],
    ids=lambda changes: "-".join(f"{key}={value}" for key, value in changes.items()),
)
def test_course_is_that_of_the_reference(changes, job):
    assert_same_course(*both(job(**({"steps": 100} | LSTM | changes))))


@CELLS
def test_carried_state_is_that_of_the_reference(cell, job):
    run = job(**cell, init_mode="carry", seq_len=16, batch_size=4, burn_in=0, lengths=(70,), steps=30)
    assert_same_course(*both(run))


def test_divergence_is_told_at_the_step_of_the_reference(job):
    ours, theirs = both(job(learning_rate=1e30, steps=50, **LSTM))
    assert ours.status == theirs.status == "diverged"
    assert ours.steps_done == theirs.steps_done


def interrupted_at(job, step):
    """The state of a run that was asked to stop after ``step`` steps."""
    saved, at = {}, {"step": 0}
    control = Control(
        progress=lambda done: at.update(step=done), stopping=lambda: at["step"] >= step, save=saved.update
    )
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Interrupted):
        patch.setattr(cpu, "_CHUNK_SECONDS", 0.0)
        cpu.train(job, control)
    return saved


def assert_equal_to_the_bit(one, other):
    for field in ("status", "curve", "validation", "last100_mean", "best_step"):
        assert getattr(one, field) == getattr(other, field)
    assert all(np.array_equal(one.weights[name], other.weights[name]) for name in one.weights)


RESUMED = [
    LSTM,
    LSTM | {"input_noise": 0.1, "validate_every": 7, "lr_schedule": "cosine"},
    LSTM | {"init_mode": "carry", "seq_len": 16, "batch_size": 4, "burn_in": 0},
    RNN | {"weight_decay": 0.1, "clip_norm": 0.1},
]


@pytest.mark.parametrize("step", [1, 36, 90])
@pytest.mark.parametrize("changes", RESUMED, ids=["plain", "noise and validation", "stateful", "decay and clipping"])
def test_resumed_run_is_the_same_to_the_bit(changes, step, job):
    run = job(steps=100, learning_rate=1e-2, **changes)
    resumed = cpu.train(run, Control(resume=interrupted_at(run, step)))
    assert_equal_to_the_bit(resumed, cpu.train(run, Control()))


def test_chunks_do_not_change_the_arithmetic(job, monkeypatch):
    run = job(steps=100, input_noise=0.1, **LSTM)
    whole = cpu.train(run, Control())
    monkeypatch.setattr(cpu, "_CHUNK_SECONDS", 0.0)
    assert_equal_to_the_bit(cpu.train(run, Control()), whole)


def test_concurrent_runs_are_the_same_to_the_bit(job):
    runs = [job(steps=300, seed=seed, validate_every=50, **LSTM) for seed in range(4)]
    alone = [cpu.train(run, Control()) for run in runs]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(lambda run: cpu.train(run, Control()), runs))
    for one, other in zip(alone, together, strict=True):
        assert_equal_to_the_bit(one, other)


def test_flags_and_random_numbers_are_left_as_they_were(job):
    torch.manual_seed(3)
    before = torch.get_rng_state()
    cpu.train(job(validate_every=10, **LSTM), Control())
    assert torch.equal(torch.get_rng_state(), before)
    assert np.float32(1e-40) * np.float32(1) != 0


def test_initial_weights_of_the_job_are_not_changed(job):
    run = job(**LSTM)
    before = run.weights()
    cpu.train(run, Control())
    assert all(np.array_equal(before[name], array) for name, array in run.weights().items())


@CELLS
def test_simulation_is_that_of_the_torch_module(cell, job):
    run = job(**cell)
    u = np.random.default_rng(1).normal(size=(777, run.u.shape[1])).astype(np.float32)
    theirs = reference.simulator(run, run.weights())(u.copy(), run.y[:0])
    u.flags.writeable = False
    ours = cpu.simulator(run, run.weights())(u, run.y[:0])
    assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
    assert np.allclose(ours, theirs, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"num_layers": 2}, "one layer, not 2"),
        ({"hidden_size": 97}, "at most 96 hidden units, not 97"),
        ({"model": "mean"}, "zoo's rnn, gru and lstm only"),
    ],
)
def test_what_cannot_be_taken_is_declined_with_the_reason(changes, said, job):
    run = job(**changes)
    assert said in cpu.declines(run)
    with pytest.raises(EngineError, match=said):
        cpu.train(run, Control())


def test_auto_picks_it(job):
    assert pick("auto", job()) == (cpu, None)
    assert pick("auto", job(num_layers=2))[1] == "cpu: its kernels have one layer, not 2"


def test_working_set_is_the_tape_of_16_windows(job):
    """The formula in the docstring, at N = 1000, against what a run allocates; B does not matter."""
    N, H, n_u, n_y = 1000, 8, 1, 1
    by_formula = 64 * ((N + 1) * (H + 1 + n_u + H) + N * (4 * H + 1 + H + n_y) + H + H)
    by_formula += 64 * (4 * H * (H + 1 + n_u) + n_y * (H + 1))
    stated = cpu.working_set(BatchShape("lstm", H, n_u, n_y), N)
    assert by_formula <= stated <= 1.01 * by_formula
    assert 3.7e6 < stated < 3.9e6
    for batch_size in (7, 100):
        run = cpu._Run(job(hidden_size=H, seq_len=N, burn_in=0, batch_size=batch_size, lengths=(1200,)))
        optimiser = run.optimiser
        vectors = (optimiser.weights, optimiser.exp_avg, optimiser.exp_avg_sq, optimiser.gradient)
        allocated = sum(array.nbytes for array in (*run.tape, run.gradient, run.packed, *vectors))
        assert np.isclose(allocated, stated, rtol=1e-3)
