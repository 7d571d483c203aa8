import sys

import pytest
from distributed import LocalCluster

from sysid_tbptt.errors import ConfigError, EngineError
from sysid_tbptt.runs import connection, local_workers
from sysid_tbptt.runs.connection import connect
from sysid_tbptt.runs.harness import train
from tests.conftest import config_of


@pytest.fixture
def described(tmp_path):
    def write(text):
        path = tmp_path / "cluster.yaml"
        path.write_text(text)
        return path

    return write


def test_a_file_describes_a_cluster_that_trains(described, own_log):
    file = described(
        "cluster: distributed.LocalCluster\n"
        "options: {n_workers: 0, processes: false, threads_per_worker: 2, dashboard_address: ':0'}\njobs: 1\n"
    )
    configs = [config_of(dataset=str(own_log), split="file", burn_in=m) for m in (0, 3, 11)]
    with connect(file=file) as cluster:
        cluster.client.wait_for_workers(1)
        assert (cluster.takes(["cpu"]), cluster.takes(["cpu", "reference"])) == (2, 1)
        records = train(configs, cluster=cluster, engine="reference")
    assert [record.metrics for record in records] == [r.metrics for r in train(configs, engine="reference", workers=1)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("cluster: [", "is not YAML"),
        ("", "cluster.yaml: expected keys and values, such as cluster:"),
        ("[a, b]", "cluster.yaml: expected keys and values"),
        ("cluster: distributed.LocalCluster\njobs: 1\nadapt: {minimum: 1}", "jobs and adapt exclude each other"),
        ("jobs: 3", "key 'cluster'.*is missing; add it"),
        ("cluster: LocalCluster", "key 'cluster'"),
        ("cluster: distributed.LocalCluster\njobs: 0", "key 'jobs'"),
        ("cluster: distributed.LocalCluster\nworkers: 3", "unknown key 'workers'"),
        (
            "cluster: subprocess.Popen\noptions: {args: 'true'}",
            "'subprocess.Popen' cannot be started .TypeError: it is no",
        ),
        ("cluster: builtins.exit", "it is no class of a Dask cluster"),
        ("[" * 30000, "is not YAML"),
        ("cluster: 2024-13-45", "is not YAML"),
        ("cluster: distributed.LocalCluster\njobs: !!int x", "is not YAML"),
        ("cluster: nowhere.Cluster", "'nowhere.Cluster' cannot be started .ModuleNotFoundError"),
        ("cluster: distributed.Nothing", "'distributed.Nothing' cannot be started .AttributeError"),
    ],
)
def test_a_file_that_cannot_be_used_is_told(text, said, described):
    with pytest.raises(ConfigError, match=said), connect(file=described(text)):
        pass


def test_a_cluster_that_cannot_grow_is_closed_again(described, monkeypatch):
    started = []

    def fail(cluster, **_):
        started.append(cluster)
        raise ZeroDivisionError

    monkeypatch.setattr(LocalCluster, "adapt", fail)
    file = described(
        "cluster: distributed.LocalCluster\n"
        "options: {n_workers: 0, processes: false, dashboard_address: ':0'}\nadapt: {minimum: 1}\n"
    )
    with pytest.raises(ConfigError, match=r"cannot be started .ZeroDivisionError"), connect(file=file):
        pass
    assert [cluster.status.name for cluster in started] == ["closed"]


def test_workers_that_cannot_start_are_told(monkeypatch, capfd):
    monkeypatch.setattr(local_workers.sys, "executable", "/bin/false")
    with pytest.raises(EngineError, match="a worker process ends while it starts"), connect(workers=1):
        pass


def test_a_file_runs_no_code_of_its_own(described):
    with pytest.raises(ConfigError, match="is not YAML"), connect(file=described("!!python/object/apply:os.abort []")):
        pass


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(ConfigError, match=r"none.yaml: cannot be read"), connect(file=tmp_path / "none.yaml"):
        pass


def test_no_dask_is_told_with_the_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(EngineError, match=r"pip install 'sysid-tbptt\[cluster\]'"), connect(workers=1):
        pass


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "tls://127.0.0.1:9"])
def test_no_scheduler_is_told(address, monkeypatch):
    monkeypatch.setattr(connection, "_CONNECT_SECONDS", 1)
    with pytest.raises(EngineError, match=f"no scheduler answers at {address}"), connect(address):
        pass


@pytest.mark.parametrize("address", ["localhost", "nonsense://x", "127.0.0.1:x", ""])
def test_an_address_that_is_none_is_told_at_once(address):
    with pytest.raises(ConfigError, match=f"'{address}' is no address, such as tcp://host:8786"), connect(address):
        pass


@pytest.mark.parametrize("named", [{}, {"workers": 1, "scheduler": "tcp://127.0.0.1:9"}])
def test_a_cluster_is_named_in_one_way(named):
    with pytest.raises(ConfigError, match="expected one of scheduler, workers and file"), connect(**named):
        pass


def test_workers_of_this_machine_have_the_resources_and_are_started_when_there_is_something_to_do(tmp_path):
    config = config_of(dataset="sim_linear", split="paper", model="mean")
    (record,) = train([config], cluster=connect(workers=1, resources={"GPU": 1.0}), results=tmp_path)
    assert record.status == "ok"
    assert train([config], cluster=connect("tcp://127.0.0.1:9"), results=tmp_path) == [record]
