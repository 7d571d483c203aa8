"""Dask workers on this machine: processes of one thread each; one that ends is started again."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..errors import EngineError

if TYPE_CHECKING:
    from distributed.security import Security

LOCAL = "127.0.0.1"
_LOOK_SECONDS, _END_SECONDS, _ORPHAN_SECONDS = 0.2, 5.0, 30
_PATIENCE = 20
"""Workers that may be killed while they start."""

_TLS = "DASK_DISTRIBUTED__COMM__TLS__"


@contextmanager
def kept_alive(
    scheduler: str, security: Security, workers: int, resources: Mapping[str, float], arrived: Callable[[], int]
) -> Iterator[None]:
    """Worker processes of the scheduler at that address, for the time of the block, each with the ``resources``;
    ``arrived`` tells how many are there, and the block begins with all. They end by themselves when the scheduler is
    gone.

    Dask's nannies do the same, but give up on a worker that dies while it starts.

    Raises:
        EngineError: a worker ends with an error while it starts.
    """
    environment = {"DASK_LOGGING__DISTRIBUTED": "error"} | os.environ | _keys(security)
    command = _command(scheduler, resources)
    ending = threading.Event()

    def start() -> subprocess.Popen[bytes]:
        """In a session of its own: Ctrl-C is for the process that waits for it."""
        return subprocess.Popen(command, env=environment, start_new_session=True)

    processes = [start() for _ in range(workers)]

    def replace_ended() -> Iterator[int]:
        for k, process in enumerate(processes):
            if (code := process.poll()) is not None:
                processes[k] = start()
                yield code

    def look() -> None:
        while not ending.wait(_LOOK_SECONDS):
            list(replace_ended())

    keeper = threading.Thread(target=look, daemon=True)
    try:
        ends = 0
        while arrived() < workers:
            codes = list(replace_ended())
            ends += len(codes)
            if ends > _PATIENCE or any(code > 0 for code in codes):  # below 0 are the signals
                raise EngineError("a worker process ends while it starts; the reason stands above")
            time.sleep(_LOOK_SECONDS)
        keeper.start()
        yield
    finally:
        ending.set()
        if keeper.is_alive():
            keeper.join()
        _end(processes)


def _keys(security: Security) -> dict[str, str]:
    """What a worker proves itself with; the environment of a process is its owner's alone to read."""
    told = security.get_tls_config_for_role("worker")
    return {f"{_TLS}CA_FILE": told["ca_file"], f"{_TLS}WORKER__CERT": told["cert"], f"{_TLS}WORKER__KEY": told["key"]}


def _command(scheduler: str, resources: Mapping[str, float]) -> list[str]:
    command = [sys.executable, "-m", "distributed.cli.dask_worker", scheduler, "--nthreads", "1", "--no-nanny"]
    command += ["--host", LOCAL, "--no-dashboard", "--dashboard-address", f"{LOCAL}:0"]
    command += ["--death-timeout", str(_ORPHAN_SECONDS)]
    if resources:
        command += ["--resources", " ".join(f"{name}={amount}" for name, amount in resources.items())]
    return command


def _end(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
