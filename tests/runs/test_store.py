import json
import os

import pytest

from sysid_tbptt.errors import StoreError
from sysid_tbptt.runs.record import RunRecord
from sysid_tbptt.runs.store import Store, locked
from tests.conftest import config_of

NO_PROCESS = 2**22 + 1
"""More than the largest process id."""
SCORES = {"mse_scaled": 0.5, "rmse": [1.0], "unit": ["V"]}


def record(run_id="a", status="ok", **changes):
    metrics = {"train": SCORES, "val": SCORES, "test": {"test": SCORES}}
    return RunRecord(run_id=run_id, status=status, config=config_of(**changes), metrics=metrics)


def test_records_come_back_as_they_were_saved(tmp_path):
    store = Store(tmp_path)
    saved = [record("a"), record("b", burn_in=0), record("c", seq_len=20), record("d", model="gru", status="diverged")]
    for one in saved:
        store.save(one)
    again = Store(tmp_path)
    assert sorted(again.records(), key=lambda r: r.run_id) == saved
    assert again.get("b") == saved[1]
    assert again.get("e") is None


def test_path_is_identity(tmp_path):
    store = Store(tmp_path)
    store.save(record(dataset="logs/my tank.toml", model="my_module:build"))
    expected = "records/test/logs_my_tank.toml/my_module_build-N12-s0.jsonl"
    assert [p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*.jsonl")] == [expected]


def test_names_cannot_lead_out_of_the_folder(tmp_path):
    path = Store(tmp_path).path(config_of(dataset="../../etc/passwd", model="..", suite="../x"))
    assert path.resolve().is_relative_to(tmp_path / "records")


def test_a_run_that_is_saved_again_replaces_its_record(tmp_path):
    store = Store(tmp_path)
    for status in ("failed", "ok"):
        store.save(record(status=status))
    assert [r.status for r in Store(tmp_path).records()] == ["ok"]
    assert len(store.path(config_of()).read_text().splitlines()) == 1


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("half a li", "not a line of JSON"),
        ("[1, 2]", "not a JSON object"),
        ('{"schema": 0}', "schema 0 where 1 is known"),
        ('{"schema": 1, "run_id": "x", "status": "ok"}', "key 'config' is missing; add it"),
        ("\xff\x00garbage", "not a line of JSON"),
    ],
    ids=["half a line", "no object", "other schema", "no config", "bytes"],
)
def test_a_line_that_is_no_record_is_told_with_file_and_number_and_set_aside(line, said, tmp_path):
    store = Store(tmp_path)
    store.save(record("a"))
    path = store.path(config_of())
    with path.open("ab") as file:
        file.write(line.encode("latin-1") + b"\n" + record("b", burn_in=1).to_line().encode() + b"\n")
    again = Store(tmp_path)
    (damage,) = again.damages
    assert str(damage).startswith(f"{path}, line 2: ")
    assert said in str(damage)
    assert {r.run_id for r in again.records()} == {"a", "b"}
    assert again.set_damages_aside() == [damage]
    assert path.with_suffix(".damaged").read_bytes() == line.encode("latin-1") + b"\n"
    assert Store(tmp_path).damages == []
    assert {r.run_id for r in Store(tmp_path).records()} == {"a", "b"}


def test_saving_beside_a_damaged_line_loses_nothing(tmp_path):
    store = Store(tmp_path)
    store.save(record("a"))
    path = store.path(config_of())
    path.write_text(path.read_text() + "{broken")
    Store(tmp_path).save(record("b", burn_in=1))
    assert {r.run_id for r in Store(tmp_path).records()} == {"a", "b"}
    assert path.with_suffix(".damaged").read_text() == "{broken\n"


def test_one_process_writes_at_a_time(tmp_path):
    refused = pytest.raises(StoreError, match="another run is writing here")
    with locked(tmp_path), refused, locked(tmp_path):
        pass
    with locked(tmp_path):
        pass


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("x")
    store = Store(tmp_path / "file" / "results")
    with pytest.raises(StoreError, match=r"cannot be written .*--results"), locked(store.root):
        pass
    with pytest.raises(StoreError, match=r"cannot be written .*--results"):
        store.save(record())


def test_a_full_disk_leaves_the_records_as_they_were(tmp_path, monkeypatch):
    store = Store(tmp_path)
    store.save(record("a"))

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="No space left on device"):
        store.save(record("b", burn_in=1))
    assert [r.run_id for r in Store(tmp_path).records()] == ["a"]
    assert [p.name for p in store.path(config_of()).parent.iterdir()] == ["lstm-N12-s0.jsonl"]


def test_a_line_is_json_with_the_schema_and_full_precision(tmp_path):
    store = Store(tmp_path)
    third = 1 / 3
    scores = SCORES | {"mse_scaled": third, "r2": [float("nan")]}
    store.save(record().model_copy(update={"metrics": {"train": scores}}))
    line = json.loads(store.path(config_of()).read_text())
    assert line["schema"] == 1
    assert line["metrics"]["train"] == scores | {"r2": [None]}


def test_a_record_of_a_newer_schema_is_told_and_left_where_it_is(tmp_path):
    store = Store(tmp_path)
    store.save(record("a"))
    path = store.path(config_of())
    path.write_text(path.read_text() + '{"schema": 2}\n')
    before = path.read_bytes()
    with pytest.raises(StoreError, match="line 2: schema 2 where 1 is known; use a newer version"):
        Store(tmp_path).set_damages_aside()
    assert path.read_bytes() == before


def test_a_record_without_scores_is_no_success(tmp_path):
    store = Store(tmp_path)
    store.save(record().model_copy(update={"metrics": {"train": SCORES, "val": SCORES, "test": {}}}))
    (damage,) = Store(tmp_path).damages
    assert "key 'metrics'" in str(damage)


def test_leftovers_of_killed_writes_are_swept(tmp_path):
    leftover = tmp_path / "records" / f".x.jsonl.{NO_PROCESS}.tmp"
    leftover.parent.mkdir()
    leftover.touch()
    with locked(tmp_path):
        assert not leftover.exists()
