"""Weights are used only on the data they were trained on, as far as that is known."""

import json
import shutil
from pathlib import Path

import pytest
from safetensors.numpy import load_file, save_file

from sysid_tbptt.cli import main
from sysid_tbptt.errors import ModelError
from sysid_tbptt.registry import load_dataset
from sysid_tbptt.runs.harness import train
from sysid_tbptt.runs.origin import KEY, read_origin
from sysid_tbptt.runs.store import Store
from tests.conftest import config_of

SIMULATED = {"dataset": "sim_linear", "split": "paper", "hidden_size": 2, "steps": 2}
HORIZON = ("--horizon", "1", "--seq-len", "12")


@pytest.fixture
def trained(own_log, tmp_path):
    """Runs with weights and gives the weights file; by default of the log."""

    def trained(**config):
        given = {"dataset": str(own_log), "split": "file", "hidden_size": 2, "steps": 2} | config
        results = tmp_path / "results"
        (record,) = train([config_of(**given)], engine="reference", workers=1, results=results, keep_weights=True)
        return Store(results).weights(record.run_id)

    return trained


@pytest.fixture
def asked(capsys):
    """Scores weights; gives the exit code, the scores if there are any, and what stderr says."""

    def asked(weights, dataset, *options, command="score"):
        capsys.readouterr()
        code = main([command, str(weights), "--dataset", str(dataset), "--json", *map(str, options)])
        said = capsys.readouterr()
        return code, json.loads(said.out) if said.out else None, said.err

    return asked


@pytest.fixture
def other_log(own_log):
    """The same experiment in another unit."""
    rows = [line.split(",") for line in (own_log.parent / "log.csv").read_text().splitlines()]
    lines = [",".join(rows[0]), *(f"{u},{1000 * float(y) + 3}" for u, y in rows[1:])]
    (own_log.parent / "other.csv").write_text("\n".join(lines))
    other = own_log.with_name("other.toml")
    other.write_text(own_log.read_text().replace("log.csv", "other.csv"))
    return other


def without_metadata(weights, path=None):
    """The file as earlier versions wrote it."""
    save_file(load_file(weights), path or weights)
    return path or weights


def kept(weights, _):
    return weights


def copied(weights, folder):
    return Path(shutil.copy(weights, folder / "model.safetensors"))


def linked(weights, folder):
    (folder / "model.safetensors").symlink_to(without_metadata(weights))
    return folder / "model.safetensors"


def old(weights, _):
    return without_metadata(weights)


def old_and_copied(weights, folder):
    weights.with_name("a.safetensors").symlink_to("nowhere")
    return copied(without_metadata(weights), folder)


def old_and_moved(weights, folder):
    return Path(without_metadata(weights).rename(folder / weights.name))


@pytest.mark.parametrize("placed", [kept, copied, linked, old, old_and_copied, old_and_moved])
@pytest.mark.parametrize("command", ["score", "stability"])
def test_another_recording_is_refused_wherever_the_weights_lie(
    placed, command, trained, asked, own_log, other_log, tmp_path
):
    weights = placed(trained(), tmp_path)
    results = ("--results", tmp_path / "results")
    code, scores, said = asked(weights, other_log, *results, command=command)
    assert (code, scores, said.count("\n")) == (2, None, 1)
    assert f"{weights}: the weights were trained on '{own_log}' (file split), not on '{other_log}'" in said
    assert f"give --dataset {own_log} --split file, or train a model on '{other_log}'" in said
    code, scores, said = asked(weights, own_log, *results, command=command)
    assert (code, said) == (0, "")
    assert scores["dataset"] == "tank"


def test_the_scores_on_the_right_data_are_those_of_the_record(trained, asked, own_log, tmp_path):
    weights = copied(trained(), tmp_path)
    (record,) = Store(tmp_path / "results").records()
    copy = shutil.copy(own_log, own_log.with_name("renamed.toml"))  # the name is not what counts
    assert asked(weights, copy)[1]["metrics"] == record.metrics


@pytest.mark.parametrize("row", [3, 399], ids=["training", "test"])
def test_a_log_that_was_changed_after_the_training_is_refused(row, trained, asked, own_log):
    weights = trained()
    log = own_log.parent / "log.csv"
    lines = log.read_text().splitlines()
    lines[row] = "0.5,7.0"
    log.write_text("\n".join(lines))
    code, _, said = asked(weights, own_log)
    assert code == 2
    assert "changed after the training; restore it, or train again on it" in said


def test_another_split_of_the_same_samples_is_refused(trained, asked):
    """These two splits have one data revision and two scalers."""
    simulated, paper = load_dataset("sim_linear", "simulated"), load_dataset("sim_linear", "paper")
    assert simulated.revision == paper.revision
    assert (simulated.scaler.y_std != paper.scaler.y_std).all()
    weights = trained(**SIMULATED)
    code, _, said = asked(weights, "sim_linear", "--split", "simulated")
    assert code == 2
    assert "give --dataset sim_linear --split paper" in said
    assert asked(weights, "sim_linear", "--split", "paper")[0] == 0


def test_forecasts_are_not_simulations(trained, asked, own_log):
    """With a horizon of one sample the readouts have the same shape."""
    code, _, said = asked(trained(horizon=1), own_log)
    assert code == 2
    assert f"--dataset {own_log} --split file --horizon 1" in said
    code, _, said = asked(trained(), own_log, *HORIZON)
    assert code == 2
    assert asked(trained(horizon=1), own_log, *HORIZON)[0] == 0


def test_weights_of_unknown_origin_are_scored_with_a_note(trained, asked, other_log, tmp_path):
    weights = without_metadata(trained(), tmp_path / "elsewhere.safetensors")
    shutil.rmtree(tmp_path / "results")
    code, scores, said = asked(weights, other_log)
    assert code == 0
    assert scores["metrics"]["test"]["test"]["rmse"][0] > 100
    assert said.count("\n") == 1
    assert f"note: {weights} does not say what it was trained on" in said
    assert "'other' (file split)" in said


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"run_id": "a/b"}', '{"revision": 7}', "7" * 5000])
def test_metadata_that_cannot_be_read_is_an_error(text, trained, asked, own_log):
    weights = trained()
    save_file(load_file(weights), weights, metadata={KEY: text})
    with pytest.raises(ModelError, match=r"metadata 'sysid-tbptt': .*restore the file, or train its run again"):
        read_origin(weights)
    code, _, said = asked(weights, own_log)
    assert (code, said.count("\n")) == (2, 1)


def test_metadata_of_other_programs_says_nothing(trained):
    weights = trained()
    save_file(load_file(weights), weights, metadata={"format": "pt"})
    assert read_origin(weights) is None


def test_weights_of_one_run_have_the_same_bytes_each_time(trained, tmp_path):
    first = trained().read_bytes()
    shutil.rmtree(tmp_path / "results")
    assert trained().read_bytes() == first
