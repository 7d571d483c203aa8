"""How long a queue of runs takes on K workers, each of which takes the next run as soon as it is free."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum

MOST = 1024
"""Workers beyond which no offer is made."""


@dataclass(frozen=True)
class Offer:
    """``seconds`` from the first run's begin to the last one's end on so many ``workers``."""

    workers: int
    seconds: float

    @property
    def worker_hours(self) -> float:
        """Hours times workers: all are held until the last run ends."""
        return self.workers * self.seconds / 3600


def makespan(seconds: Sequence[float], workers: int) -> float:
    """Seconds that a queue takes on ``workers`` (at least one), from the ``seconds`` of its runs in their order.

    It is at least the longest run and at least sum/K, and at most the one plus the other: more workers than runs, or
    beyond what the longest run leaves to share, are of no use.
    """
    ends = [0.0] * min(workers, len(seconds))
    for run in seconds:
        heapq.heapreplace(ends, ends[0] + run)
    return max(ends, default=0.0)


def offers(queues: Sequence[Sequence[float]], asked: int) -> list[Offer]:
    """Offers for 1, 2, 4, ... workers, up to one a run or `MOST`, and for the number asked for.

    Each queue holds the seconds of its runs; the next one begins when the one before has ended.
    """
    most = min(MOST, max((len(queue) for queue in queues), default=0))
    counts = {2**k for k in range(most.bit_length())} | {most, asked} - {0}
    return [Offer(workers, fsum(makespan(queue, workers) for queue in queues)) for workers in sorted(counts)]
