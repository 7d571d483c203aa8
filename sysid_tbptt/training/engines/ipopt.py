"""The engine that trains to an optimum: the linear network with one unit, all subsequences at once.

Multiple shooting: the states of every subsequence are variables, its recursion is a constraint, and IPOPT solves the
problem through CasADi, from several starting points. The initial states are zero (truncated BPTT), coupled (each
subsequence goes on from the first step of the one before; the benchmark of Schiller et al. 2026, section 5.1) or free.

A. Wächter, L. T. Biegler, On the implementation of an interior-point filter line-search algorithm for large-scale
nonlinear programming, Mathematical Programming 106 (2006); J. A. E. Andersson et al., CasADi, Mathematical Programming
Computation 11 (2019). They need the extra ``synthetic``.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
from jaxtyping import Float64
from scipy.linalg import eigh, eigvalsh
from scipy.sparse import csc_matrix
from scipy.sparse.linalg import spsolve

from ...errors import EngineError
from ..job import Arrays, Control, Job, Optimum, Trained
from ..modules import simulator_with, windows_view
from ..simulator import Simulator

NAME = "ipopt"
PARALLEL = "processes"  # its linear solver is not safe in threads
OPTIMISERS = ("ipopt",)

LARGEST = 0.999
"""Bound on |w_hh|."""

STARTS = (-0.5, 0.3, 0.9)
"""Values of w_hh to start from; the least loss of the optima found counts."""

WEIGHTS = ("w_hh", "w_xh", "w_hy")
_OPTIONS = {"print_time": False, "ipopt.print_level": 0, "ipopt.sb": "yes", "ipopt.tol": 1e-10}
_RANK = 1e-9
"""Directions that change the outputs less than this, relative to the one that changes them most, do not count."""


def declines(job: Job) -> str | None:
    """Why the job cannot be taken; None if it can."""
    config = job.config
    if config.optimiser not in OPTIMISERS:
        return f"it is for optimiser='{NAME}', not optimiser='{config.optimiser}'"
    if tuple(job.weights()) != WEIGHTS or config.hidden_size != 1:
        return f"it takes the linear_rnn with hidden_size=1, not {config.model} with {config.hidden_size}"
    if len(job.lengths) > 1:
        return f"it takes one training record, not {len(job.lengths)}"
    if config.batch_size != len(job.starts):
        return f"it takes all subsequences at once: choose batch_size={len(job.starts)}, not {config.batch_size}"
    if not find_spec("casadi"):
        return "casadi is missing: pip install 'sysid-tbptt[synthetic]'"
    return None


def train(job: Job, control: Control) -> Trained:
    """Minimises the mean squared error of the N-m scored steps over weights and, where asked for, initial states.

    ``steps`` of the config bounds the iterations.

    Raises:
        EngineError: the job cannot be taken, or no starting point leads to an optimum.
    """
    if reason := declines(job):
        raise EngineError(f"engine '{NAME}': {reason}")
    problem = _Problem.of(job)
    solutions = [problem.solve(start, job.config.steps) for start in STARTS]
    found = [solution for solution in solutions if solution.solved]
    if not found:
        told = ", ".join(dict.fromkeys(solution.status for solution in solutions))
        raise EngineError(f"engine '{NAME}': no optimum within {job.config.steps} iterations: {told}; raise steps")
    best = min(found, key=lambda solution: solution.loss)
    control.progress(job.config.steps)
    return Trained(
        status="ok",
        weights=problem.weights(best.x),
        steps_done=best.iterations,
        curve=[best.loss],
        curve_every=1,
        last100_mean=best.loss,
        optimum=problem.optimum(best),
    )


def simulator(job: Job, weights: Arrays) -> Simulator:
    """The job's network with other weights, as a free-run simulator from a zero state."""
    return simulator_with(job.module, weights)


@dataclass(frozen=True)
class _Solution:
    x: Float64[np.ndarray, " n"]
    multipliers: Float64[np.ndarray, " k"]
    loss: float
    iterations: int
    status: str
    solved: bool


@dataclass(frozen=True)
class _Problem:
    """In CasADi's symbols: variables x = (weights, initial states, states (S, N) column by column)."""

    x: Any
    loss: Any
    recursion: Any
    outputs: Any
    u: Float64[np.ndarray, "S N n_u"]
    n_y: int
    burn_in: int
    n_initial: int

    @classmethod
    def of(cls, job: Job) -> _Problem:
        import casadi as ca

        n, m, mode = job.config.seq_len, job.config.burn_in, job.config.init_mode
        u, y = (windows_view(signal, n).numpy().astype(np.float64) for signal in (job.u, job.y))
        n_windows, n_y = len(u), y.shape[2]
        n_initial = {"zero": 0, "coupled": 1, "free": n_windows}[mode]
        w_hh, w_xh, w_hy = ca.SX.sym("w_hh"), ca.SX.sym("w_xh", u.shape[2]), ca.SX.sym("w_hy", n_y)
        initial, h = ca.SX.sym("h_0", n_initial), ca.SX.sym("h", n_windows, n)
        first = {
            "zero": lambda: ca.SX.zeros(n_windows),
            "coupled": lambda: ca.vertcat(initial, h[:-1, 0]),
            "free": lambda: initial,
        }[mode]()
        before = ca.horzcat(first, h[:, :-1])
        drive = ca.horzcat(*(u[:, j] @ w_xh for j in range(n)))
        scored = ca.vertcat(*(ca.vec(h[:, m:]) * w_hy[k] for k in range(n_y)))
        targets = np.concatenate([y[:, m:, k].ravel(order="F") for k in range(n_y)])
        return cls(
            x=ca.vertcat(w_hh, w_xh, w_hy, initial, ca.vec(h)),
            loss=ca.sumsqr(scored - targets) / len(targets),
            recursion=ca.vec(h - w_hh * before - drive),
            outputs=scored,
            u=u,
            n_y=n_y,
            burn_in=m,
            n_initial=n_initial,
        )

    @property
    def n_weights(self) -> int:
        return 1 + self.u.shape[2] + self.n_y

    def solve(self, w_hh: float, most: int) -> _Solution:
        import casadi as ca

        problem = {"x": self.x, "f": self.loss, "g": self.recursion}
        options: Any = _OPTIONS | {"ipopt.max_iter": most}
        solver = ca.nlpsol("train", "ipopt", problem, options)
        bound = np.full(self.x.numel(), np.inf)
        bound[0] = LARGEST
        found = solver(x0=self.start(w_hh), lbx=-bound, ubx=bound, lbg=0, ubg=0)
        stats = solver.stats()
        return _Solution(
            x=np.asarray(found["x"]).ravel(),
            multipliers=np.asarray(found["lam_g"]).ravel(),
            loss=float(found["f"]),
            iterations=int(stats["iter_count"]),
            status=str(stats["return_status"]),
            solved=bool(stats["success"]),
        )

    def start(self, w_hh: float) -> Float64[np.ndarray, " n"]:
        """A feasible point but for coupled states: other weights of 0.5, states from zero."""
        weights = [w_hh] + [0.5] * (self.n_weights - 1)
        h = 0.5 * self.u.sum(axis=2)
        for j in range(1, h.shape[1]):
            h[:, j] += w_hh * h[:, j - 1]
        return np.concatenate([weights, np.zeros(self.n_initial), h.ravel(order="F")])

    def weights(self, x: Float64[np.ndarray, " n"]) -> Arrays:
        w_hh, w_xh, w_hy = np.split(x[: self.n_weights], [1, 1 + self.u.shape[2]])
        named = zip(WEIGHTS, (w_hh[np.newaxis], w_xh[np.newaxis], w_hy[:, np.newaxis]), strict=True)
        return {name: array.astype(np.float32) for name, array in named}

    def optimum(self, solution: _Solution) -> Optimum:
        states = solution.x[self.n_weights + self.n_initial :].reshape(self.u.shape[:2], order="F")
        w_hy = solution.x[self.n_weights - self.n_y : self.n_weights]
        return Optimum(
            loss=solution.loss,
            w_hh=float(solution.x[0]),
            y_hat=states[:, :, np.newaxis] * w_hy,
            coercivity=self.coercivity(solution),
            iterations=solution.iterations,
        )

    def coercivity(self, solution: _Solution) -> float:
        """The largest a with loss >= least loss + a (mean squared change of the scored outputs), near the optimum.

        The second derivative of the loss, along what the recursion allows, against that of the change of the outputs:
        the least generalised eigenvalue. Directions that leave the outputs as they are, such as a larger w_xh for a
        smaller w_hy, do not count. It is 1 where the outputs are linear in what is trained.
        """
        import casadi as ca

        lagrangian = self.loss + ca.dot(ca.SX(solution.multipliers), self.recursion)
        at = [
            csc_matrix(ca.Function("d", [self.x], [derivative])(solution.x).sparse())
            for derivative in (
                ca.hessian(lagrangian, self.x)[0],
                ca.jacobian(self.outputs, self.x),
                ca.jacobian(self.recursion, self.x),
            )
        ]
        second, outputs, recursion = at
        k = self.n_weights + self.n_initial
        follow = -spsolve(recursion[:, k:].tocsc(), recursion[:, :k].tocsc())
        moves = np.vstack([np.eye(k), follow.toarray()])
        change = outputs @ moves
        sizes, directions = eigh(2 / len(change) * change.T @ change)
        kept = sizes > _RANK * sizes[-1]
        basis = directions[:, kept] / np.sqrt(sizes[kept])
        return float(eigvalsh(basis.T @ (moves.T @ (second @ moves)) @ basis)[0])
