"""The least-squares problem of Levenberg-Marquardt on the CPU engine's kernels, on as many threads as are free.

The windows are always split into the same parts, and the parts' sums are added in their order, so that the result does
not depend on the number of threads.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from ..inputs import first_and_later
from ..job import Arrays, Control, Job
from ..simulator import Simulator, validation_mse
from .kernels import rows, sensitivities, tape
from .kernels.gradient import Problem, prepare
from .kernels.packing import Parameters, packed_with
from .kernels.shapes import SequenceShape
from .levenberg_marquardt import Normal, Weights

PARTS = 16
"""Most threads that help one run."""


class CpuLeastSquares:
    """See `levenberg_marquardt.LeastSquares`."""

    def __init__(
        self, job: Job, shape: SequenceShape, simulator: Callable[[Arrays], Simulator], control: Control
    ) -> None:
        self.job, self.shape, self.simulator, self.control = job, shape, simulator, control
        self.parameters = Parameters(shape)
        self.columns = sensitivities.table(self.parameters)
        self.problem = _problem(job)
        self.parts = [part for part in np.array_split(job.starts, PARTS) if len(part)]
        self.residuals = len(job.starts) * (job.config.seq_len - job.config.burn_in) * shape.n_y

    def flat(self, weights: Arrays) -> Weights:
        return self.parameters.flat(weights)

    def arrays(self, weights: Weights) -> Arrays:
        return {name: view.copy() for name, view in self.parameters.views(weights).items()}

    def mse(self, weights: Weights) -> float:
        packed = self._packed(weights)

        def squares(starts: np.ndarray) -> float:
            return float(sensitivities.squared_errors(self.shape, self.problem, packed, self._tape(), starts))

        return sum(self._over_parts(squares)) / self.residuals

    def normal(self, weights: Weights) -> Normal:
        packed = self._packed(weights)

        def sums(starts: np.ndarray) -> tuple[np.ndarray, float]:
            work = sensitivities.allocate(self.shape, self.columns)
            squares = sensitivities.normal_equations(
                self.shape, self.problem, packed, self._tape(), self.columns, work, starts
            )
            return work.sums, squares

        total, squares = 0.0, 0.0
        for part, of_part in self._over_parts(sums):
            total, squares = total + part, squares + of_part
        return self._unfolded(np.asarray(total) / self.residuals, squares / self.residuals)

    def validation_mse(self, weights: Weights) -> float:
        job = self.job
        return validation_mse(self.simulator(self.arrays(weights)), job.val, job.config.init_outputs, job.n_init)

    def _unfolded(self, upper: np.ndarray, mse: float) -> Normal:
        """The normal equations of torch's parameters from those of the Jacobian's columns."""
        places, symmetric = self.columns.places, np.triu(upper) + np.triu(upper, 1).T
        return Normal(symmetric[np.ix_(places, places)], symmetric[places, self.columns.n - 1], mse)

    def _packed(self, weights: Weights) -> np.ndarray:
        return packed_with(self.parameters, np.append(weights, np.float32(0)))

    def _tape(self) -> tape.Tape:
        allocated = tape.allocate(self.shape, self.job.config.seq_len)
        prepare(self.shape, allocated, self.job.config.seq_len)
        return allocated

    def _over_parts(self, function: Callable[[np.ndarray], Any]) -> Iterator[Any]:
        """The function's values for all parts, in their order."""
        threads = min(self.control.threads(), len(self.parts))
        if threads <= 1:
            yield from map(function, self.parts)
            return
        with ThreadPoolExecutor(threads) as pool:
            for value, seconds in pool.map(lambda part: _timed(function, part), self.parts):
                self.control.helpers_cpu_s += seconds
                yield value


def _timed(function: Callable[[np.ndarray], Any], part: np.ndarray) -> tuple[Any, float]:
    """The function's value, and the processor seconds of this thread."""
    began = time.thread_time()
    return function(part), time.thread_time() - began


def _problem(job: Job) -> Problem:
    """The records as the kernels take them; every window starts from zero."""
    config, y = job.config, rows.plain(job.y)
    u_init, u_later = map(rows.plain, first_and_later(job.u, y, config.init_outputs))
    return Problem(u_init, u_later, y, config.init_outputs, config.seq_len, config.burn_in, 0, rows.empty(0))
