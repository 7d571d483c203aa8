import io
import json
import os
import random
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
from rich.console import Console

from sysid_tbptt import config
from sysid_tbptt.config import canonical_json
from sysid_tbptt.errors import EngineError, StoreError
from sysid_tbptt.report.leaderboard import leaderboard
from sysid_tbptt.runs import worker
from sysid_tbptt.runs.checkpoint import Checkpoint
from sysid_tbptt.runs.harness import train
from sysid_tbptt.runs.reproduction import reproduce
from sysid_tbptt.runs.store import Store, locked
from sysid_tbptt.runs.verification import verify


def quietly(configs, results=None, *, console=None, **options):
    console = console or Console(file=io.StringIO())
    return train(configs, results=results, console=console, **{"engine": "reference", "workers": 1, **options})


def told(configs, results=None, **options):
    """The records, and what a user was shown."""
    text = io.StringIO()
    records = quietly(configs, results, console=Console(file=text, width=500), **options)
    return records, text.getvalue()


def numbers(record):
    """What must repeat itself to the bit, as text."""
    fields = json.loads(record.to_line())
    return canonical_json({key: fields[key] for key in ("run_id", "config", "metrics", "loss", "steps_done", "status")})


def test_records_come_in_the_order_of_the_runs_and_are_on_disk(runs, tmp_path):
    records = quietly(runs(3, 0, 11), tmp_path)
    assert [record.config.burn_in for record in records] == [3, 0, 11]
    assert {record.status for record in records} == {"ok"}
    assert sorted(map(numbers, Store(tmp_path).records())) == sorted(map(numbers, records))


def test_time_is_told_in_wall_clock_and_processor(runs):
    spent = quietly(runs(0, steps=300))[0].time
    assert 0 < spent.train_cpu_s < 1.2 * spent.train_s
    assert spent.samples_per_s == pytest.approx(300 / spent.train_s * 8 * 12)


def test_what_is_done_is_not_done_again(runs, tmp_path):
    first = quietly(runs(0), tmp_path)
    second, text = told(runs(0, 3), tmp_path)
    assert "2 runs, 1 done already, 1 to do" in text
    assert second[0] == first[0]


def test_without_a_folder_nothing_is_written(runs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = set(tmp_path.rglob("*"))
    assert quietly(runs(0))[0].status == "ok"
    assert set(tmp_path.rglob("*")) == before


def test_processes_give_the_same_records_as_one_thread(runs, tmp_path):
    alone = quietly(runs(0, 3, 11), tmp_path / "alone")
    together = quietly(runs(0, 3, 11), tmp_path / "together", workers=2)
    assert list(map(numbers, alone)) == list(map(numbers, together))


def test_anchors_go_the_same_way(runs):
    record = quietly(runs(0, model="arx", hidden_size=2))[0]
    assert (record.engine, record.regime, record.status) == ("closed_form", "closed_form", "ok")
    assert record.metrics["test"]["test"]["mse_scaled"] < 0.5


def test_provenance_tells_data_versions_and_code(runs):
    source = quietly(runs(0))[0].provenance
    assert source["data"]["sha256"].keys() == {"log.csv"}
    assert {"python", "torch", "numpy", "nonlinear-benchmarks"} <= source["versions"].keys()
    assert source["device"]
    assert source["git"] is None or len(source["git"]["commit"]) == 40


def test_an_error_in_a_run_is_a_record_and_does_not_hold_up_the_others(runs, tmp_path, monkeypatch):
    def broken(job, data, engine, control):
        if job.config.burn_in == 3:
            raise ValueError("the model is ill")
        return original(job, data, engine, control)

    original = worker.run
    with monkeypatch.context() as patch:
        patch.setattr(worker, "run", broken)
        records, text = told(runs(0, 3, 11), tmp_path)
    assert [record.status for record in records] == ["ok", "failed", "ok"]
    assert "ValueError: the model is ill (in broken, test_harness.py line" in records[1].reason
    assert "the model is ill" in text
    mended, text = told(runs(0, 3, 11), tmp_path)
    assert "1 to do" in text
    assert mended[1].status == "ok"


def test_a_diverged_run_is_done(runs, tmp_path):
    first = quietly(runs(0, learning_rate=1e30), tmp_path)
    assert first[0].status == "diverged"
    assert "1 done already" in told(runs(0, learning_rate=1e30), tmp_path)[1]


def test_a_damaged_line_is_set_aside_and_its_run_done_again(runs, tmp_path):
    first = quietly(runs(0, 3), tmp_path)
    path = Store(tmp_path).path(first[0].config)
    lines = path.read_text().splitlines()
    path.write_text(lines[0] + "\n" + lines[1][:-20])
    again, text = told(runs(0, 3), tmp_path)
    assert f"set aside, and to be run again: {path}, line 2" in text
    assert list(map(numbers, again)) == list(map(numbers, first))


def test_weights_are_kept_when_asked_for(runs, tmp_path):
    record = quietly(runs(0), tmp_path, keep_weights=True)[0]
    assert Store(tmp_path).weights(record.run_id).is_file()


def test_tables_can_be_refreshed_after_each_group(runs, tmp_path):
    seen = []
    quietly(
        [*runs(0, 3), *runs(0, 3, seq_len=20)],
        tmp_path,
        after_group=lambda: seen.append(len(Store(tmp_path).records())),
    )
    assert seen == [2, 4]


def test_two_calls_cannot_write_to_one_folder(runs, tmp_path):
    with locked(tmp_path), pytest.raises(StoreError, match="another run is writing here"):
        quietly(runs(0), tmp_path)


def test_an_engine_asked_for_by_name_that_declines_stops_before_anything_runs(runs, tmp_path):
    with pytest.raises(EngineError, match="unknown engine"):
        quietly(runs(0), tmp_path, engine="warp")
    assert Store(tmp_path).records() == []


def test_a_run_that_kills_its_worker_is_a_failure_and_costs_no_other(runs, tmp_path, monkeypatch):
    configs = runs(0, 3, 5, 7, 11)
    configs[0] = configs[0].model_copy(update={"model": "tests.runs.models:suicidal"})
    monkeypatch.setenv("PYTHONPATH", str(Path.cwd()))
    monkeypatch.setenv("TEST_DRIVER", str(os.getpid()))
    records, text = told(configs, tmp_path, workers=2)
    assert "a worker process died; done again, one at a time: the" in text
    assert [record.status for record in records] == ["failed", "ok", "ok", "ok", "ok"]
    assert "its process died" in records[0].reason
    assert list(map(numbers, records[1:])) == list(map(numbers, quietly(runs(3, 5, 7, 11))))


@pytest.mark.parametrize("workers", [1, 2], ids=["thread", "processes"])
def test_a_checkpoint_that_cannot_be_written_ends_the_call_with_one_error_and_fails_no_run(workers, runs, tmp_path):
    obstacle = tmp_path / "checkpoints"
    obstacle.write_text("")
    configs = runs(0, 3, steps=3000)
    with pytest.raises(StoreError, match=r"checkpoints.*cannot be written .*free or unlock the disk"):
        quietly(configs, tmp_path, workers=workers, checkpoint_s=0.0)
    assert Store(tmp_path).records() == []
    obstacle.unlink()
    assert {record.status for record in quietly(runs(0, 3), tmp_path)} == {"ok"}


def test_a_record_that_cannot_be_written_ends_the_call_with_one_error(runs, tmp_path):
    (tmp_path / "records").write_text("")
    with pytest.raises(StoreError, match=r"records.*cannot be written"):
        quietly(runs(0, 3), tmp_path)
    (tmp_path / "records").unlink()
    assert [record.status for record in quietly(runs(0, 3), tmp_path)] == ["ok", "ok"]


def test_where_no_temporary_file_can_be_written_it_is_told(runs, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "file"))
    with pytest.raises(StoreError, match=r"no temporary file can be written .*TMPDIR"):
        quietly(runs(0), tmp_path / "results")


def test_the_checkpoint_of_a_run_that_is_done_is_taken_away(runs, tmp_path):
    """The process may die between record and checkpoint."""
    (record,) = quietly(runs(0), tmp_path)
    for run_id in (record.run_id, "another"):
        Checkpoint(Store(tmp_path).checkpoint(run_id), "mark").save({}, (1.0, 1.0))
    quietly(runs(0), tmp_path)
    assert [path.stem for path in (tmp_path / "checkpoints").iterdir()] == ["another"]


def test_a_record_that_is_there_twice_is_set_aside_and_told_and_not_run_again(runs, tmp_path):
    (record,) = quietly(runs(0), tmp_path)
    path = Store(tmp_path).path(record.config)
    path.write_text(2 * path.read_text())
    text = told(runs(0), tmp_path)[1]
    assert f"set aside: {path}, line 1: the run" in text
    assert "0 to do" in text


def test_data_that_change_during_a_call_fail_the_run(runs, tmp_path, own_log, monkeypatch):
    def altered(config, data):
        log = own_log.parent / "log.csv"
        log.write_text(log.read_text() + "1.5,2.5\n")
        return original(config, data)

    original = worker.build
    with monkeypatch.context() as patch:
        patch.setattr(worker, "build", altered)
        (record,) = quietly(runs(0), tmp_path)
    assert record.status == "failed"
    assert "was changed after the call began" in record.reason


def test_an_error_after_a_group_stops_no_training(runs, tmp_path):
    def broken():
        raise ValueError("no ink")

    records, text = told([*runs(0, 3), *runs(0, seq_len=20)], tmp_path, after_group=broken)
    assert [record.status for record in records] == ["ok"] * 3
    assert text.count("ValueError: no ink") == 2


SCRIPT = """
import sys
sys.path.insert(0, {cwd!r})
from tests.conftest import config_of
from sysid_tbptt.runs import harness
from sysid_tbptt.training.engines import reference
reference._TURN_SECONDS = 0.0
configs = [config_of(dataset={log!r}, split="file", burn_in=m, steps={steps}, validate_every=50) for m in (0, 3)]
harness.train(configs, results={results!r}, engine="reference", workers={workers}, checkpoint_s=0.0)
"""


@pytest.fixture
def script(child, own_log):
    """Starts the training of two runs of the log."""

    def start(results, workers=1, steps=1500):
        code = SCRIPT.format(cwd=str(Path.cwd()), log=str(own_log), results=str(results), workers=workers, steps=steps)
        return child(code, stderr=subprocess.DEVNULL)

    return start


def kill_all(process):
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def written_since(results, began):
    return any(path.stat().st_mtime > began for path in results.rglob("*.safetensors"))


@pytest.mark.parametrize(("workers", "kills_wanted"), [(1, 3), (2, 2)], ids=["inline", "processes"])
def test_killed_again_and_again_it_ends_with_the_same_records(workers, kills_wanted, runs, script, tmp_path):
    """Checkpoints are written without pause, so that kills fall into training and into writes alike."""
    results, rng, kills = tmp_path / "results", random.Random(workers), 0
    results.mkdir()
    while kills < kills_wanted:
        process, began = script(results, workers), time.time()
        while process.poll() is None and not written_since(results, began):
            time.sleep(0.01)
        time.sleep(0.3 * rng.random())
        if process.poll() is not None:
            break
        kill_all(process)
        kills += 1
    assert kills >= 2
    assert script(results, workers).wait() == 0
    uninterrupted = quietly(runs(0, 3, steps=1500, validate_every=50))
    survivors = Store(results)
    assert survivors.damages == []
    assert sorted(map(numbers, survivors.records())) == sorted(map(numbers, uninterrupted))
    assert list((results / "checkpoints").glob("*.safetensors")) == []


def test_workers_end_when_the_process_that_waits_for_them_is_killed(script, tmp_path):
    process, began = script(tmp_path, workers=2), time.time()
    while not written_since(tmp_path, began):
        time.sleep(0.01)
    process.kill()
    process.wait()
    deadline = time.time() + 20
    while alive(process.pid) and time.time() < deadline:
        time.sleep(0.1)
    assert not alive(process.pid)


def alive(group):
    """Whether a process of the group is left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_interrupt_saves_the_state_and_ends(script, tmp_path):
    process, began = script(tmp_path, steps=1_000_000), time.time()
    while not written_since(tmp_path, began):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) != 0
    assert len(list((tmp_path / "checkpoints").glob("*.safetensors"))) == 1


def test_a_revised_model_is_run_again_and_its_old_record_is_reported_and_not_shown(runs, tmp_path, monkeypatch):
    of_arx = runs(0, model="arx", hidden_size=2)
    with monkeypatch.context() as before:
        before.setitem(config.REVISIONS, "arx", 0)
        (old,) = quietly(of_arx, tmp_path)
        (mean,) = quietly(runs(0, model="mean"), tmp_path)
    records, text = told([*of_arx, mean.config], tmp_path)
    assert "2 runs, 1 done already, 1 to do" in text
    assert [record.provenance["algorithm"] for record in (old, *records)] == [1, 2, 1]
    (row,) = leaderboard(tmp_path).query("model == 'arx'").to_dict("records")
    assert row["run_ids"] == (records[0].run_id,)
    (finding,) = verify(tmp_path).findings
    assert (finding.warning, "of algorithm version 1, expected 2; run it again" in finding.said) == (True, True)
    with pytest.raises(StoreError, match="algorithm version 1, this package has version 2 of 'arx'; run it again"):
        reproduce(old.run_id, tmp_path)


def test_a_failure_tells_its_algorithm_version(runs):
    (failed,) = quietly(runs(0, model="arx", hidden_size=300, seq_len=20))
    assert failed.status == "failed"
    assert "tank.toml: arx of order hidden_size=300: the training part (200 samples) has 0 samples" in failed.reason
    assert failed.provenance["algorithm"] == 2
