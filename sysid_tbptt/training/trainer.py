"""From a data set and a config to a trained, evaluated model."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from ..config import RunConfig
from ..data.horizon import look_back
from ..data.scaler import LARGEST
from ..data.series import Dataset
from .draws import GATES, Generator, recurrent_weights
from .engines import Engine
from .evaluate import Metrics, evaluate_and_keep
from .inputs import check_init_outputs, width
from .job import Arrays, Control, Job, Trained
from .windows import BatchOrder, layout

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Outcome:
    """What a run yields: the training's course, the metrics of every part, seconds, and the engine's name.

    ``y_hat`` holds the simulated outputs of each test set in physical units; forecasts are not kept. ``train_s`` is
    wall clock, ``train_cpu_s`` the processor time of the run's own thread and of those that helped it.
    """

    status: Literal["ok", "diverged"]
    reason: str | None
    trained: Trained
    metrics: Metrics
    y_hat: dict[str, np.ndarray]
    train_s: float
    train_cpu_s: float
    evaluate_s: float
    engine: str
    n_parameters: int


def make_job(config: RunConfig, data: Dataset) -> Job:
    """Draws the initial weights, and lays out data and batch order, in the reference experiment's order of draws.

    The draws of the batch order follow those of the initial weights, so that all runs of one N and one seed share their
    initial weights and their batches. The weights of the zoo's networks are drawn without torch; any other model is
    built here.

    Raises:
        ConfigError: the windows do not fit the data.
        ModelError: the model cannot be built, or its outputs have the wrong shape.
    """
    check_init_outputs(config.init_outputs, data.n_init, data.name)
    if data.horizon:
        from .forecasts import check_windows

        check_windows(data, look_back(config, data))
    lengths = tuple(len(series) for series in data.train)
    starts = layout(lengths, config)
    scaled = [data.scaler.scale(series) for series in data.train]
    model = _zoo(config, data) if config.model in GATES else _built(config, data)
    job = Job(
        config=config,
        u=np.concatenate([u for u, _ in scaled]),
        y=np.concatenate([y for _, y in scaled]),
        lengths=lengths,
        starts=starts,
        order=_order(config, len(starts), model),
        val=tuple(data.scaler.scale(series) for series in data.val),
        build=model.build,
        cell=model.cell,
        initial=model.initial,
        n_init=data.n_init,
    )
    if (warm := config.warm_start) is None:
        return job
    starts = layout(lengths, warm)
    return replace(job, warm=replace(job, config=warm, starts=starts, order=_order(warm, len(starts), model)))


def _order(config: RunConfig, n_windows: int, model: _Model) -> BatchOrder:
    return BatchOrder(n_windows, config.batch_size, seeds=model.seeds if config.init_mode == "zero" else None)


class _Model(NamedTuple):
    """How a module is built, the random draws that follow, and, for the zoo, the cell and the initial weights."""

    build: Callable[[], torch.nn.Module]
    seeds: Callable[[], Iterator[int]]
    cell: str | None = None
    initial: Arrays | None = None


def _zoo(config: RunConfig, data: Dataset) -> _Model:
    """A network of the zoo, whose module is built only when it is needed."""
    generator = Generator(config.seed)
    n_in = width(data.n_u, data.n_y, config.init_outputs)
    initial = recurrent_weights(generator, config.model, n_in, data.n_y, config.hidden_size, config.num_layers)

    def build() -> torch.nn.Module:
        from .weights import module_with

        # torch's own draws differ in the last digit on a processor without fused multiply-add
        return module_with(_built(config, data).build(), initial)

    return _Model(build, lambda: deepcopy(generator).seeds(), config.model, initial)


def _built(config: RunConfig, data: Dataset) -> _Model:
    """Any other model, which is built here in a seeded block."""
    from .building import seeded_module

    module, seeds = seeded_module(config, width(data.n_u, data.n_y, config.init_outputs), data.n_y)
    return _Model(lambda: module, seeds)


def run(job: Job, data: Dataset, engine: Engine, control: Control) -> Outcome:
    """Trains the job on the engine and scores the result by free-run simulation, or by its forecasts."""
    began, began_cpu = time.perf_counter(), time.thread_time()
    trained = engine.train(job, control)
    trained_at, train_cpu_s = time.perf_counter(), time.thread_time() - began_cpu + control.helpers_cpu_s
    metrics: Metrics = {}
    y_hat: dict[str, np.ndarray] = {}
    config = job.config
    if trained.status == "ok" and data.horizon:
        from .forecasts import evaluate_forecasts

        metrics = evaluate_forecasts(job.module, trained.weights, data, look_back(config, data))
    elif trained.status == "ok":
        burn_in = config.burn_in if trained.optimum else None
        metrics, y_hat = evaluate_and_keep(engine.simulator(job, trained.weights), data, _given(job, data), burn_in)
    reason = _divergence(trained, metrics, y_hat)
    return Outcome(
        status="diverged" if reason else "ok",
        reason=reason,
        trained=trained,
        metrics=metrics,
        y_hat=y_hat,
        train_s=trained_at - began,
        train_cpu_s=train_cpu_s,
        evaluate_s=time.perf_counter() - trained_at,
        engine=engine.NAME,
        n_parameters=sum(array.size for array in trained.weights.values()),
    )


def _given(job: Job, data: Dataset) -> int:
    """Measured outputs that each simulation starts from."""
    if job.cell:
        return job.config.init_outputs
    from .modules import outputs_given

    return outputs_given(job.module, init_outputs=job.config.init_outputs, n_init=data.n_init)


def _divergence(trained: Trained, metrics: Metrics, y_hat: dict[str, np.ndarray]) -> str | None:
    """Why the run counts as diverged; None if it does not. Outputs must fit float32, in which they are stored."""
    if trained.status == "diverged":
        return f"the loss or a weight was not finite at step {trained.steps_done}"
    parts = {"train": metrics["train"], "val": metrics["val"], **metrics["test"]}
    infinite = [part for part, scores in parts.items() if not np.isfinite(scores["mse_scaled"])]
    infinite += [part for part, outputs in y_hat.items() if part not in infinite and np.abs(outputs).max() > LARGEST]
    return f"the outputs for {', '.join(infinite)} were not finite" if infinite else None
