"""A board that the workers of one call share: how far each run is, and whether all are to stop."""

from __future__ import annotations

from pathlib import Path

import numpy as np


class Board:
    """A file of integers mapped into memory, so that threads and processes use it alike."""

    def __init__(self, path: Path, n_runs: int) -> None:
        self.path, self.n_runs = path, n_runs
        if not path.exists():
            path.write_bytes(np.zeros(n_runs + 1, np.int64).tobytes())
        self._cells = np.memmap(path, dtype=np.int64, mode="r+")

    def report(self, run: int, step: int) -> None:
        """Says how many steps a run has done."""
        self._cells[run] = step

    def steps(self) -> np.ndarray:
        """Steps done by each run."""
        return np.array(self._cells[: self.n_runs])

    def stop(self) -> None:
        """Asks all runs to save their state and end."""
        self._cells[self.n_runs] = 1

    @property
    def stopping(self) -> bool:
        return bool(self._cells[self.n_runs])

    def __reduce__(self) -> tuple[type[Board], tuple[Path, int]]:
        return Board, (self.path, self.n_runs)
