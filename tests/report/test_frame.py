import math

import pytest

from sysid_tbptt.report.frame import COLUMNS, SCORES, frame
from sysid_tbptt.runs.record import RunRecord, Time
from tests.conftest import config_of

METRICS = {
    "train": {"mse_scaled": 0.1},
    "val": {"mse_scaled": 0.2},
    "test": {
        "low": {"mse_scaled": 0.3, "rmse": [1.0, 2.0], "unit": ["V", "mm"]},
        "high": {"mse_scaled": 0.4, "rmse": [3.0, 4.0], "unit": ["V", "mm"]},
    },
}


def record(status="ok", **config):
    metrics = METRICS if status == "ok" else {}
    return RunRecord(run_id="a", status=status, config=config_of(**config), metrics=metrics, time=Time(train_s=1.5))


def test_one_row_a_run_and_test_set():
    rows = frame([record(seed=0), record(seed=1)])
    assert list(rows.columns) == [*COLUMNS, *SCORES]
    assert list(rows[["seed", "test_set", "train_mse", "val_mse", "test_mse"]].itertuples(index=False, name=None)) == [
        (seed, test_set, 0.1, 0.2, mse) for seed in (0, 1) for test_set, mse in (("low", 0.3), ("high", 0.4))
    ]
    assert rows["test_rmse"].tolist() == [(1.0, 2.0), (3.0, 4.0)] * 2
    assert rows["unit"].tolist() == [("V", "mm")] * 4
    assert rows["train_s"].tolist() == [1.5] * 4


def test_an_error_of_outputs_without_an_rmse_is_not_shown():
    """Such records were written where a deviation had overflowed, and every scaled output was 0."""
    overflown = {"mse_scaled": 0.0, "rmse": [1.0, None], "unit": ["V", "mm"]}
    rows = frame([record().model_copy(update={"metrics": METRICS | {"val": overflown, "test": {"low": overflown}}})])
    assert rows["train_mse"].tolist() == [0.1]
    assert rows[["val_mse", "test_mse"]].isna().all(axis=None)


def test_predictions_have_scores_of_the_test_sets_alone():
    scored = record().model_copy(update={"engine": "predictions", "metrics": {"test": METRICS["test"]}})
    rows = frame([scored])
    assert rows["test_mse"].tolist() == [0.3, 0.4]
    assert rows["regime"].tolist() == ["external"] * 2
    assert rows[["train_mse", "val_mse"]].isna().all(axis=None)


@pytest.mark.parametrize("status", ["diverged", "failed"])
def test_a_run_that_did_not_end_well_has_one_row_without_scores(status):
    (row,) = frame([record(), record(status=status)]).query("status != 'ok'").to_dict("records")
    assert row["status"] == status
    assert all(isinstance(row[name], float) and math.isnan(row[name]) for name in ["test_set", *SCORES])


@pytest.mark.parametrize(
    ("config", "setting", "budget"),
    [
        ({}, "", "30 steps"),
        ({"learning_rate": 1e-3}, "", "30 steps"),
        ({"epochs": 4, "steps": 160}, "", "4 epochs"),
        ({"learning_rate": 3e-4, "num_layers": 2}, "num_layers=2, learning_rate=0.0003", "30 steps"),
        ({"clip_norm": 1.0, "validate_every": 5}, "clip_norm=1.0, validate_every=5", "30 steps"),
        ({"seed": 3, "burn_in": 0, "seq_len": 20, "batch_size": 5, "hidden_size": 2}, "", "30 steps"),
    ],
)
def test_setting_and_budget(config, setting, budget):
    row = frame([record(**config)]).iloc[0]
    assert (row["setting"], row["budget"]) == (setting, budget)


def test_no_record_is_an_empty_table():
    assert frame([]).empty
    assert list(frame([]).columns) == [*COLUMNS, *SCORES]


@pytest.mark.parametrize(
    ("config", "setting"),
    [
        ({}, "optimiser=lm"),
        ({"ridge": 1e-6, "stride": 4, "patience": 3}, "optimiser=lm, stride=4, ridge=1e-06, patience=3"),
        ({"warm_steps": 50}, "optimiser=lm, warm_steps=50 with batch_size=8"),
        (
            {"warm_steps": 50, "learning_rate": 0.01, "clip_norm": 1.0, "init_outputs": 2, "damping": 0.1},
            "optimiser=lm, init_outputs=2, "
            "warm_steps=50 with batch_size=8 and learning_rate=0.01 and clip_norm=1.0, damping=0.1",
        ),
    ],
    ids=str,
)
def test_the_setting_of_lm_tells_what_is_of_its_warm_start(config, setting):
    row = frame([record(optimiser="lm", **config)]).iloc[0]
    assert (row["setting"], row["budget"]) == (setting, "30 iterations")


def test_no_two_settings_of_lm_read_alike():
    """Every field of `SETTING`, changed alone, with and without a warm start."""
    changed = {"learning_rate": 0.1, "lr_schedule": "step", "lr_stages": 2, "lr_factor": 0.5, "clip_norm": 1.0}
    changed |= {"weight_decay": 0.1, "input_noise": 0.1, "ridge": 0.1, "damping": 0.1, "tolerance": 0.1, "stride": 3}
    changed |= {"patience": 2, "num_layers": 2, "init_outputs": 1}
    runs = [
        record(optimiser="lm", warm_steps=warm, **fields)
        for warm in (0, 9)
        for fields in ({}, *({name: value} for name, value in changed.items()))
    ]
    assert frame(runs).drop_duplicates("setting").groupby("test_set").size().sum() == len(runs)
