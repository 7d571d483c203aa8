"""What is to be done, in which order, and what is there already."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..config import RunConfig
from ..registry import data_of
from ..training.engines import load_engine, pick
from .estimate import effort, steps_of
from .executors import Parallel
from .record import RunRecord
from .store import Store
from .worker import build

Group = tuple[str | int, ...]
"""Runs that are queued together: those of one data set, model and N."""


@dataclass(frozen=True)
class Planned:
    """A run with its identity and the engine that takes it."""

    config: RunConfig
    run_id: str
    engine: str

    @property
    def group(self) -> Group:
        config = self.config
        return config.suite, config.dataset, config.split, config.model, config.hidden_size, config.seq_len

    @property
    def steps(self) -> int:
        return steps_of(self.config, self.engine)

    @property
    def effort(self) -> int:
        return effort(self.config, self.engine)


@dataclass(frozen=True)
class Plan:
    """All runs of a call in the order asked for, those still to do in the order of the queue.

    ``passed_over`` holds the reasons why ``auto`` could not take a faster engine.
    """

    runs: tuple[Planned, ...]
    todo: tuple[Planned, ...]
    passed_over: tuple[str, ...]

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
        ConfigError, DataError, ModelError: a run cannot be built.
    """
    planner = _Planner(engine, store)
    runs = [planner.plan(config) for config in dict.fromkeys(configs)]
    todo = [run for run in runs if not planner.done(run.run_id)]
    return Plan(tuple(runs), tuple(_queue(todo)), tuple(planner.passed_over))


class _Planner:
    """Finds the engine of each run; runs of one shape have one engine, so that few need to be built."""

    def __init__(self, engine: str, store: Store | None) -> None:
        self.engine, self.store = engine, store
        self.passed_over: dict[str, None] = {}
        self._engines: dict[tuple[object, ...], str] = {}

    def plan(self, config: RunConfig) -> Planned:
        run_id = config.run_id(data_of(config).revision)
        record = self.done(run_id)
        return Planned(config, run_id, record.engine or "" if record else self._engine(config))

    def done(self, run_id: str) -> RunRecord | None:
        """The record of a run that need not be done again."""
        record = self.store.get(run_id) if self.store else None
        return record if record is not None and record.done and record.current else None

    def _engine(self, config: RunConfig) -> str:
        varying = {"suite", "burn_in", "seed", "steps", "epochs"}
        key = tuple(value for name, value in config.model_dump().items() if name not in varying)
        if key not in self._engines:
            picked, reason = pick(self.engine, build(config)[1])
            self._engines[key] = picked.NAME
            if reason:
                self.passed_over[f"{config.model}, hidden_size={config.hidden_size}: {reason}"] = None
        return self._engines[key]


def _queue(todo: Sequence[Planned]) -> list[Planned]:
    """The cheapest groups first, so that tables fill from the start; within a group the longest runs first."""
    groups: dict[Group, list[Planned]] = {}
    for run in todo:
        groups.setdefault(run.group, []).append(run)
    cheapest_first = sorted(groups.values(), key=lambda group: sum(run.effort for run in group))
    return [run for group in cheapest_first for run in sorted(group, key=lambda run: -run.effort)]
