"""Real worker processes of a Dask cluster on this machine."""

import os
import random
import signal
import threading
import time
from pathlib import Path

import psutil
import pytest
from distributed import Future

from sysid_tbptt.errors import EngineError, StoreError
from sysid_tbptt.registry import data_of
from sysid_tbptt.runs import bundle, retries
from sysid_tbptt.runs import cluster as cluster_module
from sysid_tbptt.runs.connection import Cluster, connect
from sysid_tbptt.runs.store import Store
from sysid_tbptt.runs.worker import Task
from tests.conftest import config_of
from tests.runs.models import gain_a_card, set_moods, set_temporary
from tests.runs.test_harness import numbers, told


@pytest.fixture(scope="module")
def cluster():
    """Two worker processes that find the tests' models."""
    os.environ["PYTHONPATH"] = str(Path.cwd())
    os.environ["TEST_DRIVER"] = str(os.getpid())
    with connect(workers=2) as started:
        started.client.wait_for_workers(2)
        yield started


@pytest.fixture
def moods(cluster, tmp_path):
    """The file in which a model notes its tries."""
    path = tmp_path / "moods"
    cluster.client.wait_for_workers(2)
    cluster.client.run(set_moods, str(path))
    return path


def pids(cluster):
    cluster.client.wait_for_workers(2)
    return list(cluster.client.run(os.getpid).values())


@pytest.mark.parametrize("engine", ["cpu", "reference"])
def test_records_equal_those_made_inline_to_the_bit(engine, cluster, runs, tmp_path):
    configs = runs(0, 3, 11)
    there, _ = told(configs, tmp_path / "there", engine=engine, cluster=cluster, keep_weights=True)
    here, _ = told(configs, tmp_path / "here", engine=engine, workers=1, keep_weights=True)
    assert list(map(numbers, there)) == list(map(numbers, here))
    for record in here:
        for kept in ("weights", "predictions"):
            path, other = (getattr(Store(tmp_path / place), kept)(record.run_id) for place in ("here", "there"))
            assert path.read_bytes() == other.read_bytes()


def test_a_data_set_that_workers_have_is_not_sent(cluster, monkeypatch):
    monkeypatch.setattr(cluster_module.pickle, "dumps", None)
    config = config_of(dataset="sim_linear", split="paper", steps=3)
    assert told([config], cluster=cluster)[0][0].status == "ok"


def test_only_the_driver_writes(cluster, runs, tmp_path):
    before = set(tmp_path.rglob("*"))
    told(runs(0), cluster=cluster)
    assert set(tmp_path.rglob("*")) == before


def test_workers_killed_at_random_cost_nothing(cluster, runs, tmp_path):
    configs = runs(0, 3, 5, 7, steps=1000, validate_every=50)
    done, rng = threading.Event(), random.Random(0)
    killed = []

    def kill():
        for pid in pids(cluster):
            while not list(tmp_path.glob("checkpoints/*")) and not done.is_set():
                time.sleep(0.01)
            if done.wait(rng.random()):
                return
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        records, text = told(configs, tmp_path, engine="reference", cluster=cluster, checkpoint_s=0.1)
    finally:
        done.set()
        killer.join()
    assert len(killed) == 2
    assert "its worker died" in text
    assert list(map(numbers, records)) == list(map(numbers, told(configs, engine="reference", workers=1)[0]))
    assert len(Store(tmp_path).records()) == 4
    assert list((tmp_path / "checkpoints").glob("*")) == []


def test_a_run_that_kills_its_workers_is_a_failure_and_costs_no_other(cluster, runs, tmp_path):
    configs = runs(0, 3, 5, 7, 11)
    configs[0] = configs[0].model_copy(update={"model": "tests.runs.models:suicidal"})
    records, _ = told(configs, tmp_path, engine="reference", cluster=cluster)
    assert [record.status for record in records] == ["failed", "ok", "ok", "ok", "ok"]
    assert "its worker died" in records[0].reason
    assert "tried 3 times" in records[0].reason
    assert list(map(numbers, records[1:])) == list(map(numbers, told(runs(3, 5, 7, 11), engine="reference")[0]))


def test_a_run_that_fails_is_tried_three_times_and_told_with_its_traceback(cluster, runs, moods, tmp_path):
    configs = runs(0, 3)
    configs[0] = configs[0].model_copy(update={"model": "tests.runs.models:hopeless"})
    records, text = told(configs, tmp_path, engine="reference", cluster=cluster)
    assert [record.status for record in records] == ["failed", "ok"]
    assert "RuntimeError: not today (in forward, models.py line" in records[0].reason
    assert [line for line in records[0].provenance["traceback"] if "models.py" in line]
    assert len(moods.read_text().splitlines()) == 3
    assert text.count("not today") == 1


def test_a_retry_moves_to_another_worker(cluster, runs, moods, monkeypatch):
    cluster.client.wait_for_workers(2)
    submit, bound = cluster.client.submit, []

    def noted(*args, workers, **options):
        bound.append(workers)
        return submit(*args, workers=workers, **options)

    monkeypatch.setattr(cluster.client, "submit", noted)
    (config,) = runs(0, model="tests.runs.models:moody", steps=1)
    ((record,), _) = told([config], engine="reference", cluster=cluster)
    assert record.status == "ok"
    first, second = moods.read_text().splitlines()[:2]
    assert first != second
    assert set(map(bool, bound[:-1])) == {False}
    assert {str(pid) for pid in cluster.client.run(os.getpid, workers=bound[-1]).values()} == {second}


def test_a_run_that_is_bound_to_a_worker_that_dies_goes_on(cluster, runs, moods):
    def kill():
        while not moods.exists() or len(found := moods.read_text().splitlines()) < 2:
            time.sleep(0.05)
        os.kill(int(found[1]), signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    (config,) = runs(0, model="tests.runs.models:moody", steps=3000)
    ((record,), text) = told([config], engine="reference", cluster=cluster)
    killer.join()
    assert record.status == "ok"
    assert "its worker died" in text


def test_an_interrupt_brings_the_states_home(cluster, runs, tmp_path):
    def interrupt():
        raise KeyboardInterrupt

    configs = [*runs(0, model="mean"), *runs(0, 3, steps=2500)]
    with pytest.raises(KeyboardInterrupt):
        told(configs, tmp_path, engine="reference", cluster=cluster, after_group=_after(0.3, interrupt))
    assert list((tmp_path / "checkpoints").glob("*.safetensors"))
    resumed, _ = told(configs, tmp_path, engine="reference", cluster=cluster)
    assert list(map(numbers, resumed)) == list(map(numbers, told(configs, engine="reference")[0]))


def _after(seconds, action):
    def wait_and_act():
        time.sleep(seconds)
        action()

    return wait_and_act


@pytest.mark.parametrize("model", ["calm", "moody"])
def test_runs_go_to_workers_with_the_resource_alone_also_once_more(cluster, runs, moods, model):
    cluster.client.wait_for_workers(2)
    address, _ = sorted(cluster.client.nthreads())
    cluster.client.run(gain_a_card, workers=[address])
    demanding = Cluster(cluster.client, {"TEST_CARD": 1.0})
    assert list(demanding.workers) == [address]
    configs = runs(*range(3), model=f"tests.runs.models:{model}", steps=1)
    records, _ = told(configs, engine="reference", cluster=demanding)
    assert {record.status for record in records} == {"ok"}
    assert set(moods.read_text().split()) == {str(cluster.client.run(os.getpid, workers=[address])[address])}


def test_a_worker_that_fails_every_bundle_gets_no_more_and_costs_no_run(cluster, runs, tmp_path, monkeypatch):
    """Each run is a bundle: the other worker cannot have them all before this one has had three."""
    monkeypatch.setattr(bundle, "BUNDLE_SECONDS", 0.0)
    cluster.client.wait_for_workers(2)
    address, _ = sorted(cluster.client.nthreads())
    cluster.client.run(set_temporary, str(tmp_path / "nowhere"), workers=[address])
    try:
        records, text = told(runs(*range(11), steps=300), engine="reference", cluster=cluster)
    finally:
        cluster.client.run(set_temporary, None, workers=[address])
    assert {record.status for record in records} == {"ok"}
    assert f"{address}: 3 bundles in a row failed there; it gets no more" in text
    assert "FileNotFoundError" in text


def test_no_worker_that_can_perform_a_bundle_is_an_error(cluster, runs, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster_module, "_WAIT_SECONDS", 1.0)
    cluster.client.wait_for_workers(2)
    cluster.client.run(set_temporary, str(tmp_path / "nowhere"))
    try:
        with pytest.raises(EngineError, match=r"no worker performs a bundle of runs: FileNotFoundError"):
            told(runs(*range(8), steps=1), engine="reference", cluster=cluster)
    finally:
        cluster.client.run(set_temporary, None)


def test_what_is_cancelled_is_sent_again_and_nobodys_fault(cluster, runs):
    def cancel():
        cluster.client.cancel([Future(key, cluster.client) for key in list(cluster.client.futures)])

    configs = [*runs(0, model="mean"), *runs(*range(1, 9), steps=200)]
    records, text = told(configs, engine="reference", cluster=cluster, after_group=cancel)
    assert {record.status for record in records} == {"ok"}
    assert "its worker let go of it" in text


def test_a_worker_that_leaves_in_good_order_costs_no_try(cluster, runs, tmp_path, monkeypatch):
    monkeypatch.setattr(retries, "TRIES", 1)
    cluster.client.wait_for_workers(2)
    left = []

    def retire():
        while not left:
            time.sleep(0.5)
            left.extend(address for address, keys in cluster.client.processing().items() if keys)
        cluster.client.retire_workers(left)

    retiring = threading.Thread(target=retire)
    retiring.start()
    ((record,), text) = told(runs(0, steps=2000), tmp_path, engine="reference", cluster=cluster)
    retiring.join()
    assert record.status == "ok"
    assert f"{left[0]}: its worker let go of it" in text


def test_a_worker_that_is_waited_for_is_told(cluster, monkeypatch):
    class Told(Exception):
        pass

    def tell(said):
        raise Told(said)

    monkeypatch.setattr(cluster_module, "_WAIT_SECONDS", 0.0)
    task = Task(config_of(dataset="sim_linear", split="paper"), "a", "reference", 0, "test")
    with pytest.raises(Told, match=r"no worker with TEST_GPU=2 is there; waiting for one"):
        cluster_module.execute(
            [task],
            Cluster(cluster.client, {"TEST_GPU": 2.0}),
            seconds={"a": 1.0},
            on_record=lambda _: None,
            on_steps=lambda _: None,
            tell=tell,
        )


def test_nothing_is_left_on_the_scheduler(cluster, runs):
    extensions = cluster.client.cluster.scheduler.extensions
    before = set(extensions["queues"].queues)
    told(runs(0, 3), cluster=cluster)
    deadline = time.monotonic() + 5
    while set(extensions["queues"].queues) - before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert set(extensions["queues"].queues) <= before
    assert dict(extensions["variables"].variables) == {}


def test_nobody_but_this_machine_reaches_a_cluster_of_it(cluster):
    cluster.client.wait_for_workers(2)
    processes = [psutil.Process(), *map(psutil.Process, pids(cluster))]
    found = [link.laddr.ip for process in processes for link in process.net_connections() if link.status == "LISTEN"]
    assert len(found) > 3
    assert set(found) == {"127.0.0.1"}
    assert cluster.address.startswith("tls://")


def test_a_file_that_cannot_be_written_does_not_cost_the_states_of_the_others(cluster, runs, tmp_path):
    def on_record(_):
        raise StoreError("the disk is full")

    configs = [*runs(0, model="mean"), *runs(3, 5, steps=100_000)]
    tasks = [
        Task(config, config.run_id(data_of(config).revision), engine, k, "test", tmp_path / str(k), checkpoint_s=0.1)
        for k, (config, engine) in enumerate(zip(configs, ("closed_form", "reference", "reference"), strict=True))
    ]
    with pytest.raises(StoreError, match="the disk is full"):
        cluster_module.execute(
            tasks,
            cluster,
            seconds=dict.fromkeys([task.run_id for task in tasks], 1.0),
            on_record=on_record,
            on_steps=lambda _: None,
            tell=print,
        )
    assert list(tmp_path.iterdir())


def test_a_scheduler_that_goes_is_told_and_what_came_is_kept(runs, tmp_path):
    with pytest.raises(EngineError, match=r"scheduler is gone.*the same command goes on"), connect(workers=1) as short:
        configs = [*runs(0, model="mean"), *runs(0, steps=100_000)]
        told(configs, tmp_path, engine="reference", cluster=short, after_group=short.client.cluster.close)
    assert [record.config.model for record in Store(tmp_path).records()] == ["mean"]
