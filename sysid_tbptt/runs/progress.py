"""What a user sees while runs are under way: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from .record import RunRecord

_LINE_SECONDS = 30.0


class Reporter:
    """Tells how far a call is, with an estimate that corrects itself as work is done.

    ``seconds`` holds the estimated seconds of each run on one of ``workers`` workers.
    """

    def __init__(self, console: Console, seconds: Sequence[float], steps: Sequence[int], workers: int) -> None:
        self.console, self.seconds, self.steps, self.workers = console, seconds, steps, workers
        self.n_ended = 0
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
        self._task = self._bar.add_task("", total=sum(seconds), left="")

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Shows the bar while the block runs."""
        self._describe(0.0)
        with self._bar:
            yield

    def on_steps(self, done: Sequence[int]) -> None:
        """Takes the steps done by each run."""
        fractions = [min(1.0, n / steps) for n, steps in zip(done, self.steps, strict=True)]
        work = sum(fraction * s for fraction, s in zip(fractions, self.seconds, strict=True))
        self._describe(work)
        if not self.console.is_terminal and time.monotonic() - self._last_line > _LINE_SECONDS:
            self._last_line = time.monotonic()
            self.console.print(f"{self.n_ended}/{len(self.steps)} runs, {self._left(work)}")

    def on_record(self, record: RunRecord) -> None:
        """Takes note of a run that has ended, and says so if it did not end well."""
        self.n_ended += 1
        if record.status != "ok":
            self.console.print(f"{record.status}: {label(record)}: {record.reason}", markup=False)

    def _describe(self, work: float) -> None:
        self._bar.update(
            self._task, completed=work, description=f"{self.n_ended}/{len(self.steps)} runs", left=self._left(work)
        )

    def _left(self, work: float) -> str:
        """Time left: at first by the estimate, then by the speed seen."""
        elapsed, total = time.monotonic() - self._began, sum(self.seconds)
        expected = total / self.workers
        if work > 0.02 * total or elapsed > 0.1 * expected:
            expected = elapsed * total / max(work, 1e-9)
        return f"about {duration(max(0.0, expected - elapsed))} left"


def label(record: RunRecord) -> str:
    """A run in a few words."""
    config = record.config
    return f"{config.dataset} {config.model} N={config.seq_len} m={config.burn_in} seed={config.seed}"


def duration(seconds: float) -> str:
    """A length of time as people say it."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60:02d} min"
