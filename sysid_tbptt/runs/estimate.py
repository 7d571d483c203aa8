"""How long runs will take: from records of this machine where there are any, else from a short trial."""

from __future__ import annotations

import time
from collections.abc import Iterable
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

Shape = tuple[str, str, str, int, int, int, int, str]


def shape(config: RunConfig, engine: str) -> Shape:
    """Runs of one shape take the same time a step, near enough."""
    return (
        engine,
        config.dataset,
        config.model,
        config.hidden_size,
        config.num_layers,
        config.seq_len,
        config.batch_size,
        config.init_mode,
    )


def steps_of(config: RunConfig, engine: str) -> int:
    """Optimiser steps of a run; what is solved in closed form is one."""
    return 1 if engine == CLOSED_FORM else config.steps


def effort(config: RunConfig, engine: str) -> int:
    """What a run costs against others, before anything is measured; for the order of the queue."""
    return steps_of(config, engine) * config.seq_len * (config.batch_size + _LATENCY)


class Estimator:
    """Seconds a run takes on one worker; each shape is looked up or tried once."""

    def __init__(self, records: Iterable[RunRecord]) -> None:
        measured: dict[Shape, list[float]] = {}
        for record in records:
            if record.time.steps_per_s > 0 and record.engine and record.provenance.get("device") == device():
                measured.setdefault(shape(record.config, record.engine), []).append(record.time.steps_per_s)
        self._steps_per_s = {key: median(values) for key, values in measured.items()}

    def seconds(self, config: RunConfig, engine: str) -> float:
        """Estimated seconds of training."""
        key = shape(config, engine)
        if key not in self._steps_per_s:
            self._steps_per_s[key] = _try_safely(config, engine)
        return steps_of(config, engine) / self._steps_per_s[key]


def _try_safely(config: RunConfig, engine: str) -> float:
    """A model that fails in its trial will fail in its run, which tells of it."""
    try:
        return _try(config, engine)
    except Exception:
        return float(steps_of(config, engine))


def _try(config: RunConfig, engine: str) -> float:
    """Steps a second of a short training; the first is not counted, since it may compile."""
    _time(config, engine, 1)
    steps = 1
    while (elapsed := _time(config, engine, steps)) < TRIAL_SECONDS and steps < steps_of(config, engine):
        steps *= 4
    return steps / elapsed


def _time(config: RunConfig, engine: str, steps: int) -> float:
    _, job = build(config.model_copy(update={"steps": steps, "validate_every": None, "patience": None}))
    began = time.perf_counter()
    load_engine(engine).train(job, Control())
    return time.perf_counter() - began
