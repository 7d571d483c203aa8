import json
import re
from pathlib import Path

import numpy as np
import pytest

from sysid_tbptt.config import ALGORITHM_VERSION
from sysid_tbptt.data.horizon import ahead
from sysid_tbptt.data.series import Dataset
from sysid_tbptt.errors import StoreError
from sysid_tbptt.registry import load_dataset
from sysid_tbptt.runs.harness import train
from sysid_tbptt.runs.predictions import write_predictions
from sysid_tbptt.runs.provenance import provenance
from sysid_tbptt.runs.record import RunRecord
from sysid_tbptt.runs.scored import scores
from sysid_tbptt.runs.store import Store, records_file
from sysid_tbptt.runs.submission import check, record_files, results_folder
from tests.conftest import config_of

DATASET = "sim_linear"


@pytest.fixture(scope="module")
def data() -> Dataset:
    return load_dataset(DATASET)


def noisy(series, seed=0):
    return series.y + np.random.default_rng(seed).normal(size=series.y.shape) * series.y.std()


def record_of(data, **changes):
    """A record with honest scores of made-up outputs."""
    config = config_of(dataset=DATASET, split=data.split, **changes)
    parts = {
        part: scores(list(map(noisy, getattr(data, part))), getattr(data, part), data.scaler)
        for part in ("train", "val")
    }
    tests = {series.name: scores([noisy(series)], [series], data.scaler) for series in data.test}
    told = provenance("lstm", data, "sysid-tbptt run") | {"git": {"commit": "0" * 40, "dirty": False}}
    return RunRecord(
        run_id=config.run_id(data.revision),
        status="ok",
        config=config,
        engine="reference",
        steps_done=config.steps,
        metrics=parts | {"test": tests},
        provenance=told,
    )


@pytest.fixture
def written(data, tmp_path):
    """The file of a record, some of its fields changed as they are in JSON, by path of keys."""

    def written(**changes):
        fields = json.loads(record_of(data).to_line())
        for path, value in changes.items():
            *above, last = path.split("__")
            place = fields
            for key in above:
                place = place[key]
            place[last] = value(place[last]) if callable(value) else value
        path = tmp_path / "results" / records_file(record_of(data).config)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(fields) + "\n")
        return path

    return written


def said(path, **options):
    return [str(finding) for finding in check([path], **options).findings]


def test_an_honest_record_passes(written):
    checked = check([written()])
    assert (checked.findings, len(checked.records), checked.unseen) == ([], 1, set())


def test_what_the_harness_writes_passes_with_its_predictions(tmp_path):
    config = config_of(dataset=DATASET, split="simulated", seq_len=20, steps=2)
    (record,) = train([config], engine="reference", workers=1, results=tmp_path, keep_weights=True)
    checked = check(record_files([tmp_path]))
    assert (checked.errors, checked.recomputed, checked.records) == ([], 1, [record])


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"schema": 99}, "schema 99 where 1 is known"),
        ({"status": "fine"}, "key 'status'"),
        ({"run_id": "0" * 16}, "run_id 0000000000000000, expected [0-9a-f]{16} of its config and data; leave"),
        ({"config__learning_rate": 0.5}, "run_id [0-9a-f]{16}, expected"),
        ({"config__seed": 1}, r"belongs into records.test.sim_linear.lstm-N12-s1\.jsonl; move it there"),
        ({"status": "failed", "reason": "no memory"}, r"the run failed \(no memory\); run it again"),
        ({"provenance": {}}, "key 'provenance': key 'algorithm' is missing"),
        ({"provenance__data": "x"}, "key 'provenance': data and versions are objects; write it anew"),
        ({"provenance__algorithm": ALGORITHM_VERSION + 1}, r"of algorithm version \d+, expected \d+; run it"),
        ({"provenance__data__revision": "f" * 64}, "made from other data: revision ffffffffffff, here"),
        ({"provenance__data__n_init": 3}, "n_init=3, expected 0; run it again"),
        (
            {"metrics__test__test__rmse": [None]},
            "scores of test set 'test': key 'rmse.0': .*valid number.*run it again",
        ),
        ({"metrics__test__test__rmse": [-0.1]}, "key 'rmse.0': .*greater than or equal to 0"),
        ({"metrics__test__test__mae": [0.1, 0.1]}, "1 rmse, 2 mae and 1 units, expected one a channel"),
        (
            {"metrics__test__test__rmse": lambda rmse: [0.1 * value for value in rmse]},
            r"test set 'test': nrmse \[.*\] does not go with rmse \[.*\], expected \[",
        ),
        ({"metrics__val__fit": [99.0]}, r"scores of val: fit \[99.0\] does not go with rmse"),
        ({"metrics__val__r2": [None]}, r"scores of val: r2 \[nan\] does not go with rmse"),
        ({"metrics__test__test__unit": ["V"]}, r"unit \['V'\], expected \["),
        ({"metrics__test__test__n_scored": 7}, r"test set 'test': n_scored=7, expected \d+"),
        ({"metrics__val__n_scored": lambda n: n - 1}, r"scores of val: n_scored=\d+, expected"),
        ({"metrics__train__mse_scaled": None}, "scores of train: key 'mse_scaled'"),
        ({"metrics__test": lambda test: {"high": test["test"]}}, "test sets high, expected test"),
        ({"config__epochs": 3, "steps_done": 1}, r"1 steps, expected \d+ of its config; run it again"),
        ({"provenance__git__dirty": True}, r"warning: .*changed code \(commit 000000000000, dirty\); commit, and run"),
        ({"provenance__git": None}, "warning: .*no git commit is told"),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, dict) else "",
)
def test_what_is_wrong_is_told_by_file_and_line(written, changes, expected):
    path = written(**changes)
    found = check([path])
    text = "\n".join(map(str, found.findings))
    assert f"{path}, line 1: " in text
    assert re.search(expected, text), text
    assert bool(found.errors) is not expected.startswith("warning")


@pytest.fixture(scope="module")
def of_lm():
    """The record of a short run of lm."""
    config = config_of(dataset=DATASET, split="simulated", optimiser="lm", seq_len=20, warm_steps=5, steps=3)
    return train([config], engine="cpu", workers=1)[0]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ""),
        ({"ended": "converged", "steps_done": 2}, ""),
        ({"ended": "stuck", "steps_done": 0}, ""),
        ({"ended": "converged", "steps_done": 4}, "4 steps, expected 3 of its config"),
        ({"ended": "budget", "steps_done": 2}, "2 steps, expected 3 of its config"),
        ({"ended": "patience", "steps_done": 2}, "ended 'patience', and its config has no patience"),
        ({"ended": None}, "key 'ended' is missing"),
        (
            {"status": "diverged", "reason": "loss"},
            "ended 'budget', which only a run of optimiser 'lm' that ended well",
        ),
    ],
    ids=str,
)
def test_the_end_of_an_lm_run_goes_with_its_steps(of_lm, tmp_path, changes, expected):
    Store(tmp_path).save(of_lm.model_copy(update={"ended": "budget", "steps_done": 3} | changes))
    found = [str(finding) for finding in check(record_files([tmp_path])).errors]
    assert len(found) == bool(expected)
    assert expected in "".join(found)


def test_a_reason_to_end_of_another_optimiser_is_a_fault(written):
    assert "ended 'stuck', which only a run of optimiser 'lm'" in "".join(said(written(ended="stuck")))


def forecast_of(results, **windows):
    """The file of a run of forecasts, as the harness writes it."""
    fields = {"dataset": DATASET, "split": load_dataset(DATASET).split, "model": "gru", "hidden_size": 4}
    train([config_of(**fields, horizon=3, steps=2, **windows)], results=results, workers=1)
    return next(results.rglob("*.jsonl"))


@pytest.fixture
def forecast(tmp_path):
    return forecast_of(tmp_path / "results", seq_len=12, batch_size=8)


def test_forecasts_pass(forecast):
    assert check([forecast]).errors == []


def test_forecasts_after_full_bptt_pass(tmp_path):
    """They are made from m + 1 inputs, not from the whole record."""
    whole = len(ahead(load_dataset(DATASET), 3).train[0])
    assert check([forecast_of(tmp_path / "results", seq_len=whole, burn_in=5, batch_size=1)]).errors == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('"n_scored":86', '"n_scored":87', "n_scored=87, expected 86"),
        ('"unit":["-"]', '"unit":["V"]', r"unit \['V'\], expected \['-'\]"),
        ('"horizon":3', '"horizon":300', "hold no forecast of 300 samples"),
    ],
)
def test_what_is_wrong_with_forecasts_is_told(forecast, old, new, expected):
    text = forecast.read_text()
    assert old in text
    forecast.write_text(text.replace(old, new))
    assert re.search(expected, "; ".join(said(forecast)))


def test_a_run_that_is_there_twice_is_told(written):
    path = written()
    path.write_text(path.read_text() * 2)
    (text,) = said(path)
    assert f"{path}, line 2: the run is there already: {path}, line 1; keep one" in text


def test_data_that_are_not_at_hand_are_named_and_not_asked_for(data, tmp_path):
    record = record_of(data)
    config = record.config.model_copy(update={"dataset": "log.toml"})
    record = record.model_copy(update={"config": config, "run_id": config.run_id(data.revision)})
    Store(tmp_path).save(record)
    checked = check(record_files([tmp_path]))
    assert (checked.findings, checked.unseen) == ([], {"log.toml (simulated)"})


# predictions


@pytest.fixture
def with_predictions(written, data, tmp_path):
    """A record's file, and its predictions: the outputs that were scored, changed."""

    def with_predictions(change=lambda y_hat: y_hat, records=None, **changes):
        path = written(**changes)
        y_hat = {series.name: change(noisy(series)) for series in data.test}
        kept = tmp_path / "results" / "predictions" / f"{record_of(data).run_id}.npz"
        write_predictions(kept, records or data.test, y_hat)
        return path

    return with_predictions


def test_scores_are_recomputed(with_predictions):
    checked = check([with_predictions()])
    assert (checked.findings, checked.recomputed) == ([], 1)


def better(scores):
    """The scores of an RMSE that is a little less than it was: they go together, but not with the outputs."""
    nrmse = 0.999 * scores["nrmse"][0]
    told = {"rmse": 0.999 * scores["rmse"][0], "nrmse": nrmse, "fit": 100 * (1 - nrmse), "r2": 1 - nrmse**2}
    return scores | {name: [value] for name, value in told.items()}


@pytest.mark.parametrize(
    ("name", "change"), [("rmse", better), ("mae", lambda scores: scores | {"mae": [0.999 * scores["mae"][0]]})]
)
def test_scores_that_do_not_follow_from_the_predictions_are_told(with_predictions, name, change):
    path = with_predictions(metrics__test__test=change)
    (text,) = said(path)
    assert f"test set 'test': {name} [" in text
    assert "of the predictions (allowed: 0.0001 of it" in text


def test_predictions_of_another_measurement_are_told(with_predictions, data):
    from dataclasses import replace

    others = [replace(series, y=noisy(series, seed=1)) for series in data.test]
    (text,) = said(with_predictions(records=others))
    assert "the measured outputs are not those of the data set" in text


def test_predictions_in_another_folder(with_predictions, tmp_path):
    path = with_predictions(change=lambda y_hat: y_hat + 1)
    assert said(path)
    (tmp_path / "empty").mkdir()
    assert said(path, predictions=tmp_path / "empty") == []


def test_a_file_of_no_predictions_is_told(with_predictions, data, tmp_path):
    path = with_predictions()
    kept = tmp_path / "results" / "predictions" / f"{record_of(data).run_id}.npz"
    np.savez(kept, **{"test/y_hat": np.array([{}])})
    assert "no file of predictions" in said(path)[0]


# files


def test_files_are_found_below_a_folder_once(written, tmp_path):
    path = written()
    assert record_files([tmp_path, path]) == [path]


def test_nothing_to_submit_is_told(tmp_path):
    with pytest.raises(StoreError, match="no such file or folder"):
        record_files([tmp_path / "none"])
    with pytest.raises(StoreError, match="no records"):
        record_files([tmp_path])


@pytest.mark.parametrize("path", ["/run.jsonl", "/folder/run.jsonl"])
def test_a_file_that_lies_too_high_has_the_root_for_its_results_folder(path):
    assert results_folder(Path(path)) == Path("/")
