from hypothesis import given
from hypothesis import strategies as st

from sysid_tbptt import config
from sysid_tbptt.runs.bundle import BUNDLE_SECONDS, Bundle, bundles
from sysid_tbptt.runs.worker import Task
from tests.conftest import config_of


def tasks_of(datasets):
    return [Task(config_of(dataset=dataset, seed=k), str(k), "cpu", k, "test") for k, dataset in enumerate(datasets)]


runs = st.lists(st.tuples(st.sampled_from("aab"), st.floats(0.1, 300)), min_size=1, max_size=60)


@given(runs, st.integers(1, 8))
def test_bundles_keep_the_order_and_one_data_set_each(given_runs, slots):
    tasks = tasks_of([dataset for dataset, _ in given_runs])
    seconds = {str(k): s for k, (_, s) in enumerate(given_runs)}
    cut = bundles(tasks, seconds, slots)
    assert [task for bundle in cut for task in bundle] == tasks
    assert all(len({task.config.dataset for task in bundle}) == 1 for bundle in cut)


@given(runs, st.integers(1, 8))
def test_a_bundle_ends_with_the_run_that_fills_it(given_runs, slots):
    seconds = {str(k): s for k, (_, s) in enumerate(given_runs)}
    enough = min(BUNDLE_SECONDS, sum(seconds.values()) / (2 * slots))
    for bundle in bundles(tasks_of(["a"] * len(given_runs)), seconds, slots):
        assert sum(seconds[task.run_id] for task in bundle[:-1]) < enough


def test_many_short_runs_make_bundles_of_a_minute():
    tasks = tasks_of(["a"] * 1000)
    sizes = [len(bundle) for bundle in bundles(tasks, {task.run_id: 5.0 for task in tasks}, 10)]
    assert set(sizes[:-1]) == {12}


def test_few_runs_are_shared_out():
    tasks = tasks_of(["a"] * 8)
    assert [len(bundle) for bundle in bundles(tasks, {task.run_id: 1.0 for task in tasks}, 2)] == [2, 2, 2, 2]


def test_a_worker_of_another_revision_of_a_model_is_of_another_version(monkeypatch):
    def version():
        return Bundle("b", "q", (), revision="0", data=None, steps_s=1.0).version

    before = version()
    monkeypatch.setitem(config.REVISIONS, "arx", 5)
    assert version() != before
