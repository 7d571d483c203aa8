"""A board that the workers of one call share: which runs have begun, how far each is, whether all are to stop."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np


class Board:
    """A file of integers mapped into memory, so that threads and processes use it alike; a `worker.Watcher`."""

    def __init__(self, path: Path, n_runs: int, owner: int | None = None) -> None:
        self.path, self.n_runs, self.owner = path, n_runs, owner or os.getpid()
        if not path.exists():
            path.write_bytes(np.array([*[0] * 2 * n_runs, 0, 1], np.int64).tobytes())
        cells = np.memmap(path, dtype=np.int64, mode="r+")
        self._steps, self._begun = cells[:n_runs], cells[n_runs:-2]
        self._stop, self._threads = cells[-2:-1], cells[-1:]

    def begin(self, run: int) -> None:
        """Says that a run is under way."""
        self._begun[run] = 1

    def begun(self, run: int) -> bool:
        """Whether a run was ever under way."""
        return bool(self._begun[run])

    def report(self, run: int, step: int) -> None:
        """Says how many steps a run has done."""
        self._steps[run] = step

    def saved(self, checkpoint: Path) -> None:
        """Takes note of a checkpoint, which lies where it belongs."""

    def steps(self) -> list[int]:
        """Steps done by each run."""
        return [int(step) for step in self._steps]

    def share(self, workers: int, runs: int) -> None:
        """Divides the workers among so many runs that are left, each of which has at least one."""
        self._threads[0] = max(1, workers // max(1, runs))

    @property
    def threads(self) -> int:
        """Threads that a run may use."""
        return int(self._threads[0])

    def stop(self) -> None:
        """Asks all runs to save their state and end."""
        self._stop[0] = 1

    @property
    def stopping(self) -> bool:
        """Whether to end: because all are asked to, or because the process that waits for the runs has died."""
        return bool(self._stop[0]) or self.owner not in (os.getpid(), os.getppid())

    def __reduce__(self) -> tuple[type[Board], tuple[Path, int, int]]:
        return Board, (self.path, self.n_runs, self.owner)
