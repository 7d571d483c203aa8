"""From a data set and a config to a trained, evaluated model."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from ..config import RunConfig
from ..data.horizon import look_back
from ..data.scaler import LARGEST
from ..data.series import Dataset
from ..models.rnn import Recurrent
from ..seeding import seeded
from .building import built
from .engines import Engine
from .evaluate import Metrics, evaluate_and_keep
from .forecasts import check_windows, evaluate_forecasts
from .inputs import check_init_outputs, width
from .job import Control, Job, Trained
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

    The random generators of torch, numpy and Python are seeded immediately before the model is built, and the batch
    order goes on from there, so that all runs of one N and one seed share their initial weights and their batches.

    Raises:
        ConfigError: the windows do not fit the data.
        ModelError: the model cannot be built, or its outputs have the wrong shape.
    """
    check_init_outputs(config.init_outputs, data.n_init, data.name)
    if data.horizon:
        check_windows(data, look_back(config, data))
    lengths = tuple(len(series) for series in data.train)
    starts = layout(lengths, config)
    with seeded(config.seed):
        module = built(
            config.model,
            n_in=width(data.n_u, data.n_y, config.init_outputs),
            n_y=data.n_y,
            hidden_size=config.hidden_size,
            num_layers=config.num_layers,
            n_steps=config.seq_len,
        )
        rng_state = torch.get_rng_state()
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
        metrics, y_hat = evaluate_and_keep(engine.simulator(job, trained.weights), data, config.init_outputs, burn_in)
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


def _divergence(trained: Trained, metrics: Metrics, y_hat: dict[str, np.ndarray]) -> str | None:
    """Why the run counts as diverged; None if it does not. Outputs must fit float32, in which they are stored."""
    if trained.status == "diverged":
        return f"the loss or a weight was not finite at step {trained.steps_done}"
    parts = {"train": metrics["train"], "val": metrics["val"], **metrics["test"]}
    infinite = [part for part, scores in parts.items() if not np.isfinite(scores["mse_scaled"])]
    infinite += [part for part, outputs in y_hat.items() if part not in infinite and np.abs(outputs).max() > LARGEST]
    return f"the outputs for {', '.join(infinite)} were not finite" if infinite else None
