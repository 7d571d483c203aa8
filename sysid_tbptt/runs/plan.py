"""What is to be done, in which order, and what is there already."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..config import RunConfig, method
from ..data.series import Dataset
from ..errors import listed
from ..registry import data_of, is_built_in
from ..training.engines import CLOSED_FORM, Engine, load_engine, pick
from ..training.job import Job
from .estimate import effort, steps_of
from .executors import Parallel
from .record import RunRecord
from .store import Store
from .worker import build

Group = tuple[str | int, ...]
"""Runs that are queued together: those of one data set, method and N."""


_CONTRACT = (
    *("dataset", "split", "horizon", "model", "hidden_size", "num_layers"),
    *("seq_len", "init_mode", "init_outputs", "optimiser", "warm_steps"),
)
"""The fields of a config that decide how a module is called."""


@dataclass(frozen=True)
class Planned:
    """A run with its identity and the engine that takes it."""

    config: RunConfig
    run_id: str
    engine: str

    @property
    def group(self) -> Group:
        config = self.config
        named = method(config.model, config.optimiser)
        return config.suite, config.dataset, config.split, named, config.hidden_size, config.seq_len

    @property
    def steps(self) -> int:
        return steps_of(self.config, self.engine)

    @property
    def effort(self) -> int:
        return effort(self.config, self.engine)


@dataclass(frozen=True)
class Plan:
    """All runs of a call in the order asked for, those still to do in the order of the queue.

    ``passed_over`` holds the reasons why ``auto`` could not take a faster engine; ``left_out`` names the training
    records that are shorter than a subsequence of runs still to do, one sentence for each data set and N.
    """

    runs: tuple[Planned, ...]
    todo: tuple[Planned, ...]
    passed_over: tuple[str, ...]
    left_out: tuple[str, ...] = ()

    def by_executor(self) -> dict[Parallel, list[Planned]]:
        """What is to do in threads, and what in processes."""
        queues: dict[Parallel, list[Planned]] = {}
        for run in self.todo:
            queues.setdefault(load_engine(run.engine).PARALLEL, []).append(run)
        return queues

    def queues(self, seconds: Mapping[str, float], *, on_cluster: bool) -> list[list[float]]:
        """The ``seconds`` (by run_id) of what is to do, in queues: one on a cluster, else threads, then processes."""
        queues = [self.todo] if on_cluster else self.by_executor().values()
        return [[seconds[run.run_id] for run in queue] for queue in queues]


def make_plan(configs: Iterable[RunConfig], *, engine: str, store: Store | None) -> Plan:
    """Plans the runs; done are those with a record that did not fail.

    Raises:
        EngineError: there is no such engine, or it cannot take a run.
        ConfigError, DataError, ModelError: a run cannot be built, or its module breaks the contract, see
            `sysid_tbptt.training.contract`.
    """
    planner = _Planner(engine, store)
    runs = [planner.plan(config) for config in dict.fromkeys(configs)]
    todo = [run for run in runs if not planner.done(run.run_id)]
    return Plan(tuple(runs), tuple(_queue(todo)), tuple(planner.passed_over), tuple(planner.left_out))


class _Planner:
    """Finds the engine of each run; runs of one shape have one engine, so that few need to be built."""

    def __init__(self, engine: str, store: Store | None) -> None:
        self.engine, self.store = engine, store
        self.passed_over: dict[str, None] = {}
        self.left_out: dict[str, None] = {}
        self._engines: dict[tuple[object, ...], str] = {}
        self._checked: set[tuple[object, ...]] = set()

    def plan(self, config: RunConfig) -> Planned:
        data = data_of(config)
        run_id = config.run_id(data.revision)
        if record := self.done(run_id):
            return Planned(config, run_id, record.engine or "")
        engine = self._engine(config)
        if engine != CLOSED_FORM and (said := _left_out(config, data)):
            self.left_out[said] = None
        return Planned(config, run_id, engine)

    def done(self, run_id: str) -> RunRecord | None:
        """The record of a run that need not be done again."""
        record = self.store.get(run_id) if self.store else None
        return record if record is not None and record.done and record.current else None

    def _engine(self, config: RunConfig) -> str:
        varying = {"suite", "burn_in", "seed", "steps", "epochs"}
        key = tuple(value for name, value in config.model_dump().items() if name not in varying)
        if key not in self._engines:
            data, job = build(config)
            picked, reason = pick(self.engine, job)
            self._check(job, data, picked)
            self._engines[key] = picked.NAME
            if reason:
                self.passed_over[f"{config.model}, hidden_size={config.hidden_size}: {reason}"] = None
        return self._engines[key]

    def _check(self, job: Job, data: Dataset, engine: Engine) -> None:
        """Checks the contract of a user's module, once for all runs that call it in the same way."""
        key = tuple(getattr(job.config, name) for name in _CONTRACT)
        if not is_built_in(job.config.model) and key not in self._checked:
            from ..training.contract import check

            check(job, data, engine)
            self._checked.add(key)


def _left_out(config: RunConfig, data: Dataset) -> str | None:
    """A sentence that names the training records without a subsequence; None if there are none."""
    short = [f"'{series.name}' ({len(series)} samples)" for series in data.train if len(series) < config.seq_len]
    if not short:
        return None
    records = "record" if len(short) == 1 else "records"
    said = f"seq_len={config.seq_len} is longer than the training {records} {listed(short)}"
    return f"{config.dataset}: {said}; training does not use {'it' if len(short) == 1 else 'them'}"


def _queue(todo: Sequence[Planned]) -> list[Planned]:
    """The cheapest groups first, so that tables fill from the start; within a group the longest runs first."""
    groups: dict[Group, list[Planned]] = {}
    for run in todo:
        groups.setdefault(run.group, []).append(run)
    cheapest_first = sorted(groups.values(), key=lambda group: sum(run.effort for run in group))
    return [run for group in cheapest_first for run in sorted(group, key=lambda run: -run.effort)]
