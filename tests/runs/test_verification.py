import json
import re
from pathlib import Path

import numpy as np
import pytest

from sysid_tbptt.errors import StoreError
from sysid_tbptt.runs import checks
from sysid_tbptt.runs.checkpoint import Checkpoint
from sysid_tbptt.runs.harness import train
from sysid_tbptt.runs.store import Store, locked
from sysid_tbptt.runs.verification import verify
from tests.conftest import config_of


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """The files of two runs of the harness in one file, with weights and predictions, by path."""
    root = tmp_path_factory.mktemp("sound")
    runs = [config_of(dataset="sim_linear", split="simulated", burn_in=m, steps=2) for m in (0, 3)]
    train(runs, engine="reference", workers=1, results=root, keep_weights=True)
    return {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.fixture
def results(sound, tmp_path):
    for path, content in sound.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    return tmp_path


def lines_of(results):
    """The file of records, and its lines."""
    (path,) = results.rglob("*.jsonl")
    return path, path.read_text().splitlines()


def altered(line, **changes):
    return json.dumps(json.loads(line) | changes)


def broken(results):
    path, (first, second) = lines_of(results)
    path.write_text(f"{first}\n{second[:-9]}")


def doubled(results):
    path, (first, second) = lines_of(results)
    path.write_text(f"{first}\n{second}\n{first}\n")


def doubled_elsewhere(results):
    path, (first, _) = lines_of(results)
    path.with_name("other.jsonl").write_text(first + "\n")


def misplaced(results):
    path, _ = lines_of(results)
    path.rename(path.with_name("zzz.jsonl"))


def other_config(results):
    path, (first, second) = lines_of(results)
    path.write_text(first + "\n" + second.replace('"seq_len":12', '"seq_len":13') + "\n")


def other_scores(results):
    path, (first, second) = lines_of(results)
    fields = json.loads(second)
    fields["metrics"]["val"]["mse_scaled"] = None
    path.write_text(f"{first}\n{json.dumps(fields)}\n")


def changed(**changes):
    def spoil(results):
        path, (first, second) = lines_of(results)
        path.write_text(f"{first}\n{altered(second, **changes)}\n")

    spoil.__name__ = " ".join(changes)
    return spoil


def cut(folder):
    def spoil(results):
        path = next((results / folder).iterdir())
        path.write_bytes(path.read_bytes()[:-9])

    return spoil


def checkpoint_of_another(results):
    Checkpoint(results / "checkpoints" / "x.safetensors", "y cpu 0").save({"w": np.zeros(2)}, (1.0, 1.0))


def spent_checkpoint(results):
    run = Store(results).records()[0].run_id
    Checkpoint(Store(results).checkpoint(run), f"{run} cpu 0").save({"w": np.zeros(2)}, (1.0, 1.0))


def estimate(results):
    (results / "stability" / "test").mkdir(parents=True)
    (results / "stability" / "test" / "x.json").write_text("{")


def leftover(results):
    (results / "records" / f".x.jsonl.{2**22 + 1}.tmp").touch()


SPOILT = {
    broken: "line 2: not a line of JSON",
    doubled: "line 1: the run '[0-9a-f]+' is there already: .*line 3",
    doubled_elsewhere: r"other.jsonl, line 1: the run .* is there already: .*lstm-N12-s0.jsonl, line 1",
    misplaced: "zzz.jsonl, line 1: the record belongs into .*lstm-N12-s0.jsonl",
    other_config: "line 2: run_id [0-9a-f]+, expected [0-9a-f]+ of its config and data",
    other_scores: "line 2: scores of val: key 'mse_scaled'",
    changed(steps_done=1): "line 2: 1 steps, expected 2 of its config",
    changed(engine="cuda"): "line 2: engine 'cuda', expected one of cpu, reference",
    changed(status="diverged"): "line 2: diverged, and no reason is told",
    cut("weights"): "weights.*: not a safetensors file",
    cut("predictions"): "predictions.*no file of predictions",
    checkpoint_of_another: "x.safetensors: the checkpoint of another run, y cpu 0",
    spent_checkpoint: "checkpoint of a run that is done",
    estimate: "x.json: no estimate",
    leftover: "left by a write that was killed",
}


def test_what_the_harness_writes_is_sound(results):
    found = verify(results)
    assert (found.findings, found.records, found.files, found.recomputed) == ([], 2, 4, 2)


@pytest.mark.parametrize(("spoil", "said"), SPOILT.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_what_is_wrong_is_told_and_mended_and_nothing_of_it_is_lost(results, spoil, said):
    spoil(results)
    before = content(results)
    found = verify(results)
    assert [finding for finding in found.faults if re.search(said, str(finding))]
    assert content(results) == before
    assert verify(results, fix=True).faults == []
    assert verify(results).faults == []
    assert kept(before) <= kept(content(results))


def content(results):
    return {path: path.read_bytes() for path in results.rglob("*") if path.is_file() and path.name != ".lock"}


def kept(files):
    """Lines of records and whole other files, wherever they are, but for what every run takes away."""
    return {
        piece
        for path, whole in files.items()
        for piece in (whole.split(b"\n") if "records" in path.parts else [whole])
        if not path.name.endswith(".tmp") and b'"mark":"' + path.stem.encode() not in whole
    }


def test_a_second_fix_finds_nothing_to_do(results):
    for spoil in (broken, leftover, estimate, misplaced):
        spoil(results)
    assert len(verify(results, fix=True).mended) == 4
    assert verify(results, fix=True).mended == []


def test_of_two_records_of_a_run_the_one_that_did_not_fail_counts_then_the_later_line(results):
    path, (first, second) = lines_of(results)
    failed = altered(first, status="failed", reason="no memory", metrics={})
    later = altered(second, time={"train_s": 7.0})
    path.write_text(f"{first}\n{second}\n{failed}\n{later}\n")
    verify(results, fix=True)
    assert sorted(lines_of(results)[1]) == sorted([first, later])
    assert path.with_suffix(".damaged").read_text().splitlines() == [second, failed]


def test_a_failed_run_is_no_fault_of_the_folder(results):
    path, (first, _) = lines_of(results)
    path.write_text(altered(first, status="failed", reason="no memory", metrics={}) + "\n")
    assert verify(results).faults == []


def test_other_data_are_a_warning_and_no_fault(results):
    path, (first, _) = lines_of(results)
    record = Store(results).records()[0]
    told = record.provenance | {"data": record.provenance["data"] | {"revision": "f" * 64}}
    changed = altered(first, run_id=record.config.run_id("f" * 64), provenance=told)
    path.write_text(changed + "\n")
    found = verify(results, fix=True)
    assert (found.faults, found.mended) == ([], [])
    assert "warning: " in str(found.findings[0])
    assert "made from other data: revision ffffffffffff" in str(found.findings[0])
    assert path.read_text() == changed + "\n"


def test_a_newer_record_stays_where_it_is_and_is_told_beside_one_that_is_mended(results):
    path, (first, _) = lines_of(results)
    newer = altered(first, schema=99)
    path.write_text(f"{newer}\n{first}\nhalf a li")
    (left,) = verify(results, fix=True).faults
    assert "line 1: schema 99 where 1 is known; use a newer version of sysid-tbptt; it is left as it is" in str(left)
    assert path.read_text() == f"{newer}\n{first}\n"


def test_files_of_a_run_without_a_record_are_told_and_left(results):
    orphan = results / "weights" / "x.safetensors"
    next((results / "weights").iterdir()).rename(orphan)
    found = verify(results, fix=True)
    assert (found.faults, found.mended) == ([], [])
    assert f"warning: {orphan}: there is no record of its run" in str(found.findings[0])
    Checkpoint(Store(results).checkpoint("x"), "x cpu 0").save({"w": np.zeros(2)}, (1.0, 1.0))
    assert verify(results).findings == []


def test_what_was_set_aside_earlier_stays(results):
    for content in ("first", "second"):
        (results / "weights" / "x.safetensors").write_text(content)
        verify(results, fix=True)
    aside = [results / "weights" / name for name in ("x.damaged", "x.2.damaged")]
    assert [path.read_text() for path in aside] == ["first", "second"]


def test_a_file_that_may_not_be_read_is_not_set_aside(results, monkeypatch):
    kept, open_file = next((results / "weights").iterdir()), Path.open

    def locked_open(path, *mode, **more):
        if path == kept:
            raise PermissionError(13, "Permission denied")
        return open_file(path, *mode, **more)

    monkeypatch.setattr(Path, "open", locked_open)
    with pytest.raises(StoreError, match=r"safetensors: cannot be read \(Permission denied\); unlock it"):
        verify(results, fix=True)
    assert kept.is_file()


def test_a_folder_in_use_is_looked_at_and_not_mended(results):
    with locked(results):
        assert verify(results).faults == []
        with pytest.raises(StoreError, match="another run is writing here"):
            verify(results, fix=True)


def test_no_such_folder(tmp_path):
    with pytest.raises(StoreError, match="no such results folder"):
        verify(tmp_path / "none")


def test_what_the_data_tell_is_found_once_however_many_records(results):
    path, _ = lines_of(results)
    record = Store(results).records()[0]
    revision = record.provenance["data"]["revision"]
    configs = [record.config.model_copy(update={"learning_rate": 1e-3 + k * 1e-6}) for k in range(50)]
    lines = [record.model_copy(update={"config": c, "run_id": c.run_id(revision)}).to_line() for c in configs]
    path.write_text("\n".join(lines) + "\n")
    for once in (checks.at_hand, checks._measured_of):
        once.cache_clear()
    assert verify(results).faults == []
    assert (checks.at_hand.cache_info().misses, checks._measured_of.cache_info().misses) == (1, 3)
