"""What a run remembers of its own course: losses, validations, the best weights."""

from __future__ import annotations

from math import ceil

import numpy as np

from ..config import Ended, RunConfig
from .job import Arrays, Trained

CURVE_POINTS = 400
_LAST = 100


class Monitor:
    """Shared by all engines, so that every record means the same; restores bit for bit from ``state()``."""

    def __init__(self, config: RunConfig) -> None:
        self.config = config
        self.every = ceil(config.steps / CURVE_POINTS)
        self.step = 0
        self.diverged_at: int | None = None
        self._curve: list[float] = []
        self._block = 0.0
        self._last: list[float] = []
        self._validation: list[float] = []
        self._best: Arrays = {}
        self._best_mse, self._best_step = np.inf, 0
        self._since_best = 0

    def losses(self, losses: np.ndarray) -> bool:
        """Takes the losses of the next steps in turn; False once one is not finite."""
        for loss in losses.tolist():
            self.step += 1
            if not np.isfinite(loss):
                self.diverged_at = self.step
                return False
            self._block += loss
            self._last.append(loss)
            if self.step % self.every == 0 or self.step == self.config.steps:
                self._curve.append(self._block / ((self.step - 1) % self.every + 1))
                self._block = 0.0
        del self._last[:-_LAST]
        return True

    @property
    def steps_to_validation(self) -> int:
        """Steps until the next validation, or until the end."""
        left = self.config.steps - self.step
        every = self.config.validate_every
        return left if every is None else min(left, every - self.step % every)

    @property
    def validation_due(self) -> bool:
        every = self.config.validate_every
        return every is not None and self.step > 0 and (self.step % every == 0 or self.step == self.config.steps)

    def validated(self, mse: float, weights: Arrays) -> bool:
        """Notes a validation; False when patience is at an end."""
        self._validation.append(float(mse))
        if mse < self._best_mse:
            self._best_mse = float(mse)
            self._best = {name: array.copy() for name, array in weights.items()}
            self._best_step, self._since_best = self.step, 0
        else:
            self._since_best += 1
        return self.config.patience is None or self._since_best < self.config.patience

    def trained(self, weights: Arrays, ended: Ended | None = None) -> Trained:
        """The result, with the best weights where there was a validation."""
        finite = self.diverged_at is None and all(np.isfinite(array).all() for array in weights.values())
        return Trained(
            status="ok" if finite else "diverged",
            weights=self._best if finite and self._best else weights,
            steps_done=self.diverged_at or self.step,
            curve=list(self._curve),
            curve_every=self.every,
            last100_mean=float(np.mean(self._last)) if self._last else float("nan"),
            validation=list(self._validation),
            best_step=self._best_step if self._best else None,
            ended=ended if finite else None,
        )

    def state(self) -> Arrays:
        counters = np.array([self.step, self._best_step, self._since_best], np.int64)
        series = {
            "curve": self._curve,
            "last": self._last,
            "validation": self._validation,
            "sums": [self._block, self._best_mse],
        }
        return (
            {"monitor.counters": counters}
            | {f"monitor.{key}": np.array(values, np.float64) for key, values in series.items()}
            | {f"best.{name}": array for name, array in self._best.items()}
        )

    def load(self, state: Arrays) -> None:
        self.step, self._best_step, self._since_best = state["monitor.counters"].tolist()
        self._curve, self._last, self._validation = (
            state[f"monitor.{key}"].tolist() for key in ("curve", "last", "validation")
        )
        self._block, self._best_mse = state["monitor.sums"].tolist()
        self._best = {
            name.removeprefix("best."): np.array(array) for name, array in state.items() if name.startswith("best.")
        }
