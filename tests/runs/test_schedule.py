from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sysid_tbptt.runs.schedule import MOST, Offer, makespan, offers

WORKERS = st.integers(1, 9)
SECONDS = st.integers(0, 20).map(float)
QUEUE = st.lists(SECONDS, max_size=12)


def ticked(seconds, workers):
    """The same by a clock that ticks once a second."""
    waiting, busy, now = list(seconds), [0.0] * workers, 0.0
    while waiting or any(busy):
        for k in range(workers):
            while not busy[k] and waiting:
                busy[k] = waiting.pop(0)
        now += any(busy)
        busy = [max(0.0, left - 1) for left in busy]
    return now


def least(seconds, workers):
    """The shortest time that any assignment of the runs takes."""
    loads = (
        max(sum(s for s, at in zip(seconds, places, strict=True) if at == k) for k in range(workers))
        for places in product(range(workers), repeat=len(seconds))
    )
    return min(loads)


@given(QUEUE, WORKERS)
def test_it_is_what_a_clock_tells(seconds, workers):
    assert makespan(seconds, workers) == ticked(seconds, workers)


@given(st.lists(SECONDS, min_size=1, max_size=6), st.integers(1, 3))
def test_no_assignment_is_twice_as_fast(seconds, workers):
    best = least(seconds, workers)
    assert best <= makespan(seconds, workers) <= (2 - 1 / workers) * best


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=40), st.integers(1, 50))
def test_it_lies_between_the_bounds(seconds, workers):
    longest, share = max(seconds), sum(seconds) / workers
    found = makespan(seconds, workers)
    assert max(longest, share) * (1 - 1e-9) <= found <= (share + longest) * (1 + 1e-9)


@given(QUEUE)
def test_one_worker_takes_the_sum_and_one_a_run_the_longest(seconds):
    assert makespan(seconds, 1) == sum(seconds)
    assert makespan(seconds, len(seconds) + 1) == max(seconds, default=0.0)


def test_the_order_of_the_queue_counts():
    assert makespan([1.0, 1.0, 2.0], 2) == 3.0
    assert makespan([2.0, 1.0, 1.0], 2) == 2.0


def test_offers_double_up_to_one_worker_a_run_and_hold_what_was_asked_for():
    found = offers([[1.0] * 6, [2.0] * 3], asked=10)
    assert found == [Offer(1, 12.0), Offer(2, 7.0), Offer(4, 4.0), Offer(6, 3.0), Offer(10, 3.0)]
    assert [offer.workers for offer in offers([[1.0] * 5000], asked=3)] == sorted([3, *(2**k for k in range(11))])
    assert offers([[1.0] * 5000], asked=3)[-1].workers == MOST


def test_without_runs_there_is_only_what_was_asked_for():
    assert offers([], asked=4) == [Offer(4, 0.0)]


def test_workers_are_held_until_the_last_run_ends():
    assert Offer(8, 1800.0).worker_hours == pytest.approx(4.0)
