"""Where tasks run: on the workers of a Dask cluster. They send what comes out; only this process writes it."""

from __future__ import annotations

import itertools
import pickle
import time
import uuid
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..errors import EngineError, StoreError, SysidError, one_line
from ..registry import data_of
from .atomic import write_whole
from .bundle import Bundle, Message, Spoilt, bundles
from .connection import Cluster
from .executors import OnRecord, OnSteps, Tell
from .record import RunRecord
from .retries import TRIES, Retries
from .scheduler import Scheduler, WorkersDied
from .worker import Task, failure

if TYPE_CHECKING:
    from distributed import Future

_LOOK_SECONDS, _MISS_SECONDS, _GRACE_SECONDS, _WAIT_SECONDS = 0.25, 1.0, 15.0, 30.0

_LET_GO, _DIED = "its worker let go of it", "its worker died, perhaps for want of memory"

_STEPS_A_SECOND = 50
"""Messages that only tell how far runs are, from all workers together, about."""


def execute(
    tasks: Sequence[Task],
    cluster: Cluster,
    *,
    seconds: Mapping[str, float],
    on_record: OnRecord,
    on_steps: OnSteps,
    tell: Tell,
) -> None:
    """Performs the tasks in their order on the cluster; ``on_record`` is called here as each one ends.

    ``seconds`` are the estimates by run_id that bundles are made by. When a worker dies or fails a run, ``tell`` is
    told, and the run goes on from its last state on another; what does so `TRIES` times is recorded as a failure. On
    KeyboardInterrupt, or where a file cannot be written, the workers send their states before that is raised again.

    Raises:
        EngineError: the scheduler is gone, or no worker can begin.
        StoreError: a file of a run cannot be written.
    """
    takes = cluster.takes({task.engine for task in tasks})
    cut = bundles(tasks, seconds, max(1, takes))
    steps_s = min(60.0, max(1.0, len(cut) / _STEPS_A_SECOND))
    desk = _Desk(cluster, {task.run_id: task for task in tasks}, on_record, on_steps, tell, steps_s)
    if takes < (threads := sum(desk.workers.values())):
        tell(
            f"{threads} threads on {takes} workers, but runs of these engines go one at a time on each: start workers "
            "with --nthreads 1 --nworkers K"
        )
    try:
        for bundle in cut:
            desk.send(bundle)
        while desk.flights or desk.held:
            time.sleep(_LOOK_SECONDS)
            desk.look()
    except BaseException:
        with suppress(EngineError):  # what ended the call is raised
            desk.stop()
        raise
    finally:
        desk.close()


@dataclass
class _Flight:
    """A bundle under way: ``avoid`` are workers that it is not to go to again, ``only_on`` those that it was bound to
    for that. ``start`` tells one beginning of it from another, ``running`` the run that is under way."""

    future: Future
    tasks: tuple[Task, ...]
    again: bool
    avoid: frozenset[str]
    only_on: frozenset[str]
    start: str = ""
    worker: str = ""
    running: str = ""


_Held = tuple[tuple[Task, ...], bool, frozenset[str]]
"""A bundle that no worker is there for, whether it is sent again, and the workers to avoid."""


@dataclass
class _Desk:
    """The tasks that have no record yet, and what is known of them."""

    cluster: Cluster
    left: dict[str, Task]
    on_record: OnRecord
    on_steps: OnSteps
    tell: Tell
    steps_s: float
    stopping: bool = False
    waiting: bool = False
    unknown: bool = False
    reason: str = ""
    starts: int = 0
    looked: float = field(default_factory=time.monotonic)
    served: float = field(default_factory=time.monotonic)
    flights: dict[str, _Flight] = field(default_factory=dict)
    held: list[_Held] = field(default_factory=list)
    inbox: deque[Message] = field(default_factory=deque)
    states: dict[str, bytes] = field(default_factory=dict)
    retries: Retries = field(default_factory=Retries)
    given: dict[str, str] = field(default_factory=dict)
    name: str = field(default_factory=lambda: f"sysid-tbptt-{uuid.uuid4().hex}")
    number: itertools.count[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.workers = self.cluster.workers
        self.scheduler = Scheduler(self.cluster.client, self.name)

    def send(self, tasks: Iterable[Task], *, again: bool = False, avoid: Iterable[str] = ()) -> None:
        """Hands a bundle to the cluster, if there is a choice to other workers than those to ``avoid``; what is sent
        again comes first. Its result is of no use: a result dies with its worker, and would be made again."""
        if self.stopping:
            return
        tasks, avoid = tuple(tasks), frozenset(avoid)
        only_on = self.retries.choice(avoid, self.workers)
        if only_on is None:
            self.held.append((tasks, again, avoid))
            return
        name = f"{self.name}-{next(self.number)}"
        future = self.scheduler.submit(
            self._bundle(name, tasks), priority=int(again), resources=self.cluster.resources, workers=only_on
        )
        self.flights[name] = _Flight(future, tasks, again, avoid, only_on)

    def look(self) -> None:
        """Takes what the workers have sent, and the bundles that came to grief."""
        ended = [name for name, flight in self.flights.items() if self.scheduler.has_ended(flight.future)]
        self.unknown = False
        self._hear()
        for name in ended:
            if name in self.flights:
                self._take_back(name)
        if time.monotonic() - self.looked > _MISS_SECONDS:
            self.looked = time.monotonic()
            self._look_at_workers()

    def stop(self) -> None:
        """Lets the runs under way send their states, and keeps what can be kept.

        Raises:
            EngineError: the scheduler is gone.
        """
        if not self.scheduler.running:
            return
        self.stopping = True
        answering = {name for name, flight in self.flights.items() if self._answers(flight)}
        self.scheduler.cancel(flight.future for flight in self.flights.values())
        deadline = time.monotonic() + _GRACE_SECONDS
        while True:
            with suppress(StoreError):  # what ended the call is raised
                self._hear()
            if not answering & self.flights.keys() or time.monotonic() > deadline:
                break
            time.sleep(_LOOK_SECONDS)

    def _answers(self, flight: _Flight) -> bool:
        return flight.worker in self.workers and not self.scheduler.has_ended(flight.future)

    def close(self) -> None:
        """Leaves nothing on the cluster, unless the scheduler is gone."""
        if self.scheduler.running:
            with suppress(EngineError):
                self.inbox += self.scheduler.received()
                self.starts += sum(kind == "taken" for _, _, kind, *_ in self.inbox)
                self.scheduler.clear(1 + self.starts)

    def _bundle(self, name: str, tasks: tuple[Task, ...]) -> Bundle:
        revision = data_of(tasks[0].config).revision
        return Bundle(name, self.name, tasks, revision, self.given.get(revision), self.steps_s, self._states(tasks))

    def _states(self, tasks: Iterable[Task]) -> dict[str, bytes]:
        for task in tasks:
            if task.run_id not in self.states and task.checkpoint and task.checkpoint.exists():
                self.states[task.run_id] = task.checkpoint.read_bytes()
        return {task.run_id: self.states[task.run_id] for task in tasks if task.run_id in self.states}

    # What workers say

    def _hear(self) -> None:
        """Takes all that was sent, even if a file cannot be written or the scheduler is gone."""
        steps: dict[str, int] = {}
        troubles: list[SysidError] = []
        self.inbox += self.scheduler.received()
        while self.inbox:
            try:
                self._take(self.inbox.popleft(), steps)
            except (StoreError, EngineError) as error:
                troubles.append(error)
        self.on_steps(steps)
        if troubles:
            raise troubles[0]

    def _take(self, message: Message, steps: dict[str, int]) -> None:
        name, start, kind, run_id, payload = message
        self.starts += kind == "taken"
        flight = self.flights.get(name)
        if flight is None:
            return
        if flight.start and start != flight.start:  # the scheduler begins it anew
            self._take_back(name, died=True)
        elif kind == "taken":
            flight.start, flight.worker = start, payload
            self.retries.trust("")
        elif kind == "begun":
            flight.running = run_id
        elif kind == "ended":
            self._take_back(name)
        elif kind == "lacking":
            self._give_data(self.flights.pop(name))
        elif run_id in self.left and kind == "steps":
            steps[run_id] = payload
        elif run_id in self.left and kind == "state":
            self._keep_state(self.left[run_id], payload)
        elif run_id in self.left and kind == "record":
            flight.running = ""
            self._keep(RunRecord.from_line(payload[0]), payload[1:], flight.worker)

    def _keep_state(self, task: Task, state: bytes) -> None:
        """A run that gets on is no reason why workers die."""
        self.states[task.run_id] = state
        self.retries.gets_on(task.run_id)
        if task.checkpoint:
            write_whole(task.checkpoint, state)

    def _keep(self, record: RunRecord, files: Sequence[bytes | None], worker: str) -> None:
        """Files first: a run is done when its record is there."""
        task = self.left[record.run_id]
        if not record.done and self._once_more(task, worker):
            return
        for path, content in zip((task.weights, task.predictions), files, strict=True):
            if path and content is not None:
                write_whole(path, content)
        self.on_record(record)
        del self.left[record.run_id]
        self.states.pop(record.run_id, None)
        self.retries.trust(worker)

    def _once_more(self, task: Task, worker: str) -> bool:
        """Sends a run again, alone, unless it was tried often enough."""
        again = self.retries.once_more(task.run_id, worker)
        if again:
            self.send([task], again=True, avoid=self.retries.failed_on[task.run_id])
        return again

    def _give_data(self, flight: _Flight) -> None:
        """Sends a bundle again, from now on with its data set: to begin with, workers look for it where they are."""
        data = data_of(flight.tasks[0].config)
        if data.revision not in self.given:
            name = f"{self.name}-data-{data.revision}"
            self.scheduler.give(name, pickle.dumps(data))
            self.given[data.revision] = name
        self.send(flight.tasks, again=True, avoid=flight.avoid)

    # Bundles that end

    def _look_at_workers(self) -> None:
        """Takes back what workers that are gone were at, and binds anew what waits for some alone."""
        self.workers = self.cluster.workers
        for name, flight in list(self.flights.items()):
            if flight.start and flight.worker not in self.workers:
                self._take_back(name, died=True)
            elif not flight.start and self.retries.choice(flight.avoid, self.workers) != flight.only_on:
                self.scheduler.cancel([flight.future])
                self.send(self.flights.pop(name).tasks, again=flight.again, avoid=flight.avoid)
        held, self.held = self.held, []
        for tasks, again, avoid in held:
            self.send(tasks, again=again, avoid=avoid)
        self._tell_of_waiting()

    def _tell_of_waiting(self) -> None:
        if self.workers and not self.held:
            self.served, self.waiting = time.monotonic(), False
        elif time.monotonic() - self.served > _WAIT_SECONDS and self.held:
            raise EngineError(f"no worker performs a bundle of runs: {self.reason}")
        elif time.monotonic() - self.served > _WAIT_SECONDS and not self.waiting:
            self.waiting = True
            wanted = " ".join(f"{name}={amount:g}" for name, amount in self.cluster.resources.items())
            self.tell(f"no worker{' with ' * bool(wanted)}{wanted} is there; waiting for one")

    def _take_back(self, name: str, *, died: bool = False) -> None:
        """Sends again what a bundle has left: alone the run that its worker died at, the others as they were. What was
        cancelled, or was at a worker that left in good order, is nobody's fault."""
        flight = self.flights.pop(name)
        error = None if died else self.scheduler.error_of(flight.future)
        self.scheduler.cancel([flight.future])
        away = {task.run_id for other in self.flights.values() for task in other.tasks}
        rest = [task for task in flight.tasks if task.run_id in self.left and task.run_id not in away]
        if not rest or self.stopping:
            return
        died = died and not self.scheduler.sent_away(flight.worker)
        worker, reason = flight.worker, _DIED if died else _LET_GO
        if isinstance(error, Spoilt):
            worker, reason = error.args
        elif error is not None and not isinstance(error, WorkersDied):
            reason = one_line(error)
        self.tell(f"{worker or 'a worker'}: {reason}; {len(rest)} runs go elsewhere")
        if error is not None:
            self._blame(worker, reason)
        suspect = None
        if died or error is not None:
            suspect = next((task for task in rest if task.run_id == flight.running), rest[0] if died else None)
        if suspect and not self._once_more(suspect, worker):
            self.on_record(failure(suspect, f"{reason}; it was tried {TRIES} times"))
            del self.left[suspect.run_id]
        if others := [task for task in rest if task is not suspect]:
            self.send(others, again=True, avoid=flight.avoid if error is None else flight.avoid | {worker})

    def _blame(self, worker: str, reason: str) -> None:
        """Gives no more to a worker that fails bundle after bundle; those that nobody knows end the call."""
        self.reason = reason
        if not worker and self.unknown:  # many bundles may be lost to what befell one worker
            return
        self.unknown |= not worker
        if not self.retries.blame(worker):
            return
        if not worker:
            raise EngineError(f"no worker performs a bundle of runs: {reason}")
        self.tell(f"{worker}: {TRIES} bundles in a row failed there; it gets no more")
