"""A bundle of runs, as a worker of a cluster performs it: one after another. All that comes out goes to the driver."""

from __future__ import annotations

import pickle
import tempfile
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import torch
from distributed import Queue, Variable, get_client, get_worker

from ..config import ALGORITHM_VERSION, REVISIONS, RunConfig, algorithm_version
from ..data.series import Dataset
from ..errors import DataError, EngineError, StoreError, one_line
from ..registry import at_hand
from ..training.engines import load_engine
from .provenance import versions
from .scheduler import DASK_ERRORS
from .worker import Task, perform

BUNDLE_SECONDS = 60.0
"""A bundle is meant to last so long at least, so that sending it costs little."""

_GET_SECONDS = 10
"""A variable is there before the bundle that names it, and gone when its driver is."""

_ALONE = threading.Lock()
"""Of a worker that takes several bundles at a time: engines that do not share a process."""

Kind = Literal["taken", "begun", "steps", "state", "record", "lacking", "ended"]
Message = tuple[str, str, Kind, str, Any]
"""Bundle, its start (one that a scheduler begins anew has another), kind, run_id, and

- of ``taken``, the first, the worker's address, and no run_id,
- of ``begun`` nothing, of ``steps`` how many are done,
- of ``state`` the bytes of a checkpoint, of ``record`` its line and the bytes of the files that the task keeps,
- of ``lacking`` nothing, and no run_id: the data set is neither at hand there nor on the cluster,
- of ``ended`` the same, at the end of the bundle.
"""


@dataclass(frozen=True)
class Bundle:
    """Runs of one data set, which is of the ``revision``; ``data`` names the variable of the cluster that holds it,
    where one does. ``states`` holds the checkpoints to go on from, by run_id; ``queue`` names the queue that the
    driver listens to, and ``steps_s`` is the time between two messages that only tell how far a run is."""

    name: str
    queue: str
    tasks: tuple[Task, ...]
    revision: str
    data: str | None
    steps_s: float
    states: Mapping[str, bytes] = field(default_factory=dict)
    version: str = field(default_factory=lambda: _version())

    @property
    def config(self) -> RunConfig:
        """A run of it, to tell the data set from."""
        return self.tasks[0].config


def bundles(tasks: Sequence[Task], seconds: Mapping[str, float], slots: int) -> list[tuple[Task, ...]]:
    """The tasks in their order, cut into bundles of one data set and of a minute by the estimated ``seconds`` of each
    run_id; of less where ``slots`` runs at a time would otherwise leave some without work."""
    enough = min(BUNDLE_SECONDS, sum(seconds[task.run_id] for task in tasks) / (2 * slots))
    cut: list[list[Task]] = []
    filled = 0.0
    for task in tasks:
        if not cut or filled >= enough or _data_of(task) != _data_of(cut[-1][-1]):
            cut.append([])
            filled = 0.0
        cut[-1].append(task)
        filled += seconds[task.run_id]
    return [tuple(bundle) for bundle in cut]


def _data_of(task: Task) -> tuple[str, str, int | None]:
    return task.config.dataset, task.config.split, task.config.horizon


class Spoilt(Exception):
    """A bundle that could not be performed: at which worker, by its address, and why."""


def perform_bundle(bundle: Bundle) -> None:
    """Performs the runs until they are done or the bundle is cancelled.

    Raises:
        Spoilt: it is not the runs' fault, such as another version of this package, or a disk that is full.
    """
    try:
        _perform_bundle(bundle)
    except Exception as error:
        raise Spoilt(get_worker().address, one_line(error)) from None


def _perform_bundle(bundle: Bundle) -> None:
    line = _Line(bundle)
    line.put("taken", line.worker.address)
    if bundle.version != _version():
        raise EngineError(f"{_version()} is installed, the driver has {bundle.version}; install the same version")
    data = _held(bundle) or (_received(bundle.data) if bundle.data else None)
    if data is None:
        line.put("lacking", None)
        return
    torch.set_num_threads(1)  # there are as many workers as runs at a time
    with tempfile.TemporaryDirectory() as folder:
        for task in bundle.tasks:
            if line.stopping:
                break
            line.run_id = task.run_id
            _perform(replace(task, data=data), line, Path(folder), bundle.states.get(task.run_id))
    line.put("ended", None)


def _version() -> str:
    revised = ", ".join(f"{model} {algorithm_version(model)}" for model in sorted(REVISIONS))
    return f"sysid-tbptt {versions()['sysid-tbptt']}, algorithm {ALGORITHM_VERSION} ({revised})"


def _held(bundle: Bundle) -> Dataset | None:
    """The data set where this worker can read it without a download, and it is the same."""
    config = bundle.config
    try:
        data = at_hand(config.dataset, config.split, config.horizon)
    except DataError:
        return None
    return data if data is not None and data.revision == bundle.revision else None


@lru_cache(maxsize=2)
def _received(name: str) -> Dataset:
    """The data set that the driver gave to the scheduler, which outlives the workers."""
    data: Dataset = pickle.loads(Variable(name, client=get_client()).get(timeout=_GET_SECONDS))
    return data


def _perform(task: Task, line: _Line, folder: Path, state: bytes | None) -> None:
    """One run, its files in a folder of the worker's own."""
    here = replace(
        task,
        checkpoint=folder / "checkpoint",
        weights=folder / "weights" if task.weights else None,
        predictions=folder / "predictions" if task.predictions else None,
    )
    if state is not None and here.checkpoint:
        here.checkpoint.write_bytes(state)
    with _ALONE if load_engine(task.engine).PARALLEL == "processes" else nullcontext():
        record = perform(here, line)
    if record is not None:
        line.put("record", [record.to_line(), _taken(here.weights), _taken(here.predictions)])
    for path in folder.iterdir():
        path.unlink()


def _taken(path: Path | None) -> bytes | None:
    return path.read_bytes() if path and path.exists() else None


class _Line:
    """To the driver, of the run that is under way; each line is another start of a bundle."""

    def __init__(self, bundle: Bundle) -> None:
        self.head, self.run_id = (bundle.name, uuid.uuid4().hex), ""
        self.queue, self.worker = Queue(bundle.queue, client=get_client()), get_worker()
        self.key, self.steps_s, self.told = self.worker.get_current_task(), bundle.steps_s, 0.0

    def put(self, kind: Kind, payload: Any) -> None:
        """Sends a message.

        Raises:
            StoreError: the scheduler does not take it, which is not the run's fault.
        """
        try:
            self.queue.put([*self.head, kind, self.run_id, payload])
        except DASK_ERRORS as error:
            raise StoreError(f"the driver cannot be reached ({one_line(error)})") from error

    def begin(self, _slot: int) -> None:
        self.put("begun", None)

    def report(self, _slot: int, step: int) -> None:
        if time.monotonic() - self.told > self.steps_s:
            self.told = time.monotonic()
            self.put("steps", step)

    def saved(self, checkpoint: Path) -> None:
        self.put("state", checkpoint.read_bytes())

    threads = 1

    @property
    def stopping(self) -> bool:
        """Whether the bundle was cancelled: by the driver, or because the driver is gone."""
        known = self.worker.state.tasks.get(self.key)
        return known is None or known.state not in ("executing", "long-running")
