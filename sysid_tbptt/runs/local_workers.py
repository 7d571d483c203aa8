"""Dask workers on this machine: processes of one thread each; one that ends is started again."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..errors import EngineError

_LOOK_SECONDS, _END_SECONDS = 0.2, 5.0


@contextmanager
def kept_alive(scheduler: str, workers: int, arrived: Callable[[], int]) -> Iterator[None]:
    """Worker processes of the scheduler at that address, for the time of the block; ``arrived`` tells how many are
    there, and the block begins with all.

    Dask's nannies do the same, but give up on a worker that dies while it starts.

    Raises:
        EngineError: a worker ends with an error while it starts.
    """
    ending = threading.Event()
    with tempfile.TemporaryDirectory(prefix="sysid-tbptt-", ignore_cleanup_errors=True) as folder:
        processes = [_start(scheduler, folder) for _ in range(workers)]

        def replace_ended() -> Iterator[int]:
            for k, process in enumerate(processes):
                if (code := process.poll()) is not None:
                    processes[k] = _start(scheduler, folder)
                    yield code

        def look() -> None:
            while not ending.wait(_LOOK_SECONDS):
                list(replace_ended())

        keeper = threading.Thread(target=look, daemon=True)
        try:
            while arrived() < workers:
                if any(code > 0 for code in replace_ended()):  # below 0 are the signals
                    raise EngineError("a worker process ends while it starts; the reason stands above")
                time.sleep(_LOOK_SECONDS)
            keeper.start()
            yield
        finally:
            ending.set()
            if keeper.is_alive():
                keeper.join()
            _end(processes)


def _start(scheduler: str, folder: str) -> subprocess.Popen[bytes]:
    """In a session of its own: Ctrl-C is for the process that waits for it."""
    command = [sys.executable, "-m", "distributed.cli.dask_worker", scheduler, "--nthreads", "1", "--no-nanny"]
    command += ["--no-dashboard", "--local-directory", folder]
    environment = {"DASK_LOGGING__DISTRIBUTED": "error"} | os.environ
    return subprocess.Popen(command, env=environment, start_new_session=True)


def _end(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
