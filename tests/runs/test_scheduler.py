"""A scheduler that dies at any moment is told in the package's own words, and nothing that it sent is lost."""

import asyncio
import concurrent.futures
import logging
import threading
from unittest.mock import Mock

import pytest
from distributed import Client, LocalCluster
from distributed.comm import CommClosedError

from sysid_tbptt.errors import EngineError
from sysid_tbptt.runs import bundle as bundle_module
from sysid_tbptt.runs import cluster as cluster_module
from sysid_tbptt.runs import scheduler as scheduler_module
from sysid_tbptt.runs.bundle import Bundle
from sysid_tbptt.runs.connection import Cluster, connect
from sysid_tbptt.runs.record import RunRecord
from sysid_tbptt.runs.scheduler import Scheduler
from sysid_tbptt.runs.store import Store
from sysid_tbptt.runs.worker import Task
from tests.conftest import config_of
from tests.runs.test_harness import told

GONE = r"^the cluster's scheduler is gone, or does not answer .*; what it sent is saved, and the same command goes on"

ERRORS = [
    OSError("no route"),
    CommClosedError("closed"),
    TimeoutError(),
    asyncio.CancelledError(),
    concurrent.futures.CancelledError(),
    RuntimeError("IOLoop is closed"),
    AttributeError("'NoneType' object has no attribute 'ncores'"),
    KeyError("workers"),
    AssertionError(),
]


class Mortal:
    """A client, or a future of one: it answers until it has an ``error``, which it then raises whatever is asked."""

    def __init__(self, error=None):
        self.error = error

    def __getattr__(self, name):
        if self.error is not None:
            raise self.error
        return False if name == "asynchronous" else Mock(return_value=[])


BUNDLE = Bundle("b", "q", (Task(config_of(), "a", "reference", 0, "test"),), "r", None, 1.0)

ASKED = {
    "submit": lambda asked, _: asked.submit(BUNDLE, priority=0, resources={}, workers=()),
    "has_ended": lambda asked, future: asked.has_ended(future),
    "error_of": lambda asked, future: asked.error_of(future),
    "cancel": lambda asked, future: asked.cancel([future]),
    "received": lambda asked, _: asked.received(),
    "give": lambda asked, _: asked.give("x", b"x"),
    "sent_away": lambda asked, _: asked.sent_away("tcp://a"),
    "clear": lambda asked, _: asked.clear(1),
}
"""Each question to a scheduler."""


def ask_of(client, name, future):
    if name == "__init__":
        return Scheduler(client, "q")
    if name in ASKED:
        error, client.error = client.error, None
        asked = Scheduler(client, "q")
        client.error = error
        return ASKED[name](asked, future)
    return getattr(Cluster(client), name)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("name", ["__init__", *ASKED, "address", "workers"])
def test_every_question_has_its_own_error_whatever_dask_raises(name, error):
    with pytest.raises(EngineError, match=GONE) as raised:
        ask_of(Mortal(error), name, Mortal(error))
    assert type(error).__name__ in str(raised.value)
    assert raised.value.__cause__ is error


def test_every_question_is_asked_here():
    public = {name for name, value in vars(Scheduler).items() if callable(value) and not name.startswith("_")}
    assert public == ASKED.keys()


@pytest.mark.parametrize("name", ["__init__", *ASKED, "address", "workers"])
def test_ctrl_c_stays_one(name):
    with pytest.raises(KeyboardInterrupt):
        ask_of(Mortal(KeyboardInterrupt()), name, Mortal(KeyboardInterrupt()))


@pytest.fixture
def short_lived(monkeypatch):
    """A cluster in this process, looked at without pause."""
    for name, seconds in (("_LOOK_SECONDS", 0.01), ("_MISS_SECONDS", 0.0), ("_GRACE_SECONDS", 1.0)):
        monkeypatch.setattr(cluster_module, name, seconds)
    with (
        LocalCluster(
            n_workers=1, processes=False, threads_per_worker=1, protocol="tcp", dashboard_address=":0"
        ) as local,
        connect(local.scheduler_address) as cluster,
    ):
        cluster.client.wait_for_workers(1)
        cluster.client.cluster, cluster.client._timeout = local, 1  # tries to connect again for a second
        yield cluster


def before(monkeypatch, client, name, act):
    """Acts before this process calls the client's method, or awaits the client's coroutine, of this name."""
    asked = getattr(client, "sync" if name.startswith("_") else name)

    def ask(*args, **kwargs):
        of = getattr(args[0], "__name__", "") if name.startswith("_") else name
        if of == name and threading.current_thread() is threading.main_thread():
            act()
        return asked(*args, **kwargs)

    monkeypatch.setattr(client, "sync" if name.startswith("_") else name, ask)


MOMENTS = {
    "nthreads": 4,
    "_start": 1,
    "submit": 2,
    "_get": 2,
    "_set": 1,
    "_cancel": 2,
    "_exception": 2,
    "get_events": 2,
}
"""What the driver asks, and how often at least: workers, a queue, a bundle, messages, a variable for data that workers
lack, a bundle back, why one failed, and whether a worker left in good order."""


@pytest.fixture
def spoilt(monkeypatch):
    """Workers fail every bundle of a user's own log."""

    def held(_):
        raise RuntimeError("spoilt")

    monkeypatch.setattr(bundle_module, "_held", held)


@pytest.fixture
def vanished(short_lived, monkeypatch):
    """Workers are there only until a bundle has begun."""
    there, begun = short_lived.client.nthreads, []
    monkeypatch.setattr(cluster_module, "_MISS_SECONDS", 0.2)

    def nthreads():
        begun.append(0)
        return there() if len(begun) < 5 else {}

    monkeypatch.setattr(short_lived.client, "nthreads", nthreads)


@pytest.mark.parametrize(("name", "later"), [(name, k) for name, times in MOMENTS.items() for k in range(times)])
def test_a_scheduler_that_dies_before_a_question_is_told(
    name, later, short_lived, runs, tmp_path, monkeypatch, request
):
    if (fixture := {"_exception": "spoilt", "get_events": "vanished"}.get(name)) is not None:
        request.getfixturevalue(fixture)
    left = [name] * later

    def die():
        if not left:
            short_lived.client.cluster.close()
        del left[:1]

    before(monkeypatch, short_lived.client, name, die)
    configs = [config_of(dataset="sim_linear", split="paper", model="mean"), *runs(0, 3, steps=300)]
    with pytest.raises(EngineError, match=GONE):
        told(configs, tmp_path / "results", engine="reference", cluster=short_lived)
    assert Store(tmp_path / "results").damages == []


def test_a_scheduler_that_does_not_answer_is_told(short_lived, runs, monkeypatch):
    async def sleep(*_, **__):
        await asyncio.sleep(60)

    monkeypatch.setattr(scheduler_module, "_ANSWER_SECONDS", 0.1)
    monkeypatch.setitem(short_lived.client.cluster.scheduler.handlers, "queue_get", sleep)
    with pytest.raises(EngineError, match=GONE):
        told(runs(0), engine="reference", cluster=short_lived)


@pytest.mark.parametrize("name", ["_cancel", "_get"])
def test_ctrl_c_while_the_scheduler_dies_ends_the_call_soon(name, short_lived, runs, tmp_path, monkeypatch):
    def interrupt():
        before(monkeypatch, short_lived.client, name, short_lived.client.cluster.close)
        raise KeyboardInterrupt

    monkeypatch.setattr(cluster_module, "_GRACE_SECONDS", 300.0)
    configs = [config_of(dataset="sim_linear", split="paper", model="mean"), *runs(0, steps=100_000)]
    with pytest.raises(KeyboardInterrupt):
        told(configs, tmp_path / "results", engine="reference", cluster=short_lived, after_group=interrupt)
    assert [record.config.model for record in Store(tmp_path / "results").records()] == ["mean"]


def test_what_was_sent_before_the_scheduler_died_is_kept():
    """The first bundle's end makes the driver take it back, which fails; the record of the second comes after it."""
    tasks = {name: Task(config_of(seed=k), name, "reference", k, "test") for k, name in enumerate("ab")}
    kept = []
    desk = cluster_module._Desk(Cluster(Mortal()), dict(tasks), kept.append, lambda _: None, print, 1.0)
    for name, task in tasks.items():
        desk.flights[name] = cluster_module._Flight(Mortal(OSError()), (task,), False, frozenset(), frozenset())
    record = RunRecord(run_id="b", status="diverged", reason="x", config=tasks["b"].config)
    sent = [("a", "0", "ended", "", None), ("b", "1", "record", "b", [record.to_line(), None, None])]
    desk.scheduler.received = lambda: sent
    with pytest.raises(EngineError, match=GONE):
        desk._hear()
    assert kept == [record]


def test_a_worker_that_cannot_send_is_not_the_runs_fault(short_lived, runs, monkeypatch):
    fails = iter([False, False, False, True])  # taken, begun, and the first steps

    class Failing(bundle_module.Queue):
        def put(self, *args, **kwargs):
            if next(fails, False):
                raise CommClosedError("closed")
            return super().put(*args, **kwargs)

    monkeypatch.setattr(bundle_module, "Queue", Failing)
    monkeypatch.setattr(cluster_module, "_STEPS_A_SECOND", 1e9)
    ((record,), text) = told(runs(0), engine="reference", cluster=short_lived)
    assert record.status == "ok"
    assert "the driver cannot be reached (CommClosedError: closed); 1 runs go elsewhere" in text


def test_dasks_client_logs_no_tracebacks_beside_the_error(short_lived, caplog):
    log = logging.getLogger("distributed.client")
    log.error("in the block")
    assert "in the block" not in caplog.messages
    with connect(short_lived.address):
        pass
    assert log.level == logging.CRITICAL


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_a_client_that_cannot_be_closed_costs_nothing(error, short_lived, runs, monkeypatch):
    leave = Client.__exit__

    def left(client, *about):
        leave(client, *about)
        raise error

    monkeypatch.setattr(Client, "__exit__", left)
    with connect(short_lived.address) as cluster:
        assert cluster.workers
    with pytest.raises(ZeroDivisionError), connect(short_lived.address):
        raise ZeroDivisionError


def test_jobs_that_may_go_on_are_told(tmp_path, monkeypatch):
    file = tmp_path / "cluster.yaml"
    file.write_text(
        "cluster: distributed.LocalCluster\n"
        "options: {n_workers: 0, processes: false, dashboard_address: ':0'}\njobs: 1\n"
    )
    leave = LocalCluster.__exit__

    def left(cluster, *about):
        leave(cluster, *about)
        raise OSError("scancel")

    monkeypatch.setattr(LocalCluster, "__exit__", left)
    with (
        pytest.raises(
            EngineError, match=r"cluster.yaml: .*cannot be closed \(OSError: scancel\); end its jobs by hand"
        ),
        connect(file=file),
    ):
        pass
    with pytest.raises(ZeroDivisionError), connect(file=file):
        raise ZeroDivisionError


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_a_cluster_of_this_machine_that_cannot_start_is_told(error, monkeypatch):
    monkeypatch.setattr("distributed.LocalCluster", Mock(side_effect=error))
    said = f"no cluster can be started on this machine .{type(error).__name__}"
    with pytest.raises(EngineError, match=said), connect(workers=1):
        pass
