"""From a data set and a config to a trained, evaluated model."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from ..config import RunConfig
from ..data.horizon import look_back
from ..data.series import Dataset
from ..errors import ModelError, one_line
from ..models.rnn import Recurrent
from ..registry import build_model
from .engines import Engine
from .evaluate import Metrics, evaluate_and_keep
from .forecasts import check_windows, evaluate_forecasts
from .inputs import check_init_outputs, width
from .job import Control, Job, Trained
from .simulator import outputs_given
from .windows import BatchOrder, layout


@dataclass(frozen=True)
class Outcome:
    """What a run yields: the training's course, the metrics of every part, seconds, and the engine's name.

    ``y_hat`` holds the simulated outputs of each test set in physical units; forecasts are not kept. ``train_s`` is
    wall clock, ``train_cpu_s`` the processor time of the run's own thread.
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
    """Seeds, builds the model and lays out data and batch order, in the reference experiment's order of draws.

    The seed is set immediately before the model is built, and the batch order goes on from there, so that all
    runs of one N and one seed share their initial weights and their batches.

    Raises:
        ConfigError: the windows do not fit the data.
        ModelError: the model cannot be built, or its outputs have the wrong shape.
    """
    check_init_outputs(config.init_outputs, data.n_init, data.name)
    if data.horizon:
        check_windows(data, look_back(config, data))
    n_in = width(data.n_u, data.n_y, config.init_outputs)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        module = build_model(
            config.model,
            n_u=n_in,
            n_y=data.n_y,
            hidden_size=config.hidden_size,
            num_layers=config.num_layers,
        )
        rng_state = torch.get_rng_state()
    _check_outputs(module, config, n_in, data.n_y)
    lengths = tuple(len(series) for series in data.train)
    starts = layout(lengths, config)
    shuffled = config.init_mode == "zero"
    scaled = [data.scaler.scale(series) for series in data.train]
    return Job(
        config=config,
        u=np.concatenate([u for u, _ in scaled]),
        y=np.concatenate([y for _, y in scaled]),
        lengths=lengths,
        starts=starts,
        order=BatchOrder(len(starts), config.batch_size, rng_state=rng_state if shuffled else None),
        val=tuple(data.scaler.scale(series) for series in data.val),
        module=module,
        cell=config.model if type(module) is Recurrent else None,
    )


def _check_outputs(module: torch.nn.Module, config: RunConfig, n_in: int, n_y: int) -> None:
    """Two windows of two zeros must give two windows of two outputs."""
    training = module.training
    module.eval()
    try:
        with torch.no_grad():
            y_hat = module(torch.zeros(2, 2, n_in))
    except Exception as error:  # whatever the module's own code raises
        raise ModelError(f"model '{config.model}' does not take inputs (B, N, {n_in}): {one_line(error)}") from error
    module.train(training)
    if not isinstance(y_hat, torch.Tensor):
        raise ModelError(f"model '{config.model}' gives a {type(y_hat).__name__}; its forward must give one tensor")
    shape = tuple(y_hat.shape)
    if shape != (2, 2, n_y):
        raise ModelError(
            f"model '{config.model}' gives shape {shape} for inputs (2, 2, {n_in}); expected (2, 2, {n_y})"
        )


def run(job: Job, data: Dataset, engine: Engine, control: Control) -> Outcome:
    """Trains the job on the engine and scores the result by free-run simulation, or by its forecasts."""
    began, began_cpu = time.perf_counter(), time.thread_time()
    trained = engine.train(job, control)
    trained_at, train_cpu_s = time.perf_counter(), time.thread_time() - began_cpu
    metrics: Metrics = {}
    y_hat: dict[str, np.ndarray] = {}
    config = job.config
    if trained.status == "ok" and data.horizon:
        metrics = evaluate_forecasts(job.module, trained.weights, data, look_back(config, data))
    elif trained.status == "ok":
        burn_in = config.burn_in if trained.optimum else None
        given = outputs_given(job.module, init_outputs=config.init_outputs, n_init=data.n_init)
        metrics, y_hat = evaluate_and_keep(engine.simulator(job, trained.weights), data, given, burn_in)
    reason = _divergence(trained, metrics)
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


def _divergence(trained: Trained, metrics: Metrics) -> str | None:
    """Why the run counts as diverged; None if it does not."""
    if trained.status == "diverged":
        return f"the loss or a weight was not finite at step {trained.steps_done}"
    parts = {"train": metrics["train"], "val": metrics["val"], **metrics["test"]}
    infinite = [part for part, scores in parts.items() if not np.isfinite(scores["mse_scaled"])]
    return f"the outputs for {', '.join(infinite)} were not finite" if infinite else None
