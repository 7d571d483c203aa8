"""Where tasks run: in threads or in processes. Both give the same records."""

from __future__ import annotations

import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ..errors import EngineError, StoreError
from .board import Board
from .record import RunRecord
from .worker import Task, failure, perform

Parallel = Literal["threads", "processes"]
_EARLY = 3
"""Deaths of workers before they begin a run that are too many."""

_LOOK_SECONDS = 0.1
_WATCH_SECONDS, _GRACE_SECONDS = 0.5, 3.0

OnRecord = Callable[[RunRecord], None]
OnSteps = Callable[[dict[str, int]], None]
Tell = Callable[[str], None]


def cores() -> int:
    """Cores that this process may use."""
    import loky

    return int(loky.cpu_count())


def execute(
    tasks: Sequence[Task],
    *,
    workers: int,
    parallel: Parallel,
    on_record: OnRecord,
    on_steps: OnSteps,
    tell: Tell,
) -> None:
    """Performs the tasks in their order on ``workers`` workers; ``on_record`` is called here as each one ends.

    ``on_steps`` is told several times a second how many steps each run has done, by its run_id. When a worker
    process dies, ``tell`` is told so, the runs that were under way are done again one at a time, and one that kills its
    worker alone is recorded as a failure. On KeyboardInterrupt the workers save their states and end before it is
    raised again.

    Raises:
        EngineError: worker processes cannot be started.
        StoreError: a file of a run, or the board, cannot be written; the others were stopped as on KeyboardInterrupt.
    """
    with _board(len(tasks)) as board:
        queue = _Queue({task.run_id: task for task in tasks}, board, on_record, on_steps)
        if parallel == "threads" or workers == 1:
            queue.empty(queue.left, workers, "threads")
            return
        early = 0
        while queue.left and not queue.empty(queue.left, workers, "processes"):
            suspects = [task for task in queue.left.values() if board.begun(task.slot)]
            if not suspects:
                early += 1
                if early == _EARLY:
                    raise EngineError("the worker processes die before they begin; try --threads 1 to see why")
                tell("a worker process died before it began a run")
                continue
            tell(f"a worker process died; done again, one at a time: the {len(suspects)} runs that were under way")
            for task in suspects:
                if not queue.empty({task.run_id: task}, 1, "processes"):
                    queue.keep(failure(task, "its process died, perhaps for want of memory; it was the only run then"))


@contextmanager
def _board(n_runs: int) -> Iterator[Board]:
    """A board in the system's folder of temporary files."""
    with ExitStack() as stack:
        try:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="sysid-tbptt-", ignore_cleanup_errors=True))
            board = Board(Path(folder) / "board", n_runs)
        except OSError as error:
            raise StoreError(
                f"no temporary file can be written ({error.strerror}); free the disk, or name a folder by TMPDIR"
            ) from error
        yield board


@dataclass
class _Queue:
    """The tasks that have no record yet."""

    left: dict[str, Task]
    board: Board
    on_record: OnRecord
    on_steps: OnSteps
    futures: set[Future[RunRecord | None]] = field(default_factory=set)

    def empty(self, tasks: dict[str, Task], workers: int, parallel: Parallel) -> bool:
        """Performs these tasks; False as soon as a worker has died."""
        with _pool(min(workers, len(tasks)), parallel) as pool:
            try:
                self.board.share(workers, len(tasks))
                self.futures = set()
                for task in tasks.values():
                    self.futures.add(pool.submit(perform, task, self.board))
                return self._wait(workers)
            except BaseException:
                self._stop()
                raise

    def keep(self, record: RunRecord) -> None:
        self.on_record(record)
        del self.left[record.run_id]

    def _wait(self, workers: int) -> bool:
        alive = True
        while self.futures and alive:
            ended, _ = wait(self.futures, timeout=_LOOK_SECONDS, return_when=FIRST_COMPLETED)
            steps = self.board.steps()
            self.on_steps({run_id: steps[task.slot] for run_id, task in self.left.items()})
            alive = self._take(ended)
            self.board.share(workers, len(self.futures))
        return alive

    def _take(self, ended: set[Future[RunRecord | None]]) -> bool:
        """Keeps the records of the tasks that have ended; False if one has none because its process is gone.

        Raises:
            StoreError: a task could not write its files.
        """
        whole = {future for future in ended if not future.cancelled() and future.exception() is None}
        for future in whole:
            record = future.result()
            if record is not None:
                self.keep(record)
            self.futures.discard(future)
        for future in ended - whole:
            if not future.cancelled() and isinstance(error := future.exception(), StoreError):
                self.futures.discard(future)
                raise error
        return whole == ended

    def _stop(self) -> None:
        """Lets the runs under way save their states, and keeps the records of those that have just ended."""
        self.board.stop()
        self._take(wait({future for future in self.futures if not future.cancel()}).done)


@contextmanager
def _pool(workers: int, parallel: Parallel) -> Iterator[Executor]:
    if parallel == "threads":
        with ThreadPoolExecutor(workers) as threads:
            yield threads
        return
    import loky  # processes that do not import the caller's script again

    pool = loky.ProcessPoolExecutor(workers, initializer=_prepare_process)
    try:
        yield pool
    finally:
        pool.shutdown(wait=True)


def _prepare_process() -> None:
    """Ctrl-C reaches every process of the terminal; only the one that waits for the others answers it.

    Torch has one thread in each: there are as many processes as workers.
    """
    import torch

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()


def _end_with(parent: int) -> None:
    """Ends this process after its parent, with time for a run under way to save its state."""
    while os.getppid() == parent:
        time.sleep(_WATCH_SECONDS)
    time.sleep(_GRACE_SECONDS)
    os._exit(1)
