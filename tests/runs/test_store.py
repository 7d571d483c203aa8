import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sysid_tbptt.cli.printing import tell_damages
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


def test_a_beginning_finds_the_only_record_it_is_of(tmp_path):
    store = Store(tmp_path)
    for run_id in ("abc", "abd", "ab", "b1"):
        store.save(record(run_id))
    assert [store.find(prefix).run_id for prefix in ("abc", "b", "ab")] == ["abc", "b1", "ab"]
    with pytest.raises(StoreError, match=r"'a' begins 3 run_ids \(abc, abd, ab\); give more of it"):
        store.find("a")
    with pytest.raises(StoreError, match=r"no record of a run 'c'; take a run_id from a file below .*records"):
        store.find("c")


def test_path_is_identity(tmp_path):
    store = Store(tmp_path)
    store.save(record(dataset="logs/my tank.toml", model="my_module:build"))
    store.save(record(dataset="first_order", model="lstm"))
    found = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.jsonl"))
    assert found[0] == "records/test/first_order/lstm-N12-s0.jsonl"
    hashed = r"records/test/logs_my_tank\.toml-[0-9a-f]{16}/my_module_build-[0-9a-f]{16}-N12-s0\.jsonl"
    assert re.fullmatch(hashed, found[1])


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


@pytest.fixture
def moved(tmp_path):
    """Puts a folder of a results folder elsewhere, and a link in its place."""

    def moved(name):
        root = tmp_path / "results"
        Store(root).save(record())
        (root / name).rename(tmp_path / "elsewhere")
        (root / name).symlink_to(tmp_path / "elsewhere")
        return root

    return moved


@pytest.mark.parametrize("name", ["records", "records/test", "records/test/first_order"])
def test_a_link_in_place_of_a_folder_of_records_is_told_before_anything_is_read(name, moved, tmp_path, monkeypatch):
    root = moved(name)
    monkeypatch.setattr(Store, "_read", pytest.fail)
    told = f"{name}: a link, .*; put the folder itself there, mount it there, or .*--results"
    with pytest.raises(StoreError, match=told):
        Store(root)
    (tmp_path / "elsewhere").rename(tmp_path / "away")
    with pytest.raises(StoreError, match=told):
        Store(root)


def test_a_link_that_is_put_in_place_of_a_folder_meanwhile_is_not_written_through(tmp_path):
    root = tmp_path / "results"
    store = Store(root)
    store.save(record())
    path = store.path(config_of())
    path.write_text(path.read_text() + "{broken")
    damaged = Store(root)
    (root / "records" / "test").rename(tmp_path / "elsewhere")
    (root / "records" / "test").symlink_to(tmp_path / "elsewhere")
    before = {path.name: path.read_bytes() for path in tmp_path.rglob("elsewhere/*/*")}
    for write in (lambda: store.save(record("b")), damaged.set_damages_aside):
        with pytest.raises(StoreError, match="records/test: a link"):
            write()
    assert {path.name: path.read_bytes() for path in tmp_path.rglob("elsewhere/*/*")} == before


def test_a_results_folder_that_is_reached_by_a_link_is_like_any_other(tmp_path, monkeypatch):
    (tmp_path / "disk" / "results").mkdir(parents=True)
    (tmp_path / "results").symlink_to(tmp_path / "disk" / "results")
    (tmp_path / "link").symlink_to(tmp_path / "disk")
    monkeypatch.chdir(tmp_path)
    for run_id, root in {"a": tmp_path / "results", "b": tmp_path / "link" / "results", "c": Path("results")}.items():
        with locked(root):
            Store(root).save(record(run_id, burn_in=ord(run_id) % 5))
    monkeypatch.chdir(tmp_path / "results")
    assert {one.run_id for one in Store(".").records()} == {"a", "b", "c"}


def test_the_link_by_which_an_editor_locks_a_file_is_no_folder(tmp_path):
    store = Store(tmp_path)
    store.save(record())
    path = store.path(config_of())
    path.with_name(f".#{path.name}").symlink_to("user@host.1")
    assert len(Store(tmp_path).records()) == 1


def test_a_folder_that_cannot_be_listed_is_told(tmp_path, monkeypatch):
    Store(tmp_path).save(record())

    def locked_up(_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", locked_up)
    with pytest.raises(StoreError, match=r"records: cannot be read \(Permission denied\); mend its permissions"):
        Store(tmp_path)


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
        leftover.touch()
    assert not leftover.exists()


def write_lines(path, *lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))


def at(time, status="ok"):
    """The record of one run as a clock that says so would have dated it."""
    return record(status=status).model_copy(update={"provenance": {"time": time}})


LATE, EARLY = at("2030-01-01T00:00:00+00:00"), at("2020-01-01T00:00:00+00:00")


def test_of_a_run_that_is_there_twice_the_later_line_counts_whatever_its_clock_said(tmp_path):
    path = Store(tmp_path).path(config_of())
    write_lines(path, LATE.to_line(), EARLY.to_line())
    store = Store(tmp_path)
    assert store.records() == [EARLY]
    (damage,) = store.set_damages_aside()
    assert (str(damage), damage.kind) == (f"{path}, line 1: the run 'a' is there already: {path}, line 2", "double")
    assert path.with_suffix(".damaged").read_text() == LATE.to_line() + "\n"
    assert (Store(tmp_path).records(), Store(tmp_path).damages) == ([EARLY], [])


def test_of_a_run_that_is_in_two_files_the_one_in_its_own_counts(tmp_path):
    path = Store(tmp_path).path(config_of())
    write_lines(path, EARLY.to_line())
    write_lines(path.with_name("zzz.jsonl"), LATE.to_line())
    store = Store(tmp_path)
    assert store.records() == [EARLY]
    assert [damage.path.name for damage in store.set_damages_aside()] == ["zzz.jsonl"]
    assert not path.with_name("zzz.jsonl").exists()
    assert Store(tmp_path).records() == [EARLY]


def test_a_failure_never_stands_before_a_success(tmp_path):
    path = Store(tmp_path).path(config_of())
    write_lines(path, at("x", status="failed").to_line())
    write_lines(path.with_name("aaa.jsonl"), EARLY.to_line())
    assert Store(tmp_path).records() == [EARLY]


def test_what_others_put_into_a_file_while_a_run_is_under_way_stays_there(tmp_path):
    store = Store(tmp_path)
    store.save(record("a"))
    with store.path(config_of()).open("a") as file:
        file.write(record("b", burn_in=1).to_line() + "\n")
    store.save(record("c", burn_in=2))
    assert {r.run_id for r in Store(tmp_path).records()} == {"a", "b", "c"}


def test_a_newer_record_that_comes_while_a_run_is_under_way_is_not_overwritten(tmp_path):
    store = Store(tmp_path)
    store.save(record("a"))
    path = store.path(config_of())
    path.write_text(path.read_text() + '{"schema": 2}\n')
    before = path.read_bytes()
    with pytest.raises(StoreError, match="use a newer version of sysid-tbptt, or choose another --results folder"):
        store.save(record("b", burn_in=1))
    assert path.read_bytes() == before


def test_a_newer_record_stays_when_a_line_beside_it_is_set_aside(tmp_path):
    path = Store(tmp_path).path(config_of())
    write_lines(path, '{"schema": 2}', "half a li", record("a").to_line())
    store = Store(tmp_path)
    assert [damage.line for damage in store.set_aside(store.damages)] == [b"half a li"]
    assert path.read_text() == '{"schema": 2}\n' + record("a").to_line() + "\n"
    assert [damage.kind for damage in store.damages] == ["newer"]


def test_a_line_that_could_not_be_set_aside_is_set_aside_later(tmp_path, monkeypatch):
    path = Store(tmp_path).path(config_of())
    write_lines(path, "half a li", record("a").to_line())
    store = Store(tmp_path)
    path.with_suffix(".damaged").mkdir()
    with pytest.raises(StoreError, match="cannot be read"):
        store.save(record("b", burn_in=1))
    path.with_suffix(".damaged").rmdir()
    store.save(record("b", burn_in=1))
    assert path.with_suffix(".damaged").read_text() == "half a li\n"
    assert {r.run_id for r in Store(tmp_path).records()} == {"a", "b"}


def test_a_line_that_was_set_aside_half_way_is_not_set_aside_twice(tmp_path):
    path = Store(tmp_path).path(config_of())
    write_lines(path, "half a li")
    write_lines(path.with_suffix(".damaged"), "other", "half a li")
    Store(tmp_path).set_damages_aside()
    assert path.with_suffix(".damaged").read_text() == "other\nhalf a li\n"


def test_only_what_is_no_record_is_told_to_be_run_again(tmp_path, capsys):
    path = Store(tmp_path).path(config_of())
    write_lines(path, "half a li", LATE.to_line(), EARLY.to_line(), '{"schema": 2}')
    tell_damages(Store(tmp_path))
    told = capsys.readouterr().err.splitlines()
    assert [line.partition(": ")[0] for line in told] == [
        "no record, and done again by the next run",
        "not counted",
        "counted once, and set aside by the next run",
    ]


def test_a_temporary_file_that_a_living_process_writes_is_left_to_it(tmp_path):
    (tmp_path / "records").mkdir()
    theirs = tmp_path / "records" / f".x.jsonl.{os.getppid()}.tmp"
    theirs.touch()
    with locked(tmp_path) as taken:
        assert taken == []
    assert theirs.exists()


HOLDER = """
import sys, time
from sysid_tbptt.runs.store import locked
with locked(sys.argv[1]):
    print("locked", flush=True)
    time.sleep(60)
"""


def test_the_lock_of_a_run_that_is_killed_is_free(child, tmp_path):
    holder = child(HOLDER, str(tmp_path), stdout=subprocess.PIPE)
    assert holder.stdout.readline() == "locked\n"
    with pytest.raises(StoreError, match="another run is writing here; wait for it"), locked(tmp_path):
        pass
    holder.kill()
    holder.wait()
    with locked(tmp_path):
        pass


NO_ROOM = """
import resource, sys
from sysid_tbptt.errors import StoreError
from sysid_tbptt.runs.store import Store
store = Store(sys.argv[1])
record = store.records()[0]
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
try:
    store.save(record.model_copy(update={"run_id": "b"}))
except StoreError as error:
    print(error)
"""


@pytest.mark.parametrize("room", [0, 1, 400], ids=lambda room: f"{room} bytes more")
def test_a_write_that_finds_no_room_half_way_leaves_the_records_as_they_were(room, tmp_path):
    store = Store(tmp_path)
    store.save(record("a"))
    path = store.path(config_of())
    before = path.read_bytes()
    limit = str(room and len(before) + room)
    done = subprocess.run([sys.executable, "-c", NO_ROOM, tmp_path, limit], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"{path}: cannot be written (")
    assert {p.name: p.read_bytes() for p in path.parent.iterdir()} == {path.name: before}


def test_lines_of_a_damage_are_as_they_were_to_the_byte(tmp_path):
    path = Store(tmp_path).path(config_of())
    path.parent.mkdir(parents=True)
    path.write_bytes(b"\xff\xfe half\r\n")
    assert Store(tmp_path).damages[0].line == b"\xff\xfe half\r"


def test_records_of_another_algorithm_version_are_kept_and_never_counted(tmp_path, capsys):
    store = Store(tmp_path)
    of_version = {"old": {"algorithm": 1}, "new": {"algorithm": 2}, "untold": {}}
    for run_id, provenance in of_version.items():
        store.save(record(run_id, model="arx").model_copy(update={"provenance": provenance}))
    again = Store(tmp_path)
    assert [r.run_id for r in again.records()] == ["new", "untold"]
    assert [r.run_id for r in again.outdated()] == ["old"]
    assert len(again.lines()) == 3
    assert again.find("old").run_id == "old"
    tell_damages(again)
    assert "1 records of model 'arx' in suite 'test' are of another algorithm version; run them again" in (
        capsys.readouterr().err
    )
