"""Trains a list of runs: skips what is done, uses all cores, saves each record as it ends, goes on after a stop."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from ..config import RunConfig
from .estimate import Estimate, Estimator
from .executors import cores, execute
from .plan import Group, Plan, Planned, make_plan
from .progress import Reporter, duration
from .provenance import command, typed
from .record import RunRecord
from .schedule import makespan
from .store import Store, locked
from .worker import Task

if TYPE_CHECKING:
    from .connection import Cluster

CHECKPOINT_SECONDS = 30.0
"""Seconds of training between two checkpoints of a run."""


def train(
    runs: Iterable[RunConfig],
    *,
    engine: str = "auto",
    results: str | Path | None = None,
    workers: int | None = None,
    keep_weights: bool = False,
    checkpoint_s: float = CHECKPOINT_SECONDS,
    cluster: Cluster | AbstractContextManager[Cluster] | None = None,
    console: Console | None = None,
    after_group: Callable[[], None] | None = None,
) -> list[RunRecord]:
    """Trains and evaluates the runs, and returns their records in the order of the runs.

    With a ``results`` folder, runs that have a record there are not done again, each record is written as its run
    ends, and a run that is stopped or killed goes on from its last checkpoint, to the same numbers to the bit.
    ``workers`` runs go at a time (default: one a core), or as many as the ``cluster`` takes, see
    `sysid_tbptt.runs.connection.connect`; the numbers are the same. What `connect` returns is opened
    only if there is something to do. ``keep_weights`` writes the trained weights and the
    simulated test outputs there too. Checkpoints of a run are ``checkpoint_s`` seconds of training apart.
    ``after_group`` is called whenever all runs of a row of a table are there.

    Raises:
        ConfigError, DataError, ModelError: a run cannot be built.
        EngineError: the engine does not exist or cannot take a run, or workers die or cannot begin.
        StoreError: the results folder cannot be used, or no longer be written; what was saved there stays.
        KeyboardInterrupt: stopped by Ctrl-C, after all states were saved.
    """
    console = console or Console(stderr=True)
    at_a_time = workers or cores()
    if results is None:
        return _Call(None, console, engine, at_a_time, cluster, False, checkpoint_s, after_group).train(runs)
    with locked(results):
        store = Store(results)
        for damage in store.set_damages_aside():
            then = ", and to be run again" if damage.kind == "damaged" else ""
            say(console, f"set aside{then}: {damage}")
        for path in store.spent_checkpoints():
            path.unlink(missing_ok=True)
        return _Call(store, console, engine, at_a_time, cluster, keep_weights, checkpoint_s, after_group).train(runs)


@dataclass
class _Call:
    """One call of `train`."""

    store: Store | None
    console: Console
    engine: str
    workers: int
    cluster: Cluster | AbstractContextManager[Cluster] | None
    keep_weights: bool
    checkpoint_s: float
    after_group: Callable[[], None] | None
    records: dict[str, RunRecord] = field(default_factory=dict)
    left: Counter[Group] = field(default_factory=Counter)

    def train(self, runs: Iterable[RunConfig]) -> list[RunRecord]:
        plan = make_plan(runs, engine=self.engine, store=self.store)
        announce(plan, self.console)
        if plan.todo:
            opening = self.cluster if isinstance(self.cluster, AbstractContextManager) else nullcontext(self.cluster)
            with opening as there:
                self._perform(plan, there)
        return [record for run in plan.runs if (record := self._record(run.run_id)) is not None]

    def _perform(self, plan: Plan, there: Cluster | None) -> None:
        workers = max(1, there.takes({run.engine for run in plan.todo})) if there else self.workers
        seconds = {run_id: one.seconds for run_id, one in estimates(plan.todo, self.store).items()}
        wall = sum(makespan(queue, workers) for queue in plan.queues(seconds, on_cluster=there is not None))
        self.console.print(f"estimate: {duration(wall)} on {workers} workers")
        reporter = Reporter(self.console, seconds, {run.run_id: run.steps for run in plan.todo}, workers)
        self.left = Counter(run.group for run in plan.todo)
        groups = {run.run_id: run.group for run in plan.todo}

        def tell(said: str) -> None:
            say(self.console, said)

        def on_record(record: RunRecord) -> None:
            self._keep(record)
            reporter.on_record(record)
            self._count(groups[record.run_id])

        with reporter.shown(), self._told_how_to_go_on():
            if there:
                from . import cluster

                cluster.execute(
                    self._tasks(plan.todo, reporter),
                    there,
                    seconds=seconds,
                    on_record=on_record,
                    on_steps=reporter.on_steps,
                    tell=tell,
                )
                return
            for parallel, queue in plan.by_executor().items():
                execute(
                    self._tasks(queue, reporter),
                    workers=self.workers,
                    parallel=parallel,
                    on_record=on_record,
                    on_steps=reporter.on_steps,
                    tell=tell,
                )

    @contextmanager
    def _told_how_to_go_on(self) -> Iterator[None]:
        try:
            yield
        except KeyboardInterrupt:
            said = f"saved. To go on, type: {typed()}" if self.store else "nothing is saved without a results folder."
            say(self.console, f"stopped; {said}")
            raise

    def _count(self, group: Group) -> None:
        """Calls ``after_group`` when the group is complete; what goes wrong there stops no training."""
        self.left[group] -= 1
        if self.after_group and not self.left[group]:
            try:
                self.after_group()
            except Exception as error:
                self.console.print(f"after a group of runs: {type(error).__name__}: {error}", markup=False)

    def _tasks(self, runs: Iterable[Planned], reporter: Reporter) -> list[Task]:
        tasks = [self._task(run, slot) for slot, run in enumerate(runs)]
        for task in tasks:
            if task.checkpoint and task.checkpoint.exists():
                reporter.resumes(task.run_id)
        return tasks

    def _task(self, run: Planned, slot: int) -> Task:
        store = self.store
        return Task(
            config=run.config,
            run_id=run.run_id,
            engine=run.engine,
            slot=slot,
            command=command(),
            checkpoint=store.checkpoint(run.run_id) if store else None,
            checkpoint_s=self.checkpoint_s,
            weights=store.weights(run.run_id) if store and self.keep_weights else None,
            predictions=store.predictions(run.run_id) if store and self.keep_weights else None,
        )

    def _keep(self, record: RunRecord) -> None:
        """The record first: a checkpoint is discarded only when its run is safe."""
        self.records[record.run_id] = record
        if self.store:
            self.store.save(record)
            if record.done:
                self.store.checkpoint(record.run_id).unlink(missing_ok=True)

    def _record(self, run_id: str) -> RunRecord | None:
        return self.records.get(run_id) or (self.store.get(run_id) if self.store else None)


def say(console: Console, text: str) -> None:
    """A line as it is, whatever names and paths it holds."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def estimates(runs: Iterable[Planned], store: Store | None) -> dict[str, Estimate]:
    """What each run takes on one worker, by its run_id."""
    estimator = Estimator(store.records() if store else ())
    return {run.run_id: estimator.estimate(run.config, run.engine) for run in runs}


def announce(plan: Plan, console: Console) -> None:
    """Says what there is to do, which training records are left out, and why a slower engine is taken."""
    done = len(plan.runs) - len(plan.todo)
    console.print(f"{len(plan.runs)} runs, {done} done already, {len(plan.todo)} to do")
    for said in plan.left_out:
        say(console, f"warning: {said}")
    for reason in plan.passed_over:
        console.print(f"not on a faster engine: {reason}", markup=False)
