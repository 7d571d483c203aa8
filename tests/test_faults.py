"""The table of faults in benchmarks/, and what its program takes for lost."""

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sysid_tbptt.runs.harness import train
from sysid_tbptt.runs.store import Store
from tests.conftest import config_of

ROOT = Path(__file__).parents[1]
COMMITTED = ROOT / "results" / "reliability"
ALL_WELL = {"records": 2, "lost": 0, "twice": 0, "unreadable": 0, "changed": 0}


@pytest.fixture(autouse=True)
def programs(monkeypatch):
    """The programs in benchmarks/ import each other from beside."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))


@pytest.fixture
def trial(tmp_path):
    """A folder of two runs with their weights, and its copy, still as sound."""
    from fault_trial import Life, Trial

    runs = [config_of(dataset="sim_linear", split="simulated", burn_in=m, steps=2) for m in (0, 3)]
    train(runs, engine="reference", workers=1, results=tmp_path / "sound", keep_weights=True)
    made = Trial(tmp_path / "hurt", tmp_path / "sound", "reference", Life(1.0, 1.0), 0.5, random.Random(0))
    made.copy_sound()
    return made


def rewrite(trial, change):
    (path,) = trial.files()
    path.write_text(change(path.read_text()))


def test_what_is_as_it_was_counts_as_well(trial):
    assert trial.count() == ALL_WELL


@pytest.mark.parametrize(
    ("change", "counted"),
    [
        (lambda text: text.partition("\n")[2], {"lost": 1}),
        (lambda text: text + text.partition("\n")[0] + "\n", {"twice": 1, "unreadable": 1}),
        (lambda text: text[:-9], {"lost": 1, "unreadable": 2}),
        (lambda text: text.replace('"parameters":', '"parameters":1', 1), {"changed": 1}),
        (lambda text: text.replace('"train_s":', '"train_s":1', 1), {}),
    ],
    ids=["lost", "twice", "unreadable", "changed", "another time"],
)
def test_what_is_lost_twice_unreadable_or_changed_is_counted(trial, change, counted):
    rewrite(trial, change)
    assert trial.count() == ALL_WELL | counted


def test_weights_that_differ_are_counted(trial):
    run_id = Store(trial.results).records()[0].run_id
    weights = Store(trial.results).weights(run_id)
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    assert trial.count()["changed"] == 1


def test_a_user_who_is_not_told_counts_as_a_loss(trial, tmp_path):
    (tmp_path / "said.txt").write_text("error: the disk is full\n")
    trial.output.append(tmp_path / "said.txt")
    trial.listen("disk is full")
    assert (trial.lost, trial.told) == (0, "error: the disk is full")
    trial.listen("another run")
    assert (trial.lost, trial.told) == (1, "NOT TOLD: another run")


@pytest.fixture
def started(trial, tmp_path, child, monkeypatch):
    """Puts other programs, each with what it has said, in the place of the runs that a trial starts in turn."""

    def started(*programs):
        left = list(programs)

        def start(prelude="", **_):
            program, said = left.pop(0)
            trial.output.append(tmp_path / f"{len(trial.output)}.txt")
            trial.output[-1].write_text(said)
            return child(program)

        monkeypatch.setattr(trial, "start", start)

    return started


HANGS = ("import time; time.sleep(20)", "")


@pytest.mark.parametrize("name", ["kill", "kill-worker", "cluster-workers", "clock", "second-run"])
def test_a_run_that_hangs_ends_the_program(name, trial, started):
    from fault_kinds import FAULTS
    from fault_trial import Life, NotEnding

    trial.life = Life(-2.995, -3.0)  # which asks for a patience of 0.1 s
    started(HANGS, HANGS)
    began = time.monotonic()
    with pytest.raises(NotEnding, match="no end after 0 s"):
        next(fault for fault in FAULTS if fault.name == name).hurt(trial)
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("done", "n_workers", "said", "lost"),
    [(2, 2, "", 0), (0, 2, "", 0), (0, 1, "", 1), (0, 1, "a worker process died", 0)],
    ids=["all are done", "as many as workers", "more than workers", "told"],
)
def test_a_worker_that_is_killed_while_there_is_work_must_be_missed(
    done, n_workers, said, lost, trial, started, child, monkeypatch
):
    import fault_kinds

    rewrite(trial, lambda text: "".join(text.splitlines(keepends=True)[:done]))
    workers = [child("import time; time.sleep(20)") for _ in range(n_workers)]
    monkeypatch.setattr(fault_kinds, "workers_of", lambda _: [worker.pid for worker in workers])
    started(("import time; time.sleep(1.5)", said))
    fault_kinds.kill_worker(trial)
    assert trial.lost == lost


@pytest.mark.parametrize(("told", "tries", "lost"), [("", 2, 1), ("so", 2, 0), ("", 1, 0)])
def test_a_fault_of_which_no_try_is_told_counts_as_a_loss(told, tries, lost):
    import fault_table
    import faults

    row = fault_table.new_row("fault", seed=1, wanted=2)
    fault_table.add(row, ALL_WELL, tries=tries, told=told)
    faults.hear(row)
    faults.hear(row)
    assert row["lost"] == lost


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes tell no environment here")
def test_a_process_that_outlives_the_runs_counts_as_a_loss_and_is_killed(trial, monkeypatch):
    import fault_trial

    sleeps = [sys.executable, "-c", "import time; time.sleep(20)"]
    code = f"import subprocess; subprocess.Popen({sleeps!r}, start_new_session=True)"
    assert trial.processes() == []
    subprocess.run([sys.executable, "-c", code], env=os.environ | trial.mark, check=True)
    assert len(trial.processes()) == 1
    monkeypatch.setattr(fault_trial, "END_SECONDS", 0.1)
    trial.wait_for_none()
    assert (trial.lost, trial.told) == (1, "STILL THERE after 0 s: 1 processes")
    trial.kill_all()
    monkeypatch.setattr(fault_trial, "END_SECONDS", 10.0)
    trial.wait_for_none()
    assert (trial.lost, trial.processes()) == (1, [])


REFUSED = "error: results: another run is writing here; wait for it"


@pytest.mark.parametrize(
    ("first", "second", "lost"),
    [
        (("", "6 runs, 0 done already, 6 to do"), ("exit(2)", REFUSED), 0),
        (("exit(2)", REFUSED), ("", "6 runs, 0 done already, 6 to do"), 0),
        (("", "6 runs, 0 done already, 6 to do"), ("", "6 runs, 6 done already, 0 to do"), 0),
        (("", "6 runs, 6 done already, 0 to do"), ("", "6 runs, 0 done already, 6 to do"), 0),
        (("", "6 runs, 0 done already, 6 to do"), ("", "6 runs, 2 done already, 4 to do"), 1),
        (("exit(2)", "error: another"), ("", "6 runs, 0 done already, 6 to do"), 1),
    ],
    ids=["the second refused", "the first refused", "after it", "before it", "both at it", "otherwise refused"],
)
def test_two_runs_that_write_at_the_same_time_count_as_a_loss(first, second, lost, trial, started):
    from fault_kinds import second_run

    started(first, second)
    second_run(trial)
    assert trial.lost == lost


def test_rows_of_several_programs_make_one_table(tmp_path):
    import fault_table

    path = tmp_path / "faults.json"
    for name in ("first", "second"):
        row = fault_table.new_row(f"the {name} | fault", seed=1)
        fault_table.add(row, ALL_WELL | {"lost": 1}, tries=3, told="told so", phases=["start", "end", "end"])
        fault_table.add(row, ALL_WELL)
        fault_table.update(path, {name: row})
    text = path.with_name("table.md").read_text()
    for name in ("first", "second"):
        assert f"| the {name} \\| fault | 4 | 4 | 1 | 0 | 0 | 0 | told so |" in text
        assert f"- the {name} | fault: end 2, start 1" in text


def test_a_call_that_was_stopped_goes_on_and_another_one_begins_anew():
    import faults

    asked = {"kill": 5, "clock": 2}
    rows = faults.begin({"other": {"tries": 7}}, 0, asked)
    assert [row["tries"] for row in rows.values()] == [0, 0]
    rows["kill"]["tries"] = 5
    assert faults.begin(rows, 0, asked)["kill"]["tries"] == 5
    assert faults.begin(rows, 1, asked)["kill"]["tries"] == 0
    assert faults.begin(rows, 0, asked | {"clock": 3})["kill"]["tries"] == 0
    rows["clock"]["tries"] = 2
    assert faults.begin(rows, 0, asked)["kill"]["tries"] == 0


def test_a_fault_that_cannot_be_had_here_is_skipped_and_keeps_no_other_from_going_on(tmp_path, monkeypatch):
    import faults
    from fault_kinds import FAULTS, Skipped

    def skip(*_):
        raise Skipped("no disk to mount")

    asked = {"kill": 5, "read-only": 4}
    rows = faults.begin({}, 0, asked)
    session = faults.Session(tmp_path, tmp_path / "faults.json", rows)
    monkeypatch.setattr(session, "attempt", skip)
    session.perform(next(fault for fault in FAULTS if fault.name == "read-only"))
    kept = json.loads((tmp_path / "faults.json").read_text())["read-only"]
    assert (kept["wanted"], kept["tries"], kept["skipped"], faults.left(kept)) == (4, 0, "no disk to mount", 0)
    rows["kill"]["tries"] = 3
    assert faults.begin(rows, 0, asked)["kill"]["tries"] == 3
    assert faults.begin(rows, 1, asked)["kill"]["tries"] == 0
    rows["kill"]["tries"] = 5
    anew = faults.begin(rows, 0, asked)
    assert (anew["kill"]["tries"], anew["read-only"].get("skipped")) == (0, None)


def test_every_fault_has_a_name_of_its_own():
    from fault_kinds import FAULTS

    assert len({fault.name for fault in FAULTS}) == len({fault.said for fault in FAULTS}) == len(FAULTS)


def test_the_committed_table_is_that_of_its_rows_and_of_the_readme():
    import fault_table

    rows = json.loads((COMMITTED / "faults.json").read_text())
    text = (COMMITTED / "table.md").read_text()
    assert text == fault_table.markdown(rows)
    assert f"{fault_table.BEGIN}\n{fault_table.table(rows)}\n{fault_table.END}" in (ROOT / "README.md").read_text()


def test_the_table_is_put_into_a_page_between_its_marks(tmp_path):
    import fault_table

    row = fault_table.new_row("fault", seed=1)
    fault_table.add(row, ALL_WELL)
    page = tmp_path / "page.md"
    page.write_text(f"before\n{fault_table.BEGIN}\nold\n{fault_table.END}\nafter\n")
    fault_table.write_into(page, {"fault": row, "not tried": fault_table.new_row("not tried", seed=1)})
    inside = fault_table.table({"fault": row})
    assert page.read_text() == f"before\n{fault_table.BEGIN}\n{inside}\n{fault_table.END}\nafter\n"
