import pytest
from hypothesis import given
from hypothesis import strategies as st

from sysid_tbptt.runs.retries import TRIES, Retries

WORKERS = st.sets(st.sampled_from("abcd"))


@given(WORKERS, WORKERS, WORKERS)
def test_a_bundle_is_bound_only_away_from_a_worker_that_is_there(avoid, bad, workers):
    retries = Retries()
    for worker in sorted(bad) * TRIES:
        retries.blame(worker)
    choice = retries.choice(avoid, workers)
    if workers and workers <= bad:
        assert choice is None
    elif choice:
        assert choice < workers
        assert not choice & bad
        assert not choice & avoid or workers - bad <= avoid
    else:
        assert not bad & workers
        assert not avoid & workers or workers <= avoid


def test_workers_that_come_later_are_a_choice_too():
    retries = Retries()
    assert retries.choice({"a"}, {"a"}) == frozenset()
    assert retries.choice({"a"}, {"a", "b"}) == {"b"}
    assert retries.choice({"a"}, {"a", "b", "c"}) == {"b", "c"}
    assert retries.choice({"a"}, {"b", "c"}) == frozenset()


def test_a_run_is_tried_anew_after_it_got_on_and_never_where_it_failed():
    retries = Retries()
    assert [retries.once_more("run", worker) for worker in "ab"] == [True, True]
    retries.gets_on("run")
    assert [retries.once_more("run", worker) for worker in "acd"] == [True, True, False]
    assert retries.failed_on["run"] == set("abcd")
    assert retries.once_more("other", "a")


@pytest.mark.parametrize("between", [0, 1, 2])
def test_only_failures_in_a_row_make_a_worker_distrusted(between):
    retries = Retries()
    for k in range(TRIES):
        if between and k == between:
            retries.trust("a")
        retries.blame("a")
    assert retries.distrusted == (set() if between else {"a"})
