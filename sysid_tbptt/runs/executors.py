"""Where tasks run: one after another, in threads, or in processes. All give the same records."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from ..errors import EngineError
from .board import Board
from .record import RunRecord
from .worker import Task, perform

Parallel = Literal["threads", "processes"]
_LOOK_SECONDS = 0.1


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def execute(
    tasks: Sequence[Task],
    *,
    workers: int,
    parallel: Parallel,
    on_record: Callable[[RunRecord], None],
    on_steps: Callable[[Sequence[int]], None],
) -> None:
    """Performs the tasks in their order on ``workers`` workers; ``on_record`` is called here as each one ends.

    ``on_steps`` is told several times a second how many steps each task has done. On KeyboardInterrupt the
    workers save their states and end before it is raised again.

    Raises:
        EngineError: a worker process died.
    """
    with tempfile.TemporaryDirectory() as folder, _pool(workers, parallel) as pool:
        board = Board(Path(folder) / "board", len(tasks))
        futures = {pool.submit(perform, task, board) for task in tasks}
        try:
            while futures:
                ended, futures = wait(futures, timeout=_LOOK_SECONDS, return_when=FIRST_COMPLETED)
                on_steps(board.steps().tolist())
                _take(ended, on_record)
        except BaseException:
            board.stop()
            _drain(futures, on_record)
            raise


def _take(ended: set[Future[RunRecord | None]], on_record: Callable[[RunRecord], None]) -> None:
    for future in ended:
        try:
            record = future.result()
        except Exception as error:  # perform() raises none: the process is gone
            raise EngineError(
                f"a worker process died ({type(error).__name__}), perhaps for want of memory; run again to go on, on "
                "fewer workers (--threads) if it dies again"
            ) from error
        if record is not None:
            on_record(record)


def _drain(futures: set[Future[RunRecord | None]], on_record: Callable[[RunRecord], None]) -> None:
    """Lets the runs under way save their states; those that have just ended are recorded."""
    under_way = {future for future in futures if not future.cancel()}
    _take({future for future in wait(under_way).done if future.exception() is None}, on_record)


@contextmanager
def _pool(workers: int, parallel: Parallel) -> Iterator[Executor]:
    if parallel == "threads" or workers == 1:
        with ThreadPoolExecutor(workers) as threads:
            yield threads
        return
    import loky  # processes that do not import the caller's script again

    pool = loky.ProcessPoolExecutor(workers, initializer=_ignore_interrupts)
    try:
        yield pool
    finally:
        pool.shutdown(wait=True)


def _ignore_interrupts() -> None:
    """Ctrl-C reaches every process of the terminal; only the one that waits for the others answers it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
