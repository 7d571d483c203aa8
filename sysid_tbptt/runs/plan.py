"""What is to be done, in which order, and what is there already."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..config import RunConfig
from ..training.engines import load_engine, pick
from .estimate import effort
from .executors import Parallel
from .store import Store
from .worker import build

Group = tuple[str | int, ...]


@dataclass(frozen=True)
class Planned:
    """A run with its identity and the engine that takes it."""

    config: RunConfig
    run_id: str
    engine: str

    @property
    def group(self) -> Group:
        """Runs that make up one row of a table."""
        config = self.config
        return config.suite, config.dataset, config.split, config.model, config.hidden_size, config.seq_len


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


def make_plan(configs: Iterable[RunConfig], *, engine: str, store: Store | None) -> Plan:
    """Plans the runs; done are those with a record that did not fail.

    Raises:
        EngineError: there is no such engine, or it cannot take a run.
        ConfigError, DataError, ModelError: a run cannot be built.
    """
    runs: list[Planned] = []
    reasons: dict[str, None] = {}
    for config in dict.fromkeys(configs):
        data, job = build(config)
        picked, reason = pick(engine, job)
        if reason:
            reasons[f"{config.model}, hidden_size={config.hidden_size}: {reason}"] = None
        runs.append(Planned(config, config.run_id(data.revision), picked.NAME))
    todo = [run for run in runs if not _done(store, run)]
    return Plan(tuple(runs), tuple(_queue(todo)), tuple(reasons))


def _done(store: Store | None, run: Planned) -> bool:
    record = store.get(run.run_id) if store else None
    return record is not None and record.done


def _queue(todo: Sequence[Planned]) -> list[Planned]:
    """The cheapest groups first, so that tables fill from the start; within a group the longest runs first."""
    groups: dict[Group, list[Planned]] = {}
    for run in todo:
        groups.setdefault(run.group, []).append(run)
    cheapest_first = sorted(groups.values(), key=lambda group: sum(effort(run.config) for run in group))
    return [run for group in cheapest_first for run in sorted(group, key=lambda run: -effort(run.config))]
