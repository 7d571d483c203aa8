"""Levenberg-Marquardt, for the engines that can compute the normal equations of a job's windows.

K. Levenberg, A method for the solution of certain non-linear problems in least squares (1944); D. W. Marquardt, An
algorithm for least-squares estimation of nonlinear parameters (1963), whose scaling by the diagonal is used here.

The objective is the mean squared error of the scored outputs, plus ``ridge`` times the sum of the squared weights. The
weights have the precision of the model, float32 or float64; the sums and the solution are float64.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Float64
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from ...config import Ended
from ..blas import one_blas_thread
from ..job import Arrays, Control, Job, Trained
from ..monitor import Monitor

MOST_PARAMETERS = 2000
"""The normal matrix has the square of this many numbers, its solution takes a third of the cube."""

LEAST, LARGEST = 1e-12, 1e12
"""Bounds of the damping, relative to the diagonal of the normal matrix."""

SMALLER, LARGER = 5.0, 1.3
"""The damping is divided by the first after a step that lowers the objective, else multiplied by the second.

The second is small, so that a step has about the least damping that lowers the objective. A step whose damping is the
best for this step alone ends in a narrow valley: with 6 and 4, a GRU with 8 units was left with 1.4 times the error on
Wiener-Hammerstein after 150 iterations. M. K. Transtrum, J. P. Sethna, Improvements to the Levenberg-Marquardt
algorithm for nonlinear least-squares minimization (arXiv 1201.5885), call this delayed gratification.
"""

IN_A_ROW = 3
"""Iterations with less than the relative decrease ``tolerance`` after which a run counts as converged."""

FLOOR = 1e-10
"""Least diagonal, relative to the largest, so that a weight without effect does not move."""

_WARM, _ALL = "warm.", "lm.all."
"""Prefixes of names in a checkpoint: of the warm start's state, and of all weights, those not trained included."""

Weights = Float[np.ndarray, " P"]


class Normal(NamedTuple):
    """The normal equations at some weights: J'J and J'r, divided by the number of residuals, and the mean of r^2."""

    matrix: Float64[np.ndarray, "P P"]
    gradient: Float64[np.ndarray, " P"]
    mse: float


@runtime_checkable
class LeastSquares(Protocol):
    """The scored outputs of a job's windows as a nonlinear least-squares problem in a flat vector of weights."""

    def flat(self, weights: Arrays) -> Weights:
        """The trained weights as a vector. Weights that are not trained keep the given values from now on."""

    def arrays(self, weights: Weights) -> Arrays:
        """All weights by name."""

    def mse(self, weights: Weights) -> float:
        """The mean squared error."""

    def normal(self, weights: Weights) -> Normal:
        """The normal equations."""

    def validation_mse(self, weights: Weights) -> float:
        """The free-run error on the validation records."""


def too_large(parameters: int) -> str | None:
    """Why so many parameters cannot be trained; None if they can."""
    if parameters <= MOST_PARAMETERS:
        return None
    return (
        f"optimiser='lm' solves for at most {MOST_PARAMETERS} parameters, the model has {parameters}; "
        "reduce hidden_size, or choose optimiser='adam'"
    )


def train(job: Job, control: Control, problem: LeastSquares, adam: Callable[[Job, Control], Trained]) -> Trained:
    """Trains by Adam for the warm start, if the job has one, then by Levenberg-Marquardt."""
    state = dict(control.resume or {})
    weights = job.weights()
    if job.warm and not any(name.startswith("lm.") for name in state):
        warm = adam(job.warm, _of_warm_start(control, state))
        if warm.status == "diverged":
            return warm
        weights, state = warm.weights, {}
    run = _Run(job, problem, weights)
    if state:
        run.load(state)
    return run.train(control)


def _of_warm_start(control: Control, state: Arrays) -> Control:
    """Its states are kept under names of their own, and its steps are not counted."""
    resume = {name.removeprefix(_WARM): array for name, array in state.items() if name.startswith(_WARM)}
    return replace(
        control,
        resume=resume or None,
        progress=lambda _: control.progress(0),
        save=lambda arrays: control.save({_WARM + name: array for name, array in arrays.items()}),
    )


class _Run:
    """One training under way: the weights, the damping, the small decreases in a row, and the monitor."""

    def __init__(self, job: Job, problem: LeastSquares, weights: Arrays) -> None:
        self.config, self.problem = job.config, problem
        self.monitor = Monitor(job.config)
        self.weights = problem.flat(weights)
        self.damping, self.small = job.config.damping, 0

    def train(self, control: Control) -> Trained:
        ended = self.iterate()
        while ended is None:
            control.turn(self.monitor.step, self.state)
            ended = self.iterate()
        return self.monitor.trained(self.problem.arrays(self.weights), ended)

    def iterate(self) -> Ended | None:
        """One iteration: a step that lowers the objective. Gives the reason if there is no next one."""
        normal = self.problem.normal(self.weights)
        if not (np.isfinite(normal.mse) and np.isfinite(normal.matrix).all()):
            self.monitor.losses(np.array([np.nan]))
            return "stuck"
        model = _Quadratic(normal, self.weights, self.config.ridge)
        before = self.objective(normal.mse, self.weights)
        negligible, predicted = self.config.tolerance * before, []
        while self.damping <= LARGEST:
            if (step := model.step(self.damping)) is not None:
                trial = (self.weights + step).astype(self.weights.dtype)
                mse = self.problem.mse(trial)
                if (after := self.objective(mse, trial)) < before:
                    self.weights, self.damping = trial, max(self.damping / SMALLER, LEAST)
                    return self.moved(mse, (before - after) / before)
                predicted.append(model.decrease(step))
                if predicted[-1] <= negligible:
                    break
            self.damping *= LARGER
        return "converged" if predicted and predicted[0] <= negligible else "stuck"

    def moved(self, mse: float, decrease: float) -> Ended | None:
        """Notes a step; gives the reason if it is the last."""
        self.monitor.losses(np.array([mse]))
        self.small = self.small + 1 if decrease < self.config.tolerance else 0
        if self.config.validates:
            validation_mse = self.problem.validation_mse(self.weights)
            if not self.monitor.validated(validation_mse, self.problem.arrays(self.weights)):
                return "patience"
        if self.small == IN_A_ROW:
            return "converged"
        return "budget" if self.monitor.step == self.config.steps else None

    def objective(self, mse: float, weights: Weights) -> float:
        return mse + self.config.ridge * float(np.square(weights, dtype=np.float64).sum())

    def state(self) -> Arrays:
        """Everything that the rest of the run depends on, as named arrays."""
        own = {"lm.weights": self.weights.copy(), "lm.damping": np.array([self.damping, self.small], np.float64)}
        all_weights = {_ALL + name: array for name, array in self.problem.arrays(self.weights).items()}
        return own | all_weights | self.monitor.state()

    def load(self, state: Arrays) -> None:
        self.problem.flat({name.removeprefix(_ALL): state[name] for name in state if name.startswith(_ALL)})
        self.weights = np.array(state["lm.weights"])
        self.damping, small = state["lm.damping"].tolist()
        self.small = int(small)
        self.monitor.load(state)


class _Quadratic:
    """The quadratic model of the objective around some weights, in weights of which each has the same curvature."""

    def __init__(self, normal: Normal, weights: Weights, ridge: float) -> None:
        matrix = normal.matrix + ridge * np.eye(len(weights))
        curvature = np.diag(matrix) + FLOOR * np.diag(matrix).max()
        self.scale = 1 / np.sqrt(np.where(curvature > 0, curvature, 1.0))
        self.matrix = matrix * self.scale * self.scale[:, np.newaxis]
        self.gradient = (normal.gradient + ridge * weights) * self.scale

    def step(self, damping: float) -> Float64[np.ndarray, " P"] | None:
        """The step to the minimum of the damped model; None if the matrix is not positive definite in rounding."""
        damped = self.matrix + damping * np.eye(len(self.scale))
        with one_blas_thread():
            try:
                return -self.scale * cho_solve(cho_factor(damped, overwrite_a=True), self.gradient)
            except LinAlgError:
                return None

    def decrease(self, step: Float64[np.ndarray, " P"]) -> float:
        """By how much the model says that a step lowers the objective."""
        scaled = step / self.scale
        return float(-2 * self.gradient @ scaled - scaled @ self.matrix @ scaled)
