"""A module of the user's own through the commands: whatever `run` writes, the others read."""

import json

import pytest

from sysid_tbptt.cli import main
from sysid_tbptt.runs import reproduction
from sysid_tbptt.runs.estimate import Estimate, Estimator
from sysid_tbptt.runs.store import Store

KINDS = ("Normalized", "Complex", "Lazy", "Reservoir", "InDouble", "WeightNorm")


@pytest.fixture
def ran(tmp_path, own_log, capsys, monkeypatch):
    """The record and the weights of a run with `--keep-weights` of a module, seed 3."""
    monkeypatch.setattr(reproduction, "cores", lambda: 1)  # processes take seconds to begin
    monkeypatch.setattr(Estimator, "estimate", lambda *_: Estimate(1.0, 1.0, recorded=False))

    def ran(name):
        suite = tmp_path / "s.toml"
        suite.write_text(
            f'name = "s"\n[[groups]]\ndataset = "{own_log}"\nsplit = "file"\nmodel = "tests.training.modules:{name}"\n'
            "hidden_size = 4\nseq_len = 12\nburn_in = 3\nbatch_size = 8\nsteps = 5\nseed = 3\nvalidate_every = 2\n"
        )
        results = tmp_path / "results"
        code = main(["run", str(suite), "--results", str(results), "--keep-weights", "--threads", "1"])
        assert code == 0, capsys.readouterr()
        capsys.readouterr()
        (record,) = Store(results).records()
        return record, Store(results).weights(record.run_id)

    return ran


@pytest.mark.parametrize("name", KINDS)
def test_files_of_every_kind_of_module_are_scored_reproduced_and_sound(name, ran, tmp_path, own_log, capsys):
    record, weights = ran(name)
    content, results = weights.read_bytes(), str(tmp_path / "results")
    model = ["--model", f"tests.training.modules:{name}"]
    sizes = ["--hidden-size", "4", "--num-layers", "1"]
    assert main(["score", str(weights), "--dataset", str(own_log), *model, *sizes, "--json"]) == 0
    scored = json.loads(capsys.readouterr().out)["metrics"]
    assert scored["test"]["test"]["rmse"] == record.metrics["test"]["test"]["rmse"]
    assert main(["reproduce", record.run_id, *model, "--results", results]) == 0
    assert "bit-identical" in capsys.readouterr().out
    for options in ([], ["--fix"]):
        assert main(["verify", results, *options]) == 0
        assert " 0 faults, 0 warnings" in capsys.readouterr().out
    assert weights.read_bytes() == content


def test_stability_of_a_module_with_other_numbers_than_floats(ran, tmp_path, own_log, capsys):
    _, weights = ran("CarryingComplex")
    options = ["--results", str(tmp_path / "results"), "--dataset", str(own_log)]
    assert main(["stability", str(weights), *options, "--model", "tests.training.modules:CarryingComplex"]) == 0
    assert "lambda " in capsys.readouterr().out


@pytest.mark.parametrize("name", ["Extra", "UnusedLazy"])
def test_weights_of_a_module_that_takes_none_are_refused_without_a_traceback(name, ran, own_log, capsys):
    _, weights = ran("causal")
    model = ["--model", f"tests.training.modules:{name}", "--hidden-size", "4", "--num-layers", "1"]
    assert main(["score", str(weights), "--dataset", str(own_log), *model]) == 2
    assert "the model cannot take weights: '" in capsys.readouterr().err
