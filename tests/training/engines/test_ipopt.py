import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar

from sysid_tbptt.data.scaler import Scaler
from sysid_tbptt.data.series import Dataset, Series, Units
from sysid_tbptt.errors import EngineError
from sysid_tbptt.training.engines import ipopt, pick
from sysid_tbptt.training.job import Control

pytest.importorskip("casadi", reason="the extra synthetic is not installed")

LENGTH, N = 40, 9
S = LENGTH - N + 1
windows = np.lib.stride_tricks.sliding_window_view


def signals(noise=0.1, w_hh=0.7):
    """A record of the linear network itself, scaled already, with noise on the output."""
    rng = np.random.default_rng(5)
    u, y = rng.normal(size=LENGTH), np.zeros(LENGTH)
    h = 0.8
    for t in range(LENGTH):
        h = w_hh * h + 0.5 * u[t]
        y[t] = 1.5 * h
    return u, y + noise * rng.normal(size=LENGTH)


def data_of(u, y):
    series = Series(u[:, None], y[:, None], 1.0, Units(("-",), ("-",)), 0, "test")
    return Dataset("own", "made", (series,), (series,), (series,), "", "", "0", given_scaler=Scaler.identity(1, 1))


@pytest.fixture
def problem(job):
    def build(data=None, **changes):
        fields = {"model": "linear_rnn", "hidden_size": 1, "seq_len": N, "batch_size": S, "steps": 500}
        return job(data=data or data_of(*signals()), **(fields | {"optimiser": "ipopt"} | changes))

    return build


def least_loss(u, y, m, mode):
    """With w_hh given the outputs are linear in all else: least squares, and a search over w_hh alone."""
    targets = windows(y, N)[:, m:]

    def columns(a):
        steps = a ** np.arange(1, N + 1)
        from_zero = np.array([np.convolve(window, a ** np.arange(N))[:N] for window in windows(u, N)])
        if mode == "coupled":
            whole = np.convolve(u, a ** np.arange(LENGTH))[:LENGTH]
            return [windows(whole, N), windows(a ** np.arange(1, LENGTH + 1), N)]
        return [from_zero] + ([np.outer(row, steps) for row in np.eye(S)] if mode == "free" else [])

    def loss(a):
        regressors = np.stack([column[:, m:].ravel() for column in columns(a)], axis=1)
        solution = np.linalg.lstsq(regressors, targets.ravel())[0]
        return np.mean((targets.ravel() - regressors @ solution) ** 2)

    grid = np.linspace(-0.999, 0.999, 200)
    best = int(np.argmin([loss(a) for a in grid]))
    bounds = (grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)])
    found = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-10})
    return found.fun, found.x


@pytest.mark.parametrize("mode", ["zero", "coupled", "free"])
@pytest.mark.parametrize("m", [0, 5])
def test_the_optimum_is_the_global_one_found_by_least_squares_over_a_grid_of_w_hh(problem, mode, m):
    u, y = (signal.astype(np.float32).astype(float) for signal in signals())
    optimum = ipopt.train(problem(init_mode=mode, burn_in=m), Control()).optimum
    loss, w_hh = least_loss(u, y, m, mode)
    assert optimum.loss == pytest.approx(loss, rel=1e-6)
    assert optimum.w_hh == pytest.approx(w_hh, abs=1e-4)


def test_outputs_are_those_of_the_trained_network_and_the_loss_their_error(problem):
    run = problem(burn_in=3)
    trained = ipopt.train(run, Control())
    run.module.load_state_dict({name: torch.from_numpy(array) for name, array in trained.weights.items()})
    u, y = (torch.from_numpy(windows(signal[:, 0], N).copy())[..., None] for signal in (run.u, run.y))
    y_hat = run.module(u).detach().numpy()
    assert np.allclose(trained.optimum.y_hat, y_hat, atol=1e-5)
    assert np.mean((y_hat - y.numpy())[:, 3:] ** 2) == pytest.approx(trained.optimum.loss, rel=1e-4)


def test_more_freedom_never_costs(problem):
    zero, coupled, free = (
        ipopt.train(problem(init_mode=mode, burn_in=2), Control()).optimum.loss for mode in ("zero", "coupled", "free")
    )
    assert free < coupled < zero


def test_w_hh_is_bounded(problem):
    run = problem(data_of(*signals(noise=0, w_hh=1.05)), init_mode="coupled")
    assert ipopt.train(run, Control()).optimum.w_hh == pytest.approx(ipopt.LARGEST, abs=1e-6)


def test_coercivity_is_one_where_the_fit_is_perfect(problem):
    run = problem(data_of(*signals(noise=0)), init_mode="coupled")
    optimum = ipopt.train(run, Control()).optimum
    assert optimum.loss < 1e-12
    assert optimum.coercivity == pytest.approx(1, abs=1e-4)


def test_the_loss_grows_by_the_coercivity_about_the_optimum(problem):
    """Along every direction of (w_hh, w_xh w_hy), which with a zero initial state is all that the outputs depend on."""
    run = problem(data_of(*signals(noise=0.5)), burn_in=1)
    trained = ipopt.train(run, Control())
    w = {name: float(array.item()) for name, array in trained.weights.items()}
    u, y = (windows(signal[:, 0].astype(float), N) for signal in (run.u, run.y))

    def outputs(a, gain):
        return gain * np.array([np.convolve(window, a ** np.arange(N))[:N] for window in u])[:, 1:]

    best = np.array([trained.optimum.w_hh, w["w_xh"] * w["w_hy"]])
    at_best, growth = outputs(*best), []
    for angle in np.linspace(0, np.pi, 60):
        moved = [outputs(*(best + side * 1e-2 * np.array([np.cos(angle), np.sin(angle)]))) for side in (-1, 1)]
        losses = np.mean([np.mean((move - y[:, 1:]) ** 2) for move in moved]) - np.mean((at_best - y[:, 1:]) ** 2)
        growth.append(losses / np.mean([np.mean((move - at_best) ** 2) for move in moved]))
    assert trained.optimum.coercivity == pytest.approx(min(growth), abs=0.02)
    assert trained.optimum.coercivity < 0.99


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model": "lstm"}, "it takes the linear_rnn with hidden_size=1, not lstm with 1"),
        ({"hidden_size": 2}, "not linear_rnn with 2"),
        ({"batch_size": 8}, f"choose batch_size={S}, not 8"),
    ],
)
def test_what_it_cannot_solve_is_told(problem, changes, said):
    with pytest.raises(EngineError, match=said):
        pick("auto", problem(**changes))


def test_several_records_are_declined(job):
    fields = {"model": "linear_rnn", "hidden_size": 1, "optimiser": "ipopt"}
    assert "one training record, not 2" in ipopt.declines(job(lengths=(50, 60), **fields))


def test_it_takes_its_runs_whatever_engine_was_asked_for_and_no_others(problem, job):
    assert pick("reference", problem())[0].NAME == "ipopt"
    assert "optimiser='ipopt'" in ipopt.declines(job())


def test_too_few_iterations_are_an_error_that_says_so(problem):
    with pytest.raises(EngineError, match="no optimum within 2 iterations: Maximum_Iterations_Exceeded; raise steps"):
        ipopt.train(problem(steps=2), Control())
