"""Levenberg-Marquardt alone, on small problems with known solutions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import least_squares

from sysid_tbptt.training.engines import levenberg_marquardt
from sysid_tbptt.training.engines.levenberg_marquardt import Normal, too_large
from sysid_tbptt.training.job import Control, Interrupted, Trained


class Fit:
    """The problem of residuals r(w) with the Jacobian J(w), in float64 unless the start is float32."""

    def __init__(self, residuals, jacobian, start, validation=None):
        self.residuals, self.jacobian, self.start = residuals, jacobian, np.asarray(start)
        self.validation = validation or self.mse

    def flat(self, weights):
        return weights.get("w", self.start)

    def arrays(self, weights):
        return {"w": weights.copy()}

    def mse(self, weights):
        return float(np.mean(self.residuals(weights.astype(np.float64)) ** 2))

    def normal(self, weights):
        w = weights.astype(np.float64)
        J, r = self.jacobian(w), self.residuals(w)
        return Normal(J.T @ J / len(r), J.T @ r / len(r), float(np.mean(r**2)))

    def validation_mse(self, weights):
        return float(self.validation(weights))


def no_adam(job, control):
    raise AssertionError("the run has no warm start")


@pytest.fixture
def lm(job):
    """Trains a problem with these fields of the config."""

    def train(problem, control=None, adam=no_adam, **changes):
        run = job(optimiser="lm", **({"steps": 200} | changes))
        return levenberg_marquardt.train(run, control or Control(), problem, adam)

    return train


RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(40, 6)) * 10.0 ** np.arange(-2, 4), RNG.normal(size=40)


def linear(matrix=A, start=None, **changes):
    return Fit(lambda w: matrix @ w - B, lambda w: matrix, np.zeros(6) if start is None else start, **changes)


T = np.linspace(0, 4, 60)
SIGNAL = 2.0 * np.exp(-0.7 * T) * np.cos(3.0 * T) + 0.05 * RNG.normal(size=60)


def oscillation(w):
    return w[0] * np.exp(-w[1] * T) * np.cos(w[2] * T) - SIGNAL


def slopes(w):
    decay, phase = np.exp(-w[1] * T), w[2] * T
    return np.stack(
        [decay * np.cos(phase), -T * w[0] * decay * np.cos(phase), -T * w[0] * decay * np.sin(phase)], axis=1
    )


def nonlinear(start=(1.0, 0.2, 2.5), **changes):
    return Fit(oscillation, slopes, np.array(start), **changes)


def test_a_linear_problem_is_solved_as_by_lstsq(lm):
    trained = lm(linear())
    assert (trained.status, trained.ended) == ("ok", "converged")
    solution, (squares,), _, _ = np.linalg.lstsq(A, B)
    assert np.allclose(trained.weights["w"], solution, rtol=1e-5)
    assert min(trained.curve) == pytest.approx(squares / len(B), rel=1e-6)


def test_float32_weights_stay_float32(lm):
    trained = lm(linear(start=np.zeros(6, np.float32)))
    assert trained.weights["w"].dtype == np.float32
    assert np.allclose(A @ trained.weights["w"], A @ np.linalg.lstsq(A, B)[0], atol=1e-3)


@pytest.mark.parametrize("start", [(1.0, 0.2, 2.5), (4.0, 2.0, 3.4), (0.1, 0.0, 3.2)])
def test_a_nonlinear_problem_is_solved_as_by_scipy(lm, start):
    trained = lm(nonlinear(start))
    expected = least_squares(oscillation, start, jac=slopes, method="lm")
    assert trained.ended == "converged"
    assert np.allclose(trained.weights["w"], expected.x, atol=1e-4)
    assert trained.curve[-1] == pytest.approx(2 * expected.cost / len(T), rel=1e-6)


def test_the_loss_falls_in_every_iteration(lm):
    curve = lm(nonlinear()).curve
    assert len(curve) > 3
    assert (np.diff(curve) < 0).all()


@pytest.mark.parametrize("ridge", [1e-4, 1e-1, 10.0])
def test_ridge_is_added_to_the_loss(lm, ridge):
    """The minimum of mean(r^2) + ridge sum(w^2) is that of a linear problem with more rows."""
    scaled = A / np.linalg.norm(A, axis=0)
    trained = lm(linear(scaled, start=np.ones(6)), ridge=ridge, tolerance=1e-12)
    rows = np.vstack([scaled / np.sqrt(len(B)), np.sqrt(ridge) * np.eye(6)])
    solution = np.linalg.lstsq(rows, np.append(B / np.sqrt(len(B)), np.zeros(6)))[0]
    assert np.allclose(trained.weights["w"], solution, rtol=1e-5, atol=1e-8)


def test_ridge_pulls_the_weights_to_zero(lm):
    norms = [np.linalg.norm(lm(nonlinear(), ridge=ridge).weights["w"]) for ridge in (0.0, 1e-3, 1e-2, 1e3)]
    assert norms == sorted(norms, reverse=True)
    assert norms[-1] < 1e-2


def test_the_course_does_not_depend_on_the_units_of_the_weights(lm):
    units = np.array([10.0, 0.1, 7.0])
    scaled = Fit(
        lambda w: oscillation(w * units), lambda w: slopes(w * units) * units, np.array([1.0, 0.2, 2.5]) / units
    )
    one, other = lm(nonlinear()), lm(scaled)
    assert len(one.curve) == len(other.curve)
    assert np.allclose(one.curve, other.curve, rtol=1e-5)
    assert np.allclose(one.weights["w"], other.weights["w"] * units, rtol=1e-5)


def test_a_weight_without_effect_does_not_move(lm):
    start = np.array([1.0, 0.2, 2.5, 5.0])
    idle = Fit(lambda w: oscillation(w[:3]), lambda w: np.column_stack([slopes(w[:3]), np.zeros(len(T))]), start)
    trained = lm(idle)
    assert trained.weights["w"][3] == 5.0
    assert np.allclose(trained.weights["w"][:3], lm(nonlinear()).weights["w"], atol=1e-6)


def test_dependent_weights_do_no_harm(lm):
    """J'J is singular."""
    twice = Fit(
        lambda w: oscillation(np.append(w[0] + w[3], w[1:3])),
        lambda w: slopes(np.append(w[0] + w[3], w[1:3]))[:, [0, 1, 2, 0]],
        np.array([0.5, 0.2, 2.5, 0.5]),
    )
    trained = lm(twice)
    assert trained.ended == "converged"
    assert trained.curve[-1] == pytest.approx(lm(nonlinear()).curve[-1], rel=1e-5)


def test_a_step_to_where_the_loss_is_not_finite_is_not_taken(lm):
    bounded = Fit(lambda w: np.where(w[1] < 0.75, oscillation(w), np.nan), slopes, np.array([4.0, 0.0, 2.9]))
    trained = lm(bounded)
    assert (trained.status, trained.ended) == ("ok", "converged")
    assert np.isfinite(trained.curve).all()


def test_each_end_is_told_apart(lm):
    uphill = Fit(oscillation, lambda w: -slopes(w), np.array([1.0, 0.2, 2.5]))
    worse = iter(range(1000))
    trained = {
        "converged": lm(nonlinear()),
        "stuck": lm(uphill),
        "budget": lm(nonlinear(), steps=3),
        "patience": lm(nonlinear(validation=lambda w: next(worse)), patience=4),
        None: lm(Fit(oscillation, lambda w: np.nan * slopes(w), np.array([1.0, 0.2, 2.5]))),
    }
    assert {ended: result.ended for ended, result in trained.items()} == {ended: ended for ended in trained}
    assert [result.status for result in trained.values()] == ["ok"] * 4 + ["diverged"]
    assert trained["budget"].steps_done == 3
    assert trained["patience"].steps_done == 5
    assert trained["stuck"].steps_done == 0
    assert trained[None].steps_done == 1


@pytest.mark.parametrize("tolerance", [0, 1e-6])
def test_a_start_at_the_optimum_has_converged(lm, tolerance):
    """There the loss is zero."""
    solution = np.array([1.0, -2.0])
    matrix = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    trained = lm(Fit(lambda w: matrix @ (w - solution), lambda w: matrix, solution), tolerance=tolerance)
    assert (trained.status, trained.ended) == ("ok", "converged")
    assert np.array_equal(trained.weights["w"], solution)


def test_a_loss_that_is_not_finite_at_the_start_is_a_divergence(lm):
    trained = lm(Fit(lambda w: np.nan * oscillation(w), slopes, np.array([1.0, 0.2, 2.5])))
    assert (trained.status, trained.steps_done, trained.ended) == ("diverged", 1, None)


def test_a_smaller_tolerance_takes_more_iterations_to_a_lower_loss(lm):
    coarse, fine = lm(nonlinear(), tolerance=1e-1), lm(nonlinear(), tolerance=1e-9)
    assert coarse.steps_done < fine.steps_done
    assert coarse.curve[-1] > fine.curve[-1]


def test_weights_of_the_least_validation_error_are_kept(lm):
    """Validation prefers a weight on the way."""
    trained = lm(nonlinear(validation=lambda w: (w[1] - 0.5) ** 2))
    assert len(trained.validation) == trained.steps_done
    assert trained.best_step == 1 + int(np.argmin(trained.validation))
    assert trained.best_step < trained.steps_done
    assert (trained.weights["w"][1] - 0.5) ** 2 == min(trained.validation)


def checkpoints(train):
    """What a run gives, and its state after each iteration."""
    states = []

    def save(state):
        states.append({name: array.copy() for name, array in state.items()})

    return train(control=Control(checkpoint_due=lambda: True, save=save)), states


def test_a_run_resumes_to_the_bit_from_every_checkpoint(lm):
    whole, states = checkpoints(lambda control: lm(nonlinear(), control, patience=50))
    assert len(states) == whole.steps_done - 1 > 3
    for state in states:
        resumed = lm(nonlinear(), Control(resume=state), patience=50)
        assert np.array_equal(resumed.weights["w"], whole.weights["w"])
        assert (resumed.curve, resumed.validation, resumed.ended) == (whole.curve, whole.validation, whole.ended)


def test_a_run_stops_when_it_is_asked_to_after_a_last_checkpoint(lm):
    saved = {}
    with pytest.raises(Interrupted):
        lm(nonlinear(), Control(stopping=lambda: True, save=saved.update))
    assert saved["monitor.counters"][0] == 1


def warmed(status="ok"):
    """An Adam that reports, saves its state and ends at the start of `nonlinear`."""

    def adam(job, control):
        step = int(control.resume["step"][0]) if control.resume else 0
        for done in range(step + 1, job.config.steps + 1):
            control.turn(done, lambda done=done: {"step": np.array([done])})
        return Trained(status, {"w": np.array([1.0, 0.2, 2.5])}, job.config.steps, [], 1, 0.0)

    return adam


ELSEWHERE = (9.0, 9.0, 9.0)


def test_a_warm_start_comes_first_and_counts_no_iterations(lm):
    reported = []
    trained = lm(nonlinear(ELSEWHERE), Control(progress=reported.append), warmed(), warm_steps=4)
    assert reported[:4] == [0] * 4
    assert reported[4:] == list(range(1, trained.steps_done))
    assert trained.curve == lm(nonlinear()).curve


def test_a_warm_start_that_diverges_is_a_divergence(lm):
    trained = lm(nonlinear(ELSEWHERE), adam=warmed("diverged"), warm_steps=4)
    assert (trained.status, trained.ended) == ("diverged", None)


def test_a_run_with_a_warm_start_resumes_from_every_checkpoint(lm):
    def train(control, adam=None):
        return lm(nonlinear(ELSEWHERE), control, adam or warmed(), warm_steps=4)

    whole, states = checkpoints(train)
    assert [("warm.step" in state) for state in states] == [True] * 4 + [False] * (whole.steps_done - 1)
    for state in states:
        adam = warmed() if "warm.step" in state else no_adam
        assert train(Control(resume=state), adam).curve == whole.curve


@pytest.mark.parametrize(("parameters", "fits"), [(1, True), (2000, True), (2001, False)])
def test_more_than_2000_parameters_are_too_many(parameters, fits):
    assert (too_large(parameters) is None) == fits
