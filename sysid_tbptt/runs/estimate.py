"""How long runs will take: from records of this machine where there are any, else from a short trial."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from ..config import RunConfig
from ..training.engines import CLOSED_FORM, load_engine
from ..training.job import Control
from .provenance import device
from .record import RunRecord
from .worker import build

TRIAL_SECONDS = 0.15
"""A trial is repeated with four times the steps until it lasts this long."""

_LATENCY = 50
"""A step of a single subsequence costs about as much as one of this many more."""

_SHAPE = (
    *("dataset", "horizon", "model", "hidden_size", "num_layers", "seq_len", "batch_size", "init_mode"),
    *("optimiser", "stride", "warm_steps"),
)
_EVALUATION = ("dataset", "split", "horizon", "model", "hidden_size", "num_layers", "init_outputs")

Shape = tuple[object, ...]

Speed = tuple[float, float]
"""Seconds a step: wall clock and processor."""


@dataclass(frozen=True)
class Estimate:
    """Seconds of one run on one worker, training and evaluation.

    ``cpu_seconds`` is what the training takes of the processor, whatever else the machine is doing. ``recorded``: its
    speed is that of records of this machine, not of a trial.
    """

    seconds: float
    cpu_seconds: float
    recorded: bool


def shape(config: RunConfig, engine: str) -> Shape:
    """Runs of one shape take the same time a step, near enough."""
    return engine, *(getattr(config, name) for name in _SHAPE)


def evaluation(config: RunConfig, engine: str) -> Shape:
    """Runs of one such take the same time to evaluate, near enough; forecasts depend on their windows."""
    return engine, config.seq_len if config.horizon else None, *(getattr(config, name) for name in _EVALUATION)


def steps_of(config: RunConfig, engine: str) -> int:
    """Optimiser steps of a run; what is solved in closed form is one."""
    return 1 if engine == CLOSED_FORM else config.steps


def effort(config: RunConfig, engine: str) -> int:
    """What a run costs against others, before anything is measured; for the order of the queue."""
    return steps_of(config, engine) * config.seq_len * (config.batch_size + _LATENCY)


class Estimator:
    """What runs take on one worker; each shape is looked up or tried once.

    A step counts as one of the budget, so that a run that stops early is expected to do so again. Where no record
    tells how long the evaluation takes, it is left out.
    """

    def __init__(self, records: Iterable[RunRecord]) -> None:
        steps: dict[Shape, list[Speed]] = {}
        evaluations: dict[Shape, list[float]] = {}
        for record in records:
            config, engine, spent = record.config, record.engine, record.time
            if record.status == "ok" and engine and spent.train_s > 0 and record.provenance.get("device") == device():
                n = steps_of(config, engine)
                speed = spent.train_s / n, (spent.train_cpu_s or spent.train_s) / n
                steps.setdefault(shape(config, engine), []).append(speed)
                evaluations.setdefault(evaluation(config, engine), []).append(spent.evaluate_s)
        self._recorded = {key: _medians(speeds) for key, speeds in steps.items()}
        self._evaluate_s = {key: median(seconds) for key, seconds in evaluations.items()}
        self._tried: dict[Shape, Speed] = {}

    def estimate(self, config: RunConfig, engine: str) -> Estimate:
        """What a run takes."""
        key = shape(config, engine)
        recorded = key in self._recorded
        if not recorded and key not in self._tried:
            self._tried[key] = _try_safely(config, engine)
        wall, processor = self._recorded[key] if recorded else self._tried[key]
        if not recorded and config.warm_start:
            warm = self.estimate(config.warm_start, engine)
            wall, processor = wall + warm.seconds / config.steps, processor + warm.cpu_seconds / config.steps
        n, evaluate_s = steps_of(config, engine), self._evaluate_s.get(evaluation(config, engine), 0.0)
        return Estimate(n * wall + evaluate_s, n * processor, recorded)


def _medians(speeds: Sequence[Speed]) -> Speed:
    wall, processor = zip(*speeds, strict=True)
    return median(wall), median(processor)


def _try_safely(config: RunConfig, engine: str) -> Speed:
    """A model that fails in its trial will fail in its run, which tells of it."""
    try:
        return _try(config, engine)
    except Exception:
        return 1 / steps_of(config, engine), 0.0


def _try(config: RunConfig, engine: str) -> Speed:
    """The speed of a short training; the first is not counted, since it may compile."""
    _time(config, engine, 1)
    steps = 1
    while (spent := _time(config, engine, steps))[0] < TRIAL_SECONDS and steps < steps_of(config, engine):
        steps *= 4
    return spent[0] / steps, spent[1] / steps


def _time(config: RunConfig, engine: str, steps: int) -> Speed:
    """Seconds of a training of so many steps."""
    changed = {"steps": steps, "warm_steps": 0, "validate_every": None, "patience": None}
    _, job = build(config.model_copy(update=changed))
    began, began_cpu = time.perf_counter(), time.thread_time()
    load_engine(engine).train(job, Control())
    return time.perf_counter() - began, time.thread_time() - began_cpu
