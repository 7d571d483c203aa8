"""One run from config to record, in whatever thread or process it is put."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from ..config import RunConfig, algorithm_version
from ..data.identity import round_significant
from ..data.series import Dataset
from ..errors import DataError, StoreError, SysidError, frames, traced
from ..registry import data_of
from ..training.engines import pick
from ..training.job import Arrays, Control, Interrupted, Job
from ..training.trainer import Outcome, make_job, run
from ..training.windows import n_long_enough
from .atomic import write_whole
from .checkpoint import Checkpoint, Spent
from .origin import Origin
from .predictions import write_predictions
from .provenance import provenance, versions
from .record import Loss, Optimum, RunRecord, Time

OUTPUT_DIGITS = 7
"""Significant digits of the outputs of an optimum."""


@dataclass(frozen=True)
class Task:
    """What a worker needs to know. ``slot`` is the run's place on the board; files that are None are not kept.

    Checkpoints are ``checkpoint_s`` seconds of training apart. ``data`` is given where the worker must not look for
    the data set itself.
    """

    config: RunConfig
    run_id: str
    engine: str
    slot: int
    command: str
    checkpoint: Path | None = None
    checkpoint_s: float = 30.0
    weights: Path | None = None
    predictions: Path | None = None
    data: Dataset | None = None


@runtime_checkable
class Watcher(Protocol):
    """Is told how the run in a ``slot`` goes, may ask it to stop, and says how many threads it may use."""

    def begin(self, slot: int, /) -> None: ...
    def report(self, slot: int, step: int, /) -> None: ...
    def saved(self, checkpoint: Path, /) -> None: ...
    @property
    def stopping(self) -> bool: ...
    @property
    def threads(self) -> int: ...


def build(config: RunConfig, data: Dataset | None = None) -> tuple[Dataset, Job]:
    """The data and the job of a run; safe to call from several threads."""
    data = data or data_of(config)
    return data, make_job(config, data)


def perform(task: Task, watcher: Watcher) -> RunRecord | None:
    """The run's record; None if it was asked to stop. An error becomes a record of a failure.

    Raises:
        StoreError: its files cannot be written, which is no fault of the run's.
    """
    watcher.begin(task.slot)
    try:
        return _Sitting(task, watcher).perform()
    except Interrupted:
        return None
    except StoreError:
        raise
    except Exception as error:
        return failure(task, _reason(error), frames(error))


def failure(task: Task, reason: str, traceback: Sequence[str] = ()) -> RunRecord:
    """The record of a run that did not come to an end."""
    return RunRecord(
        run_id=task.run_id,
        status="failed",
        reason=reason,
        config=task.config,
        engine=task.engine,
        provenance={
            "algorithm": algorithm_version(task.config.model),
            "command": task.command,
            "traceback": list(traceback),
        },
    )


@dataclass
class _Sitting:
    """One sitting of a run, which may go on from an earlier one."""

    task: Task
    watcher: Watcher
    began: Spent = (0.0, 0.0)
    saved: float = 0.0
    earlier: Spent = (0.0, 0.0)

    def perform(self) -> RunRecord:
        data, job = build(self.task.config, self.task.data)
        if self.task.config.run_id(data.revision) != self.task.run_id:
            raise DataError(f"the data set '{data.name}' was changed after the call began; run again")
        engine, _ = pick(self.task.engine, job)
        control = Control(progress=lambda step: self.watcher.report(self.task.slot, step))
        control.stopping = lambda: self.watcher.stopping
        control.threads = lambda: self.watcher.threads
        if self.task.checkpoint:
            self._resume(control, Checkpoint(self.task.checkpoint, mark(self.task, engine.NAME)))
        self.began, self.saved = (time.perf_counter(), time.thread_time()), time.perf_counter()
        outcome = run(job, data, engine, control)
        if outcome.status == "ok":
            self._keep(outcome, data)
        return self._record(outcome, data, job)

    def _keep(self, outcome: Outcome, data: Dataset) -> None:
        if self.task.weights:
            from ..training.weights import weights_file

            origin = Origin.of(self.task.config, self.task.run_id, data.revision)
            write_whole(self.task.weights, weights_file(outcome.trained.weights, origin.metadata()))
        if self.task.predictions and outcome.y_hat:
            write_predictions(self.task.predictions, data.test, outcome.y_hat)

    def _resume(self, control: Control, checkpoint: Checkpoint) -> None:
        control.resume, self.earlier = checkpoint.load()
        control.checkpoint_due = lambda: time.perf_counter() - self.saved > self.task.checkpoint_s
        control.save = self._saver(checkpoint, control)

    def _saver(self, checkpoint: Checkpoint, control: Control) -> Callable[[Arrays], None]:
        def save_state(state: Arrays) -> None:
            wall = time.perf_counter() - self.began[0]
            processor = time.thread_time() - self.began[1] + control.helpers_cpu_s
            checkpoint.save(state, (self.earlier[0] + wall, self.earlier[1] + processor))
            self.watcher.saved(checkpoint.path)
            self.saved = time.perf_counter()

        return save_state

    def _record(self, outcome: Outcome, data: Dataset, job: Job) -> RunRecord:
        config, trained = self.task.config, outcome.trained
        return RunRecord(
            run_id=self.task.run_id,
            status=outcome.status,
            reason=outcome.reason,
            config=config,
            records=n_long_enough(job.lengths, config.seq_len),
            windows=len(job.starts),
            parameters=outcome.n_parameters,
            steps_done=trained.steps_done,
            engine=outcome.engine,
            metrics=outcome.metrics,
            loss=Loss(
                last100_mean=trained.last100_mean,
                curve=trained.curve,
                curve_every=trained.curve_every,
                validation=list(trained.validation),
                best_step=trained.best_step,
            ),
            time=_time(outcome, self.earlier, _samples_a_step(job)),
            optimum=_optimum(outcome),
            ended=trained.ended,
            provenance=provenance(config.model, data, self.task.command),
        )


def mark(task: Task, engine: str) -> str:
    """What a checkpoint must be of to be of use: the run, the engine and the version of the package."""
    return f"{task.run_id} {engine} {versions()['sysid-tbptt']}"


def _samples_a_step(job: Job) -> int:
    """Samples of the windows that one step, or one iteration of lm, goes through."""
    windows = len(job.starts) if job.config.optimiser == "lm" else job.config.batch_size
    return windows * job.config.seq_len


def _time(outcome: Outcome, earlier: Spent, samples_a_step: int) -> Time:
    train_s = earlier[0] + outcome.train_s
    steps_per_s = outcome.trained.steps_done / train_s if train_s > 0 else 0.0
    return Time(
        train_s=train_s,
        train_cpu_s=earlier[1] + outcome.train_cpu_s,
        evaluate_s=outcome.evaluate_s,
        steps_per_s=steps_per_s,
        samples_per_s=steps_per_s * samples_a_step,
    )


def _optimum(outcome: Outcome) -> Optimum | None:
    found = outcome.trained.optimum
    if found is None:
        return None
    y_hat = round_significant(found.y_hat, OUTPUT_DIGITS).tolist()
    return Optimum.model_validate(vars(found) | {"y_hat": y_hat})


def _reason(error: Exception) -> str:
    """What went wrong, and for what is no error of ours, where."""
    return str(error) if isinstance(error, SysidError) else traced(error)
