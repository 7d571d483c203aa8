"""The reference engine's least-squares problem against autograd in float64, for modules of all kinds."""

from __future__ import annotations

from dataclasses import replace
from math import ceil

import numpy as np
import pytest
import torch
from torch import nn

from sysid_tbptt.data.horizon import ahead
from sysid_tbptt.errors import ModelError
from sysid_tbptt.training.engines import reference, reference_least_squares
from sysid_tbptt.training.engines.reference_least_squares import ReferenceLeastSquares, n_trained
from sysid_tbptt.training.job import Control, Interrupted
from tests.conftest import make_dataset
from tests.training import exact, modules

ZOO = {
    "rnn": {"model": "rnn"},
    "gru": {"model": "gru", "hidden_size": 5, "n_u": 2, "n_y": 3, "burn_in": 0},
    "lstm": {"model": "lstm", "burn_in": 11, "lengths": (60, 31)},
    "two layers": {"model": "lstm", "num_layers": 2, "stride": 7},
    "init_outputs": {"model": "gru", "init_outputs": 4, "n_y": 2},
}
OTHERS = ("Complex", "CarryingComplex", "InDouble", "Normalized", "Conv", "InPlace", "RunningMean")
LSTM = {"model": "lstm", "hidden_size": 3}


def normal_by_autograd(run):
    J, r = exact.jacobian(run)
    return J.T @ J / len(r), J.T @ r / len(r), r @ r / len(r)


def assert_close(normal, expected, rtol=5e-6):
    for ours, theirs in zip(normal, expected, strict=True):
        assert np.linalg.norm(ours - theirs) <= rtol * np.linalg.norm(theirs)


@pytest.mark.parametrize("case", ZOO.values(), ids=ZOO)
def test_the_normal_equations_are_those_of_autograd(case, job):
    run = job(optimiser="lm", **({"lengths": (60,)} | case))
    problem = ReferenceLeastSquares(run)
    weights = problem.flat(run.weights())
    normal = problem.normal(weights)
    assert_close(normal, normal_by_autograd(run))
    assert problem.mse(weights) == normal.mse
    assert n_trained(run.module) == len(weights)


def central_differences(run, relative=1e-6):
    """The Jacobian by central differences of the outputs in float64."""
    outputs, values, _ = exact.outputs_of(run)
    columns = []
    for i, value in enumerate(values):
        for k in range(value.numel()):
            step = torch.zeros(value.numel(), dtype=torch.float64)
            step[k] = relative
            sides = [outputs(*values[:i], value + sign * step.view(value.shape), *values[i + 1 :]) for sign in (1, -1)]
            columns.append(((sides[0] - sides[1]) / (2 * relative)).detach().numpy().ravel())
    return np.stack(columns, axis=1)


@pytest.mark.parametrize("model", ["rnn", "gru", "lstm"])
def test_the_jacobian_by_autograd_is_that_of_central_differences(model, job):
    run = job(optimiser="lm", model=model, hidden_size=3, n_u=2, n_y=2, lengths=(40,))
    J, _ = exact.jacobian(run)
    assert np.allclose(central_differences(run), J, rtol=0, atol=1e-8 * np.abs(J).max() + 1e-9)


@pytest.mark.parametrize("name", OTHERS)
def test_the_gradient_of_any_module_is_that_of_autograd(name, job):
    """J'r is half of the gradient of the loss; the module is in evaluation mode, and it keeps its own types."""
    run = job(optimiser="lm", model=f"tests.training.modules:{name}", lengths=(60,))
    problem = ReferenceLeastSquares(run)
    weights = problem.flat(run.weights())
    matrix, gradient, mse = problem.normal(weights)
    module = run.module.eval()
    steps = run.starts[:, None] + np.arange(12)
    u, y = (torch.from_numpy(signal[steps]) for signal in (run.u, run.y))
    loss = (module(u).double() - y)[:, 3:].square().mean()
    loss.backward()
    slopes = [torch.view_as_real(p.grad) if p.is_complex() else p.grad for p in module.parameters()]
    expected = torch.cat([slope.flatten() for slope in slopes]).numpy() / 2
    assert mse == pytest.approx(loss.item(), rel=1e-6)
    assert np.allclose(gradient, expected, rtol=0, atol=1e-5 * np.abs(expected).max())
    assert np.allclose(matrix, matrix.T)
    assert weights.dtype == (np.float64 if name == "InDouble" else np.float32)


def test_the_columns_of_a_complex_module_are_central_differences(job):
    """A complex number is two weights: the real and the imaginary part."""
    run = job(optimiser="lm", model="tests.training.modules:Complex", hidden_size=2, lengths=(40,))
    problem = ReferenceLeastSquares(run)
    weights = torch.from_numpy(problem.flat(run.weights()))
    assert len(weights) == n_trained(run.module) == 2 * 6
    with torch.no_grad():
        sides = [
            [problem._errors(weights + step, *problem.blocks) for step in h * torch.eye(12)] for h in (1e-3, -1e-3)
        ]
    differences = (torch.stack(sides[0]) - torch.stack(sides[1])) / 2e-3
    matrix = differences @ differences.T / differences.shape[1]
    assert np.allclose(problem.normal(weights.numpy()).matrix, matrix, rtol=0, atol=1e-3 * float(matrix.max()))


@pytest.mark.parametrize("block", [12 * 40, 12 * 300, 2**20])
def test_the_jacobian_is_computed_in_blocks(block, job, monkeypatch):
    """Of some windows, and of some parameters where even one window has too many numbers."""
    run = job(optimiser="lm", n_y=2, **LSTM)
    whole = ReferenceLeastSquares(run)
    weights = whole.flat(run.weights())
    monkeypatch.setattr(reference_least_squares, "BLOCK", block)
    problem, calls = ReferenceLeastSquares(run), []
    outputs = problem._outputs
    monkeypatch.setattr(problem, "_outputs", lambda flat, u: calls.append(len(u)) or outputs(flat, u))
    assert_close(problem.normal(weights), whole.normal(weights), rtol=1e-6)
    assert max(calls) * 12 * problem.columns <= block
    derivatives = ceil(len(weights) / problem.columns)
    assert calls == [len(part) for part in problem.blocks for _ in range(1 + derivatives)]
    assert (derivatives > 1) == (block < 12 * len(weights))


class Partly(modules.Net):
    """A frozen GRU, dropout, batch normalization and a weight that is used twice."""

    def __init__(self, n_u, n_y, hidden_size, **_):
        super().__init__(n_u, n_y, hidden_size)
        for parameter in self.r.parameters():
            parameter.requires_grad = False
        self.same = nn.Linear(hidden_size, n_y)
        self.same.weight = self.o.weight
        self.norm, self.dropout = nn.BatchNorm1d(n_u), nn.Dropout(0.5)

    def forward(self, u):
        u = self.dropout(self.norm(u.transpose(1, 2)).transpose(1, 2))
        h = self.r(u)[0]
        return self.o(h) + self.same(h**2)


PARTLY = {"model": f"{__name__}:Partly", "optimiser": "lm", "hidden_size": 3}


def test_only_what_is_trained_changes(job):
    run = job(steps=3, **PARTLY)
    before, after = run.weights(), reference.train(run, Control()).weights
    changed = {name for name in before if not np.array_equal(before[name], after[name])}
    assert changed == {"o.weight", "o.bias", "same.weight", "same.bias", "norm.weight", "norm.bias"}
    assert np.array_equal(after["o.weight"], after["same.weight"])
    assert n_trained(run.module) == 3 + 1 + 1 + 2


def test_running_statistics_are_those_of_the_warm_start(job):
    """Adam updates them in training mode; the iterations use them and keep them."""
    run = job(steps=3, warm_steps=7, **PARTLY)
    warm, after = reference.train(run.warm, Control()).weights, reference.train(run, Control()).weights
    assert warm["norm.num_batches_tracked"] == after["norm.num_batches_tracked"] == 7
    assert np.array_equal(warm["norm.running_mean"], after["norm.running_mean"])
    assert not np.array_equal(warm["norm.running_mean"], run.weights()["norm.running_mean"])
    assert not np.array_equal(warm["norm.weight"], after["norm.weight"])


def test_the_loss_is_that_of_the_simulator_with_the_weights(job):
    """In evaluation mode, with the buffers of the warm start."""
    run = job(steps=3, warm_steps=7, validate_every=None, **PARTLY)
    trained = reference.train(run, Control())
    simulate = reference.simulator(run, trained.weights)
    windows = [(run.u[s : s + 12], run.y[s : s + 12]) for s in run.starts]
    mse = np.mean([(simulate(u, y[:0]) - y)[3:] ** 2 for u, y in windows])
    assert trained.curve[trained.best_step - 1] == pytest.approx(mse, rel=1e-5)


def test_a_float64_module_is_trained_in_float64(job):
    run = job(optimiser="lm", model="tests.training.modules:InDouble", steps=3, lengths=(60,))
    trained = reference.train(run, Control())
    assert {array.dtype for array in trained.weights.values()} == {np.dtype(np.float64)}
    assert any((array != array.astype(np.float32)).any() for array in trained.weights.values())


class Attending(nn.Module):
    """Causal attention, whose fused kernels have no forward-mode derivative."""

    def __init__(self, n_u, n_y, **_):
        super().__init__()
        self.e, self.o = nn.Linear(n_u, 4), nn.Linear(4, n_y)
        self.a = nn.TransformerEncoderLayer(4, 2, 8, dropout=0.1, batch_first=True)

    def forward(self, u):
        mask = nn.Transformer.generate_square_subsequent_mask(u.shape[1])
        return self.o(self.a(self.e(u), src_mask=mask, is_causal=True))


class Assigning(modules.Net):
    """Writes its outputs one by one into a tensor."""

    def forward(self, u):
        y, h = torch.zeros(len(u), u.shape[1], 1), torch.zeros(1, len(u), 4)
        for t in range(u.shape[1]):
            _, h = self.r(u[:, t : t + 1], h)
            y[:, t] = self.o(h[0])
        return y


class EnablingGradients(modules.Net):
    def forward(self, u):
        with torch.enable_grad():
            return super().forward(u)


@pytest.mark.parametrize("name", ["Attending", "Assigning", "EnablingGradients"])
def test_what_users_write_is_differentiated_in_forward_mode(name, job):
    run = job(optimiser="lm", model=f"{__name__}:{name}", steps=4, lengths=(100,))
    trained = reference.train(run, Control())
    assert trained.status == "ok"
    assert trained.curve[-1] < 0.9 * ReferenceLeastSquares(run).mse(ReferenceLeastSquares(run).flat(run.weights()))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "NoForwardMode",
            r"torch\.func\.jvp under torch\.func\.vmap: RuntimeError: .*; change .*='adam'",
        ),
        ("WeightNorm", "NotImplementedError: Trying to use forward AD with _weight_norm_interface"),
        ("Detached", "the derivatives of its outputs by all weights are zero; do not detach its weights"),
    ],
)
def test_what_cannot_be_differentiated_is_told(name, said, job):
    run = job(optimiser="lm", model=f"tests.training.modules:{name}")
    with pytest.raises(ModelError, match=rf"model 'tests\.training\.modules:{name}' cannot be trained by .*{said}"):
        reference.train(run, Control())


def test_flags_of_torch_are_left_as_they_were(job):
    before = torch.backends.mkldnn.enabled, torch.backends.mha.get_fastpath_enabled(), torch.get_rng_state()
    reference.train(job(optimiser="lm", steps=2, **LSTM), Control())
    with pytest.raises(ModelError):
        reference.train(job(optimiser="lm", model="tests.training.modules:NoForwardMode"), Control())
    assert before[:2] == (torch.backends.mkldnn.enabled, torch.backends.mha.get_fastpath_enabled())
    assert torch.equal(torch.get_rng_state(), before[2])


def test_initial_weights_of_the_job_are_not_changed(job):
    run = job(steps=2, warm_steps=2, **PARTLY)
    before = run.weights()
    reference.train(run, Control())
    assert all(np.array_equal(before[name], array) for name, array in run.weights().items())


def assert_equal_to_the_bit(one, other):
    for field in ("status", "ended", "steps_done", "curve", "validation", "last100_mean", "best_step"):
        assert getattr(one, field) == getattr(other, field), field
    assert all(np.array_equal(one.weights[name], other.weights[name]) for name in one.weights)


def copied(state):
    return {name: array.copy() for name, array in state.items()}


RESUMED = {
    "lstm": LSTM | {"ridge": 1e-4},
    "buffers and dropout": PARTLY,
    "draws in training": {"model": "tests.training.modules:NoisyTraining"},
    "float64": {"model": "tests.training.modules:InDouble"},
    "float16": {"model": "tests.training.modules:InHalf", "warm_steps": 0},
    "complex": {"model": "tests.training.modules:Complex"},
}


@pytest.mark.parametrize("changes", RESUMED.values(), ids=RESUMED)
def test_a_run_resumes_to_the_bit_from_checkpoints_of_both_phases(changes, job, monkeypatch):
    monkeypatch.setattr(reference, "_TURN_SECONDS", -1.0)
    fields = {"optimiser": "lm", "steps": 4, "warm_steps": 6, "learning_rate": 1e-2, "damping": 10.0, "lengths": (60,)}
    run, states = job(**(fields | changes)), []
    whole = reference.train(run, Control(checkpoint_due=lambda: True, save=lambda state: states.append(copied(state))))
    warm = [state for state in states if any(name.startswith("warm.") for name in state)]
    assert (len(warm), len(states) - len(warm)) == (run.config.warm_steps, whole.steps_done - 1)
    for state in (*warm[::3], *warm[-1:], *states[len(warm) :]):
        assert_equal_to_the_bit(reference.train(run, Control(resume=state)), whole)


@pytest.mark.parametrize("turns", [2, 6, 8])
def test_a_run_that_is_stopped_goes_on_to_the_same_bits(turns, job, monkeypatch):
    monkeypatch.setattr(reference, "_TURN_SECONDS", -1.0)
    run = job(steps=4, warm_steps=6, learning_rate=1e-2, damping=10.0, **PARTLY)
    saved, left = {}, iter(range(turns, 0, -1))
    with pytest.raises(Interrupted):
        reference.train(run, Control(stopping=lambda: next(left) == 1, save=saved.update))
    assert_equal_to_the_bit(reference.train(run, Control(resume=saved)), reference.train(run, Control()))


def test_a_run_that_forecasts_keeps_its_last_weights(job):
    run = job(data=ahead(make_dataset(), 3), optimiser="lm", horizon=3, steps=3, **LSTM)
    trained = reference.train(run, Control())
    problem = ReferenceLeastSquares(run)
    assert (trained.ended, trained.validation, trained.best_step) == ("budget", [], None)
    assert problem.mse(problem.flat(trained.weights)) == trained.curve[-1]


def test_a_diverged_warm_start_is_a_divergence(job):
    run = job(optimiser="lm", warm_steps=40, learning_rate=1e30, **LSTM)
    trained = reference.train(run, Control())
    assert (trained.status, trained.ended) == ("diverged", None)


def test_weights_that_are_not_finite_are_a_divergence(job):
    run = job(optimiser="lm", **LSTM)
    run = replace(run, initial={name: array * np.nan for name, array in run.initial.items()})
    trained = reference.train(run, Control())
    assert (trained.status, trained.steps_done, trained.ended) == ("diverged", 1, None)
