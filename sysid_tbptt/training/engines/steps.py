"""The windows of the optimiser steps to come, epoch after epoch."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int64

from ..job import Job
from ..windows import noisy_input


class Steps(NamedTuple):
    """Consecutive steps: first samples of their windows, their numbers within the epoch, and the input record."""

    starts: Int64[np.ndarray, "steps B"]
    batches: Int64[np.ndarray, " steps"]
    u: Float32[np.ndarray, "T n_u"]


class StepQueue:
    """Hands out the steps of a job from step ``done`` on, without end."""

    def __init__(self, job: Job, done: int) -> None:
        self._job = job
        self._per_epoch = job.order.steps_per_epoch
        self._epoch, self._next = divmod(done, self._per_epoch)
        self._epochs = job.order.epochs(self._epoch)
        self._windows = next(self._epochs)
        self._u = self._input()

    def take(self, most: int) -> Steps:
        """At most so many steps; with input noise they lie within one epoch, since each has its own record."""
        starts: list[np.ndarray] = []
        batches: list[np.ndarray] = []
        while most:
            if self._next == self._per_epoch:
                if starts and self._job.config.input_noise:
                    break
                self._advance()
            part = slice(self._next, min(self._next + most, self._per_epoch))
            starts.append(self._job.starts[self._windows[part]])
            batches.append(np.arange(part.start, part.stop))
            self._next, most = part.stop, most - (part.stop - part.start)
        return Steps(np.concatenate(starts), np.concatenate(batches), self._u)

    def _advance(self) -> None:
        self._epoch, self._next = self._epoch + 1, 0
        self._windows = next(self._epochs)
        self._u = self._input()

    def _input(self) -> Float32[np.ndarray, "T n_u"]:
        config = self._job.config
        if not config.input_noise:
            return self._job.u
        return noisy_input(self._job.u, config.input_noise, config.seed, self._epoch)
