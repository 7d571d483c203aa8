"""Real worker processes of a Dask cluster on this machine."""

import os
import random
import signal
import threading
import time
from pathlib import Path

import pytest

from sysid_tbptt.errors import EngineError
from sysid_tbptt.runs import cluster as cluster_module
from sysid_tbptt.runs.connection import Cluster, connect
from sysid_tbptt.runs.store import Store
from tests.conftest import config_of
from tests.runs.models import gain_a_card, set_moods
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
    configs = runs(0, 3, 5, 7, steps=1500, validate_every=50)
    done, rng = threading.Event(), random.Random(0)
    killed = []

    def kill():
        for pid in pids(cluster):
            if done.wait(1.0 + rng.random()):
                return
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        records, _ = told(configs, tmp_path, engine="reference", cluster=cluster)
    finally:
        done.set()
        killer.join()
    assert len(killed) == 2
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


def test_a_retry_moves_to_another_worker(cluster, runs, moods):
    cluster.client.wait_for_workers(2)
    (config,) = runs(0, model="tests.runs.models:moody", steps=1)
    ((record,), _) = told([config], engine="reference", cluster=cluster)
    assert record.status == "ok"
    first, second = moods.read_text().splitlines()[:2]
    assert first != second


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


def test_runs_go_to_workers_with_the_resource_alone(cluster, runs, moods):
    address, _ = sorted(cluster.client.nthreads())
    cluster.client.run(gain_a_card, workers=[address])
    demanding = Cluster(cluster.client, {"TEST_CARD": 1.0})
    configs = runs(*range(6), model="tests.runs.models:calm", steps=1)
    records, _ = told(configs, engine="reference", cluster=demanding)
    assert {record.status for record in records} == {"ok"}
    assert set(moods.read_text().split()) == {str(cluster.client.run(os.getpid, workers=[address])[address])}


def test_a_scheduler_that_goes_is_told_and_what_came_is_kept(runs, tmp_path):
    with pytest.raises(EngineError, match=r"scheduler is gone.*the same command goes on"), connect(workers=1) as short:
        configs = [*runs(0, model="mean"), *runs(0, steps=100_000)]
        told(configs, tmp_path, engine="reference", cluster=short, after_group=short.client.cluster.close)
    assert [record.config.model for record in Store(tmp_path).records()] == ["mean"]
