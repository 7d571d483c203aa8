import io

import pytest
from rich.console import Console

from sysid_tbptt.cli import planning
from sysid_tbptt.runs import plan as module
from sysid_tbptt.runs import worker
from sysid_tbptt.runs.estimate import Estimate
from sysid_tbptt.runs.harness import train
from sysid_tbptt.runs.plan import make_plan
from tests.conftest import config_of


def test_a_cluster_has_one_queue_and_this_machine_one_a_kind_of_worker():
    deep = {"num_layers": 2}  # on the reference engine, in processes
    configs = [config_of(dataset="sim_linear", split="paper", seed=s, **kind) for kind in ({}, deep) for s in (0, 1)]
    plan = make_plan(configs, engine="auto", store=None)
    seconds = {run.run_id: float(k) for k, run in enumerate(plan.runs)}
    assert sorted(map(sorted, plan.queues(seconds, on_cluster=False))) == [[0.0, 1.0], [2.0, 3.0]]
    (queue,) = plan.queues(seconds, on_cluster=True)
    assert sorted(queue) == [0.0, 1.0, 2.0, 3.0]


@pytest.fixture
def records(monkeypatch, make_data):
    """Training records of 60, 7, 31 and 6 samples, in place of any data set."""
    data = make_data((60, 7, 31, 6))
    for place in (module, worker):
        monkeypatch.setattr(place, "data_of", lambda _: data)


SAID = (
    "warning: first_order: seq_len=12 is longer than the training records 'train-1' (7 samples), 'train-3' (6 "
    "samples); training does not use them"
)


def test_training_says_once_which_records_are_too_short(records, tmp_path):
    text = io.StringIO()
    configs = [config_of(burn_in=m, model=model) for m in (0, 3) for model in ("gru", "mean")]
    configs += [config_of(seq_len=31, batch_size=1), config_of(seq_len=60, batch_size=1)]
    found = train(configs, engine="cpu", results=tmp_path, workers=1, console=Console(file=text, width=500))
    assert [record.status for record in found] == ["ok"] * 6
    assert text.getvalue().count(SAID) == text.getvalue().count("seq_len=12 is longer") == 1
    assert "seq_len=60 is longer than the training records 'train-1' (7 samples), 'train-2'" in text.getvalue()
    windows = {record.config.seq_len: (record.records, record.windows, record.regime) for record in found[::2]}
    assert windows == {12: (2, 49 + 20, "stateless"), 31: (2, 30 + 1, "stateless")}
    assert (found[-1].records, found[-1].windows, found[-1].regime) == (1, 1, "bptt")
    again = train(configs, engine="cpu", results=tmp_path, workers=1, console=Console(file=text, width=500))
    assert again == found and text.getvalue().count(SAID) == 1


def test_a_dry_run_says_it_too(records, capsys):
    plan = make_plan([config_of(), config_of(seq_len=5)], engine="reference", store=None)
    estimates = {run.run_id: Estimate(60.0, 60.0, recorded=False) for run in plan.todo}
    planning.show(plan, estimates, 1, None, on_cluster=True)
    said = capsys.readouterr().out
    assert said.count("warning: ") == said.count(SAID) == 1
