"""`sysid-tbptt reproduce`, from a record to a verdict."""

import json

import pytest

from sysid_tbptt.cli import main
from sysid_tbptt.runs.harness import train
from sysid_tbptt.runs.store import Store
from tests.conftest import config_of


@pytest.fixture
def results(tmp_path):
    return tmp_path / "results"


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch):
    monkeypatch.setattr("sysid_tbptt.runs.reproduction.cores", lambda: 1)


@pytest.fixture
def record(own_log, results):
    config = config_of(dataset=str(own_log), split="file")
    return train([config], engine="cpu", workers=1, results=results)[0]


@pytest.fixture
def reproduce(record, results, capsys):
    """The command's exit code, and what it prints."""

    def reproduce(*options):
        capsys.readouterr()
        code = main(["reproduce", record.run_id, "--results", str(results), *options])
        return code, capsys.readouterr().out

    return reproduce


def test_the_same_bits_end_with_0(reproduce, record):
    code, said = reproduce()
    assert code == 0
    assert f"run {record.run_id}: {record.config.dataset} lstm N=12 m=3 seed=0, suite test" in said
    assert "bit-identical: all " in said
    assert "no weights are kept to compare" in said


def test_other_numbers_end_with_1_and_are_named(reproduce, record, results):
    Store(results).save(record.model_copy(update={"steps_done": 29, "provenance": {}}))
    code, said = reproduce()
    assert code == 1
    assert "steps_done" in said
    assert "different: 1 of " in said
    assert ["device", "not", "told"] in [line.split()[:3] for line in said.splitlines()]


def test_json_has_the_verdict_the_environment_and_the_differences(reproduce, record):
    code, said = reproduce("--json", "--engine", "reference")
    told = json.loads(said)
    assert (code, told["verdict"], told["run_id"]) == (0, "within tolerance", record.run_id)
    assert (told["recorded"]["engine"], told["again"]["engine"]) == ("cpu", "reference")
    assert {"name": "engine", "recorded": "cpu", "here": "reference"} in told["environment"]
    assert told["largest"] == told["differences"][0]["relative"] <= told["rtol"]


def test_a_stricter_tolerance_is_an_option(reproduce):
    code, said = reproduce("--engine", "reference", "--rtol", "0")
    assert code == 1
    assert "another engine gives the same numbers up to rounding only" in said
    assert "; the tolerance is 0;" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["reproduce", "f00"], "no record of a run 'f00'"),
        (["reproduce", "f00", "--rtol", "-1"], "rtol=-1.0: expected a relative difference from 0 on"),
    ],
    ids=["unknown", "rtol"],
)
def test_bad_input_ends_with_2(arguments, said, results, capsys):
    assert main([*arguments, "--results", str(results)]) == 2
    assert said in capsys.readouterr().err


def test_another_model_than_the_recorded_one_is_refused(record, results, capsys):
    options = ["--results", str(results), "--model", "evil:build"]
    assert main(["reproduce", record.run_id, *options]) == 2
    assert "is of the model 'lstm', not 'evil:build'" in capsys.readouterr().err


def test_ctrl_c_ends_with_130_and_writes_nothing(reproduce, results, monkeypatch):
    def stopped(*_, **__):
        raise KeyboardInterrupt

    before = list(results.rglob("*"))
    monkeypatch.setattr("sysid_tbptt.runs.reproduction.execute", stopped)
    assert reproduce()[0] == 130
    assert list(results.rglob("*")) == before
