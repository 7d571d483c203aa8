"""The CPU engine: the zoo's cells, forward and backward by hand in vectors of 16 float32 lanes.

One run is one job without the GIL; several runs share the cores as threads. A run's arithmetic depends neither on
the number of threads nor on where its steps are cut into chunks. The kernels are compiled for each shape (cell, H,
n_u, n_y) when it is first met, and kept on disk.
"""

from __future__ import annotations

import time
from math import inf

import numpy as np

from ...errors import EngineError
from ..inputs import fed, first_and_later
from ..job import Arrays, Control, Job, Trained
from ..monitor import Monitor
from ..schedule import learning_rates
from ..simulator import Simulator, validation_mse
from . import levenberg_marquardt
from .cpu_least_squares import CpuLeastSquares
from .kernels import adam, rows, tape
from .kernels.gradient import Problem, prepare
from .kernels.packing import Parameters, packed_with
from .kernels.shapes import BatchShape, SequenceShape, Shape
from .kernels.simd import LANES
from .kernels.simulate import simulate_record
from .kernels.train import train as train_steps
from .optimisers import not_implemented
from .steps import StepQueue

NAME = "cpu"
PARALLEL = "threads"
OPTIMISERS = ("adam", "lm")
WIDEST = 96
"""Largest hidden size."""
_CHUNK_SECONDS = 0.15
"""Between two looks at the clock, the keyboard and the validation schedule."""


def declines(job: Job) -> str | None:
    """Why the job cannot be taken; None if it can."""
    config = job.config
    if reason := not_implemented(config, OPTIMISERS):
        return reason
    if job.cell is None:
        return "it has kernels for the zoo's rnn, gru and lstm only"
    if config.num_layers != 1:
        return f"its kernels have one layer, not {config.num_layers}"
    if config.hidden_size > WIDEST:
        return f"its kernels have at most {WIDEST} hidden units, not {config.hidden_size}"
    if config.optimiser == "lm":
        return levenberg_marquardt.too_large(Parameters(SequenceShape(*_sizes(job))).n)
    return None


def train(job: Job, control: Control) -> Trained:
    """Trains by Adam or Levenberg-Marquardt on the mean squared error of the N-m scored steps."""
    if reason := declines(job):
        raise EngineError(f"engine '{NAME}': {reason}")
    if job.config.optimiser == "adam":
        return _Run(job).train(control)
    problem = CpuLeastSquares(job, SequenceShape(*_sizes(job)), lambda weights: simulator(job, weights), control)
    return levenberg_marquardt.train(job, control, problem, train)


def simulator(job: Job, weights: Arrays) -> Simulator:
    """The job's network with other weights, as a free-run simulator."""
    if reason := declines(job):
        raise EngineError(f"engine '{NAME}': {reason}")
    parameters = Parameters(SequenceShape(*_sizes(job)))
    packed = packed_with(parameters, np.append(parameters.flat(weights), np.float32(0)))

    def simulate(u: np.ndarray, y_init: np.ndarray) -> np.ndarray:
        return simulate_record(parameters.shape, packed, fed(u, y_init))

    return simulate


def working_set(shape: Shape, N: int) -> int:
    """Bytes of a run's tape, weights and gradients; the records, of which no window is copied, come on top.

    The tape holds 16 windows at a time, whatever B is. With R pre-activations a unit (4 in LSTM and GRU, 1 in the
    Elman network), A = R H rounded up to an odd number, and M = H in the LSTM, otherwise 0, it takes

        64 ((N + 1) (H + 1 + n_u + M) + N (A + M + n_y) + H + M) bytes,

    and the gradient 64 (R H (H + 1 + n_u) + n_y (H + 1)). Silverbox, N = 1000, LSTM with 8 units: 3.9 MB.
    """
    parameters = Parameters(shape)
    count = sum(tape.rows(shape, N).values()) + shape.gradients
    return 4 * LANES * count + parameters.packing[0].size * 4 + 4 * 4 * parameters.n


def _sizes(job: Job) -> tuple[str, int, int, int]:
    assert job.cell is not None
    return job.cell, job.config.hidden_size, job.n_in, job.y.shape[1]


def _shape(job: Job) -> BatchShape | SequenceShape:
    """A single window leaves only its units to put side by side."""
    return (SequenceShape if job.config.batch_size == 1 else BatchShape)(*_sizes(job))


class _Run:
    """One training under way: weights, moments, carried states, monitor, and the kernels' memory."""

    def __init__(self, job: Job) -> None:
        config = job.config
        self.job, self.config = job, config
        self.shape = _shape(job)
        self.y = rows.plain(job.y)
        self.parameters = Parameters(self.shape)
        self.monitor = Monitor(config)
        n = self.parameters.n
        self.optimiser = adam.Optimiser(
            weights=np.append(self.parameters.flat(job.weights()), np.float32(0)),
            exp_avg=np.zeros(n, np.float32),
            exp_avg_sq=np.zeros(n, np.float32),
            gradient=np.zeros(n, np.float32),
            clip_norm=inf if config.clip_norm is None else config.clip_norm,
            weight_decay=config.weight_decay,
            packing=self.parameters.packing,
            places=self.parameters.places,
        )
        self.lag = config.seq_len // config.batch_size if config.init_mode == "carry" else 0
        groups = -(-config.batch_size // LANES)
        self.carried = np.zeros((self.lag * groups * self.shape.states, LANES), np.float32)
        self.tape = tape.allocate(self.shape, config.seq_len)
        self.packed = packed_with(self.parameters, self.optimiser.weights)
        self.gradient = rows.empty(self.shape.gradients)
        prepare(self.shape, self.tape, config.seq_len)

    def train(self, control: Control) -> Trained:
        if control.resume:
            self.load(dict(control.resume))
        queue = StepQueue(self.job, self.monitor.step)
        going_on, chunk = True, 1
        while going_on and self.monitor.step < self.config.steps:
            began = time.perf_counter()
            losses = self.steps(queue, min(chunk, self.monitor.steps_to_validation))
            seconds = (time.perf_counter() - began) / len(losses)
            going_on = self.monitor.losses(losses)
            if going_on and self.monitor.validation_due:
                going_on = self.monitor.validated(self.validation_mse(), self.weights())
            if going_on:
                control.turn(self.monitor.step, self.state)
            chunk = max(1, int(_CHUNK_SECONDS / seconds))
        return self.monitor.trained(self.weights())

    def steps(self, queue: StepQueue, most: int) -> np.ndarray:
        """Takes up to so many optimiser steps and returns their losses."""
        coming = queue.take(most)
        losses = np.empty(len(coming.starts))
        done = self.monitor.step
        rates = learning_rates(self.config, done, done + len(losses))
        problem = self.problem(coming.u)
        plan = (coming.starts, coming.batches, rates)
        train_steps(self.shape, problem, self.optimiser, self.tape, self.packed, self.gradient, plan, done, losses)
        return losses

    def problem(self, u: np.ndarray) -> Problem:
        config = self.config
        u_init, u_later = map(rows.plain, first_and_later(u, self.y, config.init_outputs))
        return Problem(
            u_init, u_later, self.y, config.init_outputs, config.seq_len, config.burn_in, self.lag, self.carried
        )

    def validation_mse(self) -> float:
        simulate = simulator(self.job, self.weights())
        return validation_mse(simulate, self.job.val, self.config.init_outputs)

    def weights(self) -> Arrays:
        return {name: view.copy() for name, view in self.parameters.views(self.optimiser.weights).items()}

    def _vectors(self) -> Arrays:
        """What a step changes and the next one needs."""
        n = self.parameters.n
        return {
            "weights": self.optimiser.weights[:n],
            "exp_avg": self.optimiser.exp_avg,
            "exp_avg_sq": self.optimiser.exp_avg_sq,
            "carried": self.carried,
        }

    def state(self) -> Arrays:
        """Everything that the rest of the run depends on, as named arrays."""
        return {name: vector.copy() for name, vector in self._vectors().items()} | self.monitor.state()

    def load(self, state: Arrays) -> None:
        for name, vector in self._vectors().items():
            vector[:] = state[name]
        self.monitor.load(state)
