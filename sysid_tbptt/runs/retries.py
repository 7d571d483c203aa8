"""What came to grief on a cluster, and where it goes then."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field

TRIES = 3
"""A run that fails, or whose worker dies, so often without getting on is recorded as a failure."""


@dataclass
class Retries:
    """Tries of runs, by run_id, with the workers that failed each; and bundles in a row that a worker failed.

    The worker "" stands for those that cannot say who they are.
    """

    tries: Counter[str] = field(default_factory=Counter)
    failed_on: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    blamed: Counter[str] = field(default_factory=Counter)

    @property
    def distrusted(self) -> set[str]:
        """Workers that get no more."""
        return {worker for worker, times in self.blamed.items() if times >= TRIES}

    def once_more(self, run_id: str, worker: str) -> bool:
        """Whether a run that this worker failed is to be tried again."""
        self.tries[run_id] += 1
        self.failed_on[run_id].add(worker)
        return self.tries[run_id] < TRIES

    def gets_on(self, run_id: str) -> None:
        """What comes to grief later has nothing to do with what did before."""
        self.tries[run_id] = 0

    def blame(self, worker: str) -> bool:
        """Whether that makes it one that gets no more."""
        self.blamed[worker] += 1
        return self.blamed[worker] == TRIES

    def trust(self, worker: str) -> None:
        self.blamed[worker] = 0

    def choice(self, avoid: Collection[str], workers: Collection[str]) -> frozenset[str] | None:
        """The workers to bind a bundle to, of those that are there: none of them where it may go to any, None where it
        is not to go.

        It goes to distrusted ones never, to those to ``avoid`` only where there are no others.
        """
        distrusted = self.distrusted
        if not distrusted and not avoid:
            return frozenset()
        trusted = {worker for worker in workers if worker not in distrusted}
        if workers and not trusted:
            return None
        wanted = trusted.difference(avoid) or trusted
        return frozenset(wanted) if len(wanted) < len(workers) else frozenset()
