import pickle

import pytest

from sysid_tbptt.runs import executors
from sysid_tbptt.runs.board import Board
from sysid_tbptt.runs.executors import execute
from sysid_tbptt.runs.record import RunRecord
from sysid_tbptt.runs.worker import Task
from tests.conftest import config_of


@pytest.mark.parametrize(
    ("workers", "runs", "threads"), [(4, 1, 4), (4, 2, 2), (4, 3, 1), (4, 9, 1), (1, 1, 1), (4, 0, 4)]
)
def test_the_runs_that_are_left_share_the_workers(tmp_path, workers, runs, threads):
    board = Board(tmp_path / "board", 2)
    assert board.threads == 1
    board.share(workers, runs)
    assert board.threads == threads
    assert pickle.loads(pickle.dumps(board)).threads == threads
    assert (board.steps(), board.stopping) == ([0, 0], False)


def test_the_last_run_gets_all_workers(monkeypatch):
    """Two runs on two workers have one thread each; when one has ended, the other has both."""
    seen = {"a": [], "b": []}

    def perform(task, board):
        while task.run_id == "b" and board.threads == 1:
            seen["b"].append(board.threads)
        seen[task.run_id].append(board.threads)
        return RunRecord(run_id=task.run_id, status="ok", config=task.config)

    monkeypatch.setattr(executors, "perform", perform)
    tasks = [Task(config_of(), run_id, "cpu", slot, "") for slot, run_id in enumerate(seen)]
    execute(tasks, workers=2, parallel="threads", on_record=lambda _: None, on_steps=lambda _: None, tell=print)
    assert seen["a"] == [1]
    assert seen["b"][-1] == 2
