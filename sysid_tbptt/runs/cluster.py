"""Where tasks run: on the workers of a Dask cluster. They send what comes out; only this process writes it."""

from __future__ import annotations

import itertools
import pickle
import time
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from distributed import Client, Future, Queue, Variable

from ..errors import EngineError, one_line
from ..registry import data_of
from .atomic import write_whole
from .bundle import Bundle, Message, bundles, perform_bundle
from .connection import Cluster
from .executors import OnRecord, OnSteps, Tell
from .record import RunRecord
from .worker import Task, failure

TRIES = 3
"""A run that fails, or whose worker dies, so often without getting on is recorded as a failure."""

_LOOK_SECONDS, _MISS_SECONDS, _GRACE_SECONDS = 0.1, 1.0, 15.0

_LET_GO = "its worker let go of it"

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
    KeyboardInterrupt the workers send their states before it is raised again.

    Raises:
        EngineError: the scheduler is gone, or workers cannot begin.
        StoreError: a file of a run cannot be written.
    """
    desk = _Desk(
        cluster.client, dict(cluster.resources), {task.run_id: task for task in tasks}, on_record, on_steps, tell
    )
    cut = bundles(tasks, seconds, max(1, cluster.slots))
    desk.steps_s = min(60.0, max(1.0, len(cut) / _STEPS_A_SECOND))
    try:
        for bundle in cut:
            desk.send(bundle)
        while desk.flights:
            time.sleep(_LOOK_SECONDS)
            desk.look()
    except BaseException:
        desk.stop()
        raise
    finally:
        desk.close()


@dataclass
class _Flight:
    """A bundle under way. ``start`` tells one beginning of it from another, ``running`` the run that is under way;
    ``others`` are the workers that it is meant for, if not for all."""

    future: Future
    tasks: tuple[Task, ...]
    others: frozenset[str]
    start: str = ""
    worker: str = ""
    running: str = ""


@dataclass
class _Desk:
    """The tasks that have no record yet, and what is known of them."""

    client: Client
    resources: dict[str, float]
    left: dict[str, Task]
    on_record: OnRecord
    on_steps: OnSteps
    tell: Tell
    steps_s: float = 1.0
    stopping: bool = False
    looked: float = 0.0
    flights: dict[str, _Flight] = field(default_factory=dict)
    states: dict[str, bytes] = field(default_factory=dict)
    tries: Counter[str] = field(default_factory=Counter)
    given: dict[str, Variable] = field(default_factory=dict)
    name: str = field(default_factory=lambda: f"sysid-tbptt-{uuid.uuid4().hex}")
    number: itertools.count[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.queue = Queue(self.name, client=self.client)

    def send(self, tasks: Iterable[Task], *, again: bool = False, avoid: str = "") -> None:
        """Hands a bundle to the cluster, if there is a choice to another worker than the one to ``avoid``; what is sent
        again comes first. Its result is of no use: a result dies with its worker, and would be made again."""
        tasks = tuple(tasks)
        data = data_of(tasks[0].config)
        name = f"{self.name}-{next(self.number)}"
        held_by = self.given[data.revision].name if data.revision in self.given else None
        bundle = Bundle(name, self.name, tasks, data.revision, held_by, self.steps_s, self._states(tasks))
        others = frozenset(self.client.nthreads()) - {avoid} if avoid else frozenset()
        future = self.client.submit(
            perform_bundle,
            bundle,
            key=name,
            pure=False,
            priority=int(again),
            resources=self.resources or None,
            workers=list(others) or None,
        )
        self.flights[name] = _Flight(future, tasks, others)

    def look(self) -> None:
        """Takes what the workers have sent, and the bundles that came to grief."""
        ended = [name for name, flight in self.flights.items() if flight.future.done()]
        self._hear()
        for name in ended:
            if flight := self.flights.pop(name, None):
                failed = flight.future.status == "error"
                self._send_again(flight, one_line(flight.future.exception()) if failed else _LET_GO)
        self._miss_the_dead()

    def stop(self) -> None:
        """Lets the runs under way send their states, and keeps the records of those that have just ended."""
        if self.client.status != "running":
            return
        self.stopping = True
        self.client.cancel([flight.future for flight in self.flights.values()])
        deadline = time.monotonic() + _GRACE_SECONDS
        while any(flight.start for flight in self.flights.values()) and time.monotonic() < deadline:
            self._hear()
            time.sleep(_LOOK_SECONDS)

    def close(self) -> None:
        """Leaves nothing on the cluster."""
        if self.client.status == "running":
            for variable in self.given.values():
                variable.delete()
            self.queue.close()

    def _states(self, tasks: Iterable[Task]) -> dict[str, bytes]:
        for task in tasks:
            if task.run_id not in self.states and task.checkpoint and task.checkpoint.exists():
                self.states[task.run_id] = task.checkpoint.read_bytes()
        return {task.run_id: self.states[task.run_id] for task in tasks if task.run_id in self.states}

    # What workers say

    def _hear(self) -> None:
        steps: dict[str, int] = {}
        for name, start, kind, run_id, payload in self._sent():
            if flight := self.flights.get(name):
                self._take((name, start, kind, run_id, payload), flight, steps)
        self.on_steps(steps)

    def _sent(self) -> list[Message]:
        try:
            return list(map(tuple, self.queue.get(batch=True)))
        except Exception as error:
            if self.client.status == "running":
                raise
            raise EngineError(
                f"the cluster's scheduler is gone ({one_line(error)}); what it sent is saved: the same command goes on"
            ) from error

    def _take(self, message: Message, flight: _Flight, steps: dict[str, int]) -> None:
        name, start, kind, run_id, payload = message
        if flight.start and start != flight.start:  # the scheduler begins it anew: its worker has died
            self._drop(name)
        elif kind == "begun":
            flight.start, flight.worker, flight.running = start, payload, run_id
        elif kind == "ended":
            self._send_again(self.flights.pop(name), _LET_GO)
        elif kind == "lacking":
            self._give_data(self.flights.pop(name).tasks)
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
        self.tries[task.run_id] = 0
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
        del self.left[record.run_id]
        self.states.pop(record.run_id, None)
        self.on_record(record)

    def _once_more(self, task: Task, worker: str) -> bool:
        """Sends a run again, alone, unless it was tried often enough."""
        self.tries[task.run_id] += 1
        if self.tries[task.run_id] < TRIES:
            self.send([task], again=True, avoid=worker)
            return True
        return False

    # Bundles that end

    def _give_data(self, tasks: Sequence[Task]) -> None:
        """Sends a bundle again, from now on with its data set: to begin with, workers look for it where they are."""
        data = data_of(tasks[0].config)
        if data.revision not in self.given:
            variable = Variable(f"{self.name}-data-{data.revision}", client=self.client)
            variable.set(pickle.dumps(data))
            self.given[data.revision] = variable
        self.send(tasks, again=True)

    def _miss_the_dead(self) -> None:
        """Takes back what workers that are gone were at, or what was meant for them alone."""
        if time.monotonic() - self.looked < _MISS_SECONDS:
            return
        self.looked, alive = time.monotonic(), self.client.nthreads().keys()
        for name, flight in list(self.flights.items()):
            if flight.start and flight.worker not in alive:
                self._drop(name)
            elif flight.others and flight.others.isdisjoint(alive):
                flight.future.cancel()
                self.send(self.flights.pop(name).tasks, again=True)

    def _drop(self, name: str) -> None:
        flight = self.flights.pop(name)
        flight.future.cancel()
        self._send_again(flight, "its worker died, perhaps for want of memory")

    def _send_again(self, flight: _Flight, reason: str) -> None:
        """What a bundle has left: alone the run that was under way, the others as they were."""
        if self.stopping:
            return
        away = {task.run_id for other in self.flights.values() for task in other.tasks}
        rest = [task for task in flight.tasks if task.run_id in self.left and task.run_id not in away]
        if rest:
            self.tell(f"{flight.worker or 'a worker'}: {reason}; {len(rest)} runs go elsewhere")
        suspect = next((task for task in rest if task.run_id == flight.running), None)
        if rest and not flight.start:
            self._count_beginning(rest[0], reason)
        elif suspect and not self._once_more(suspect, flight.worker):
            self._fail(suspect, reason)
        if others := [task for task in rest if task is not suspect]:
            self.send(others, again=True, avoid=flight.worker)

    def _count_beginning(self, task: Task, reason: str) -> None:
        self.tries[task.run_id] += 1
        if self.tries[task.run_id] >= TRIES:
            raise EngineError(f"the workers end before they begin a run: {reason}")

    def _fail(self, task: Task, reason: str) -> None:
        del self.left[task.run_id]
        self.on_record(failure(task, f"{reason}; it was tried {TRIES} times, alone"))
