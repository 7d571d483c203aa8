"""`sysid-tbptt stability`, from weights to the file of the estimate."""

import json

import pytest
import torch
from safetensors.torch import save_file

from sysid_tbptt import build_model, load_dataset
from sysid_tbptt.cli import main
from sysid_tbptt.report.selection import RULES
from sysid_tbptt.runs.harness import train
from sysid_tbptt.runs.stability import read_stability
from sysid_tbptt.runs.store import Store
from sysid_tbptt.training.bound import best_burn_in
from sysid_tbptt.training.stability import estimate
from sysid_tbptt.training.weights import put_weights, read_weights
from tests.conftest import config_of

SIMULATED = {"dataset": "sim_linear", "split": "simulated", "hidden_size": 2, "batch_size": 8, "steps": 3}


@pytest.fixture
def results(tmp_path):
    """A burn-in study of N = 12 with weights, and one of N = 20 and another budget."""
    folder = tmp_path / "results"
    runs = [config_of(**SIMULATED, burn_in=m) for m in (0, 4)]
    runs += [config_of(**(SIMULATED | {"steps": 2}), seq_len=20, burn_in=m) for m in (0, 7)]
    train(runs, engine="reference", workers=1, results=folder, keep_weights=True)
    return folder


@pytest.fixture
def weights(results):
    return next(Store(results).weights(r.run_id) for r in Store(results).records() if r.config.burn_in == 4)


@pytest.fixture
def told(capsys):
    """What the command prints."""

    def told(*arguments):
        capsys.readouterr()
        assert main(["stability", *map(str, arguments)]) == 0
        return capsys.readouterr().out

    return told


@pytest.fixture
def fails(capsys):
    def fails(*arguments):
        capsys.readouterr()
        assert main(["stability", *map(str, arguments)]) == 2
        said = capsys.readouterr()
        assert (said.out, said.err.count("\n")) == ("", 1)
        return said.err

    return fails


def linear(tmp_path, w_hh):
    module = build_model("linear_rnn", n_u=1, n_y=1, hidden_size=1)
    with torch.no_grad():
        module.w_hh.fill_(w_hh)
        module.w_xh.fill_(1.0)
        module.w_hy.fill_(2.0)
    path = tmp_path / "w.safetensors"
    save_file(module.state_dict(), path)
    named = ("--dataset", "sim_linear", "--model", "linear_rnn", "--hidden-size", "1", "--num-layers", "1")
    return (path, *named, "--results", tmp_path / "none")


def test_weights_of_a_run_are_enough(told, results, weights):
    said = json.loads(told(weights, "--results", results, "--json", "--pairs", "40", "--seed", "3"))
    module = build_model("lstm", n_u=1, n_y=1, hidden_size=2)
    put_weights(module, read_weights(weights), "w")
    found = estimate(module, load_dataset("sim_linear", "simulated"), pairs=40, seed=3)
    assert (said["lambda"], said["interval"], said["constant"]) == (
        found.factor,
        list(found.interval),
        found.constant,
    )
    assert (said["dataset"], said["model"], said["hidden_size"], said["seed"]) == ("sim_linear", "lstm", 2, 3)


def test_weights_of_forecasts_are_enough_too(told, tmp_path):
    config = config_of(**SIMULATED, horizon=3)
    (run,) = train([config], engine="reference", workers=1, results=tmp_path, keep_weights=True)
    said = json.loads(told(Store(tmp_path).weights(run.run_id), "--results", tmp_path, "--json"))
    assert "forecasts of the next 3 samples" in said["protocol"]
    assert [kept.run_id for kept in read_stability(tmp_path, config.suite)] == [run.run_id]


def test_each_window_has_the_m_of_the_bound_beside_those_of_its_study(told, results, weights):
    said = json.loads(told(weights, "--results", results, "--json"))
    ((row,),) = (said["burn_in"],)
    assert row["seq_len"] == 12
    assert row["bound"] == pytest.approx(best_burn_in(12, said["lambda"]))
    errors = {
        r.config.burn_in: (r.metrics["train"]["mse_scaled"], r.metrics["val"]["mse_scaled"])
        for r in Store(results).records()
        if r.config.seq_len == 12
    }
    for rule in RULES:
        w = rule.val_weight
        assert row["measured"][rule.name] == min(errors, key=lambda m: (1 - w) * errors[m][0] + w * errors[m][1])
    other, none = json.loads(told(weights, "--results", results, "--json", "--seq-len", "20", "7"))["burn_in"]
    assert (other["measured"], none["measured"]) == ({}, {})  # of another budget, and not run


def test_without_a_run_all_studies_of_the_model_are_told(told, results, weights, tmp_path):
    copy = tmp_path / "mine.safetensors"
    copy.write_bytes(weights.read_bytes())
    named = ("--dataset", "sim_linear", "--results", results, "--json", "--seq-len", "12", "20")
    rows = json.loads(told(copy, *named))["burn_in"]
    assert [(row["seq_len"], bool(row["measured"])) for row in rows] == [(12, True), (20, True)]
    assert "3 steps" in rows[0]["study"]
    assert "2 steps" in rows[1]["study"]
    assert not (results / "stability").exists()


def test_the_estimate_of_a_run_is_written_beside_its_record(told, results, weights):
    said = told(weights, "--results", results, "--pairs", "20")
    (kept,) = read_stability(results, "test")
    assert f"kept: {results / 'stability/test' / weights.stem}.json" in said
    assert kept.config == Store(results).get(weights.stem).config
    assert {"git", "versions", "command", "weights_sha256"} <= kept.provenance.keys()
    assert f"{kept.factor:.5f}" in said


def twin(**sizes):
    return build_model("lstm", **sizes)


@pytest.mark.parametrize("change", ["identity", "model"])
def test_an_estimate_of_something_else_than_the_run_is_not_written(told, results, weights, change, monkeypatch):
    other = {"model": ["--model", "tests.test_cli_stability:twin"]}
    if change == "identity":
        monkeypatch.setattr("sysid_tbptt.config.ALGORITHM_VERSION", 99)
    assert "kept:" not in told(weights, "--results", results, "--pairs", "4", *other.get(change, []))
    assert not (results / "stability").exists()


def test_a_linear_network_has_its_weight_as_lambda(told, tmp_path):
    said = told(*linear(tmp_path, 0.5), "--check", "2.0", "0.5", "--seq-len", "10")
    assert "lambda  0.50000" in said
    assert "memory  1.4 steps" in said
    assert "C = 2, lambda = 0.5: 0.00%" in said
    assert f"{best_burn_in(10, 0.5):.1f}" in said
    assert "C = 1.9, lambda = 0.5: 100.00%" in told(*linear(tmp_path, 0.5), "--check", "1.9", "0.5")


def test_a_network_that_does_not_forget_is_told(told, tmp_path):
    assert "the network does not forget" in told(*linear(tmp_path, 1.0), "--seq-len", "10")
    said = json.loads(told(*linear(tmp_path, 1.0), "--seq-len", "10", "--json"))
    assert (said["forgets"], said["memory"], said["burn_in"][0]["bound"]) == (False, None, None)


@pytest.mark.parametrize(
    ("bound", "said"),
    [
        (("0", "0.5"), "choose a finite C > 0"),
        (("inf", "0.5"), "choose a finite C > 0"),
        (("nan", "0.5"), "choose a finite C > 0"),
        (("2", "0"), "lambda = 0.0 is no forgetting factor; choose 0 < lambda < 1"),
        (("2", "1"), "choose 0 < lambda < 1"),
        (("2", "1.5"), "choose 0 < lambda < 1"),
        (("2", "nan"), "choose 0 < lambda < 1"),
    ],
    ids=" ".join,
)
def test_a_bound_to_check_is_one_of_what_forgets(fails, tmp_path, bound, said):
    assert said in fails(tmp_path / "never read", "--check", *bound)


@pytest.mark.parametrize("content", [None, b"x"], ids=["missing", "no weights"])
def test_what_is_wrong_with_the_weights_is_told_before_a_record_is_missed(fails, tmp_path, results, content):
    path = tmp_path / "lost.safetensors"
    if content:
        path.write_bytes(content)
    told = fails(path, "--results", results)
    assert f"{path}: {'not a safetensors file' if content else 'no such file'}" in told
    assert "record" not in told


def test_an_estimate_that_is_there_already_is_not_written_again(told, results, weights):
    path = results / "stability/test" / f"{weights.stem}.json"
    told(weights, "--results", results, "--pairs", "4")
    before = path.read_bytes(), path.stat().st_ino
    assert f"kept: {path}" in told(weights, "--results", results, "--pairs", "4", "--seq-len", "12")
    assert (path.read_bytes(), path.stat().st_ino) == before
    told(weights, "--results", results, "--pairs", "5")
    assert path.read_bytes() != before[0]


def test_what_cannot_be_answered_is_told(fails, tmp_path, weights, results):
    assert "has no record of a run of this name" in fails(weights, "--results", tmp_path / "none")
    assert "choose pairs >= 2" in fails(*linear(tmp_path, 0.5), "--pairs", "1")
    assert "forgets too fast" in fails(*linear(tmp_path, 1e-4))
    fir = tmp_path / "fir.safetensors"
    save_file(build_model("fir", n_u=1, n_y=1, hidden_size=3).state_dict(), fir)
    named = ("--dataset", "sim_linear", "--model", "fir", "--hidden-size", "3", "--num-layers", "1")
    assert "has no forward_from" in fails(fir, *named, "--results", results)
