import io
import json
import math
import os
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from safetensors.numpy import load_file, save_file

import sysid_tbptt
from sysid_tbptt.errors import ConfigError, DataError, EngineError, ModelError, StoreError
from sysid_tbptt.runs import reproduction
from sysid_tbptt.runs.harness import train
from sysid_tbptt.runs.store import Store
from tests.conftest import config_of

MODEL = """
import torch

def build(*, n_u, n_y, **_):
    return torch.nn.Linear(n_u, n_y)
"""


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch):
    """Processes take seconds to begin, and do not have what a test has patched."""
    monkeypatch.setattr(reproduction, "cores", lambda: 1)


@pytest.fixture
def results(tmp_path):
    return tmp_path / "results"


@pytest.fixture
def recorded(own_log, results):
    """The stored record of a run on the log."""

    def recorded(engine="reference", keep_weights=False, **changes):
        fields = {"dataset": str(own_log), "split": "file", **changes}
        options = {"workers": 1, "keep_weights": keep_weights, "console": silent()}
        return train([config_of(**fields)], engine=engine, results=results, **options)[0]

    return recorded


def silent():
    return Console(file=io.StringIO())


def again(record, results, **options):
    return reproduction.reproduce(record.run_id, results, console=silent(), **options)


def rewrite(record, results, **changes):
    """Puts another record in the place of this one."""
    other = record.model_copy(update=changes)
    Store(results).save(other)
    return other


def files(folder):
    return {path: path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("engine", "changes"),
    [
        ("reference", {}),
        ("cpu", {"validate_every": 10, "patience": 2}),
        ("cpu", {"init_mode": "carry", "seq_len": 16}),
        ("reference", {"horizon": 3}),
        ("cpu", {"optimiser": "lm", "steps": 4, "warm_steps": 5}),
        ("auto", {"model": "arx", "hidden_size": 2}),
        ("auto", {"learning_rate": 1e30}),
    ],
    ids=["reference", "validated", "stateful", "forecast", "lm", "closed form", "diverged"],
)
def test_a_run_gives_the_same_bits_again_and_leaves_the_folder_as_it_was(recorded, results, engine, changes):
    record = recorded(engine, keep_weights=True, **changes)
    before = files(results)
    found = again(record, results)
    assert found.verdict == "bit-identical"
    assert (found.recorded, found.again.engine) == (record, record.engine)
    assert found.with_weights == (record.status == "ok")
    assert found.agreement.compared > 10
    assert files(results) == before


def test_a_run_to_an_optimum_gives_the_same_again(results):
    pytest.importorskip("casadi")
    fields = {"dataset": "sim_linear", "split": "paper", "model": "linear_rnn", "optimiser": "ipopt", "hidden_size": 1}
    config = config_of(**fields, seq_len=6, burn_in=2, batch_size=95, steps=200)
    (record,) = train([config], results=results, console=silent())
    found = again(record, results)
    assert (found.verdict, record.engine) == ("bit-identical", "ipopt")
    assert found.agreement.compared > record.windows * 6


def test_a_plugin_model_is_found_again(recorded, results, tmp_path, monkeypatch):
    (tmp_path / "apart.py").write_text(MODEL)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), str(Path.cwd())]))
    assert again(recorded(model="apart:build"), results, model="apart:build").verdict == "bit-identical"


def test_code_that_a_record_names_is_not_imported_unasked(recorded, results, tmp_path, monkeypatch):
    (tmp_path / "evil.py").write_text("raise SystemExit('code of a record was run')\n")
    monkeypatch.chdir(tmp_path)
    config = recorded().config.model_copy(update={"model": "evil:build"})
    run_id = config.run_id(sysid_tbptt.load_dataset(config.dataset).revision)
    record = rewrite(recorded(), results, config=config, run_id=run_id)
    with pytest.raises(ConfigError, match=r"names the model 'evil:build'.*where you trust it, name it by --model"):
        again(record, results)
    with pytest.raises(ConfigError, match="is of the model 'evil:build', not 'lstm'; repeat its name"):
        again(record, results, model="lstm")


def test_the_name_of_any_model_may_be_repeated_and_another_is_an_error(recorded, results):
    record = recorded()
    assert again(record, results, model="lstm").reproduced
    with pytest.raises(ConfigError, match="is of the model 'lstm', not 'gru'"):
        again(record, results, model="gru")


def test_another_engine_agrees_up_to_rounding(recorded, results):
    found = again(recorded("reference"), results, engine="cpu")
    assert found.verdict == "within tolerance"
    assert 0 < found.agreement.largest < 1e-3
    assert ("engine", "reference", "cpu") in [(one.name, one.recorded, one.here) for one in found.environment]
    assert again(recorded("reference"), results, engine="cpu", rtol=0.0).verdict == "different"


def test_other_numbers_are_different(recorded, results):
    record = recorded()
    metrics = record.metrics | {"val": record.metrics["val"] | {"mse_scaled": 2 * record.metrics["val"]["mse_scaled"]}}
    rewrite(record, results, metrics=metrics)
    found = again(record, results)
    assert (found.verdict, found.reproduced) == ("different", False)
    assert [(one.name, one.relative) for one in found.agreement.differences] == [("metrics.val.mse_scaled", 0.5)]


def test_other_weights_are_different(recorded, results):
    record = recorded(keep_weights=True)
    path = Store(results).weights(record.run_id)
    weights = load_file(path)
    weights["readout.bias"] += np.float32(1)
    save_file(weights, path)
    found = again(record, results)
    assert [one.name.partition("[")[0] for one in found.agreement.differences] == ["weights.readout.bias"]
    assert found.verdict == "different"


def test_weights_that_cannot_be_read_are_told_before_anything_is_trained(recorded, results, monkeypatch):
    record = recorded(keep_weights=True)
    Store(results).weights(record.run_id).write_bytes(b"x")
    monkeypatch.setattr(reproduction, "_perform", pytest.fail)
    with pytest.raises(ModelError, match="not a safetensors file"):
        again(record, results)


def test_the_same_failure_is_the_same_again(recorded, results, monkeypatch):
    def broken(job, data, engine, control):
        raise ValueError(said)

    said = "the model is ill"
    with monkeypatch.context() as patch:
        patch.setattr("sysid_tbptt.runs.worker.run", broken)
        record = recorded()
        assert record.status == "failed"
        assert again(record, results).verdict == "bit-identical"
        said = "the model is very ill"
        assert [one.name for one in again(record, results).agreement.differences] == ["reason"]
    healed = again(record, results)
    assert healed.verdict == "different"
    assert ("status", "failed", "ok") in [(d.name, d.recorded, d.again) for d in healed.agreement.differences]


def test_a_run_that_ends_its_process_ends_no_other(recorded, results, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path.cwd()))
    monkeypatch.setenv("TEST_DRIVER", str(os.getpid()))
    record = recorded(model="tests.runs.models:suicidal")
    rewrite(record, results, status="failed", reason="not this")
    monkeypatch.setattr(reproduction, "cores", lambda: 2)
    found = again(record, results, model=record.config.model)
    assert "its process died" in found.again.reason


def test_where_the_environment_differs_is_told(recorded, results):
    record = recorded()
    source = record.provenance
    changed = {
        "versions": source["versions"] | {"torch": "1.0", "numba": None, "casadi": "3"},
        "git": {"commit": "c0ffee", "dirty": False},
        "device": "an abacus",
        "threads": 3,
        "command": "sysid-tbptt run x.toml",
        "time": "yesterday",
    }
    rewrite(record, results, provenance=source | changed)
    found = {one.name: (one.recorded, one.here) for one in again(record, results).environment}
    assert found["versions.torch"] == ("1.0", source["versions"]["torch"])
    assert found["versions.numba"] == (None, source["versions"]["numba"])
    assert found["versions.casadi"] == ("3", None)
    assert found["device"] == ("an abacus", source["device"])
    assert found["threads"] == (3, 1)
    assert found["command"][0] == "sysid-tbptt run x.toml"
    assert found["git.commit"][0] == "c0ffee"
    assert not {"time", "system", "versions.python", "data.revision", "engine"} & found.keys()


def test_other_data_are_told_with_both_revisions(recorded, results, own_log):
    record = recorded()
    log = own_log.with_name("log.csv")
    lines = log.read_text().splitlines()
    log.write_text("\n".join([*lines[:-1], "0.5,0.5"]) + "\n")
    with pytest.raises(DataError) as told:
        again(record, results)
    here = sysid_tbptt.load_dataset(str(own_log)).revision
    assert record.provenance["data"]["revision"] in str(told.value)
    assert here in str(told.value)


@pytest.mark.parametrize("provenance", [{}, {"data": None, "versions": None}], ids=["none", "null"])
def test_a_failure_tells_no_revision_and_its_run_id_decides(recorded, results, own_log, provenance):
    record = rewrite(recorded(), results, status="failed", reason="x", provenance=provenance)
    own_log.write_text(own_log.read_text() + "n_init = 7\n")
    with pytest.raises(StoreError, match="made from other data"):
        again(record, results)


def test_a_record_of_another_algorithm_is_not_compared(recorded, results):
    record = recorded()
    rewrite(record, results, provenance=record.provenance | {"algorithm": 0})
    with pytest.raises(StoreError, match=r"algorithm version 0, this package has version 1 .*; run it again.* 0\.1"):
        again(record, results)


@pytest.mark.parametrize(("engine", "said"), [("predictions", "submit"), ("external", "compare")])
def test_what_was_not_trained_here_cannot_be_done_again(recorded, results, engine, said):
    record = rewrite(recorded(), results, engine=engine)
    with pytest.raises(EngineError, match=f"engine '{engine}' cannot be done again.*{said}"):
        again(record, results)


@pytest.mark.parametrize("rtol", [-1.0, math.nan, math.inf])
def test_a_tolerance_is_a_number_from_zero_on(results, rtol):
    with pytest.raises(ConfigError, match="rtol"):
        reproduction.reproduce("x", results, rtol=rtol)


def test_the_public_function_takes_a_beginning_of_the_run_id(recorded, results, capsys):
    record = recorded()
    found = sysid_tbptt.reproduce(record.run_id[:6], results)
    assert isinstance(found, sysid_tbptt.Reproduction)
    assert json.loads(found.recorded.to_line()) == json.loads(record.to_line())
