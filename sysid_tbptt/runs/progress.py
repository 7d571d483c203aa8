"""What a user sees while runs are under way: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from .record import RunRecord

_LINE_SECONDS = 30.0


class Reporter:
    """Tells how far a call is, with an estimate that corrects itself as work is done.

    ``seconds`` holds the estimated seconds of each run on one of ``workers`` workers, ``steps`` its steps, both by
    run_id. What a resumed run had done before is no sign of speed.
    """

    def __init__(self, console: Console, seconds: Mapping[str, float], steps: Mapping[str, int], workers: int) -> None:
        self.console, self.seconds, self.steps, self.workers = console, seconds, steps, workers
        self.n_ended = 0
        self._done = dict.fromkeys(seconds, 0.0)
        self._before = dict.fromkeys(seconds, 0.0)
        self._total, self._work_done, self._work_before = sum(seconds.values()), 0.0, 0.0
        self._began = self._last_line = time.monotonic()
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>5.1f} %"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("", total=self._total, left="")

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Shows the bar while the block runs."""
        self._describe()
        with self._bar:
            yield

    def resumes(self, run_id: str) -> None:
        """Takes note of a run that goes on from a checkpoint."""
        self._before[run_id] = -1.0  # until it first says how far it is

    def on_steps(self, steps: Mapping[str, int]) -> None:
        """Takes the steps done by runs that have not ended."""
        for run_id, done in steps.items():
            if done:
                self._note(run_id, min(1.0, done / self.steps[run_id]))
        self._describe()
        if not self.console.is_terminal and time.monotonic() - self._last_line > _LINE_SECONDS:
            self._last_line = time.monotonic()
            self.console.print(f"{self.n_ended}/{len(self.seconds)} runs, {self._left()}")

    def on_record(self, record: RunRecord) -> None:
        """Takes note of a run that has ended, and says so if it did not end well."""
        self.n_ended += 1
        self._note(record.run_id, 1.0)
        self._describe()
        if record.status != "ok":
            self.console.print(f"{record.status}: {label(record)}: {record.reason}", markup=False, soft_wrap=True)

    def _note(self, run_id: str, fraction: float) -> None:
        if self._before[run_id] < 0:
            self._before[run_id] = fraction
            self._work_before += fraction * self.seconds[run_id]
        self._work_done += (fraction - self._done[run_id]) * self.seconds[run_id]
        self._done[run_id] = fraction

    def _describe(self) -> None:
        runs = f"{self.n_ended}/{len(self.seconds)} runs"
        self._bar.update(self._task, completed=self._work_done, description=runs, left=self._left())

    def _left(self) -> str:
        """Time left: at first by the estimate, then by the speed seen."""
        elapsed, here = time.monotonic() - self._began, self._work_done - self._work_before
        left = (self._total - self._work_done) / self.workers
        if here > 0.02 * self._total:
            left = elapsed * (self._total - self._work_done) / here
        return f"about {duration(max(0.0, left))} left"


def label(record: RunRecord) -> str:
    """A run in a few words."""
    config = record.config
    return f"{config.dataset} {record.method} N={config.seq_len} m={config.burn_in} seed={config.seed}"


def duration(seconds: float) -> str:
    """A length of time as people say it."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60:02d} min"
