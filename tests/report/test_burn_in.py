import numpy as np
import pandas as pd
import pytest

from sysid_tbptt.report.burn_in import COLUMNS, burn_in_table
from sysid_tbptt.report.frame import frame
from sysid_tbptt.report.published import PUBLISHED
from sysid_tbptt.report.studies import studies
from sysid_tbptt.runs.record import RunRecord
from tests.conftest import config_of

PAPERS = {
    "dataset": "silverbox",
    "split": "paper",
    "hidden_size": 8,
    "seq_len": 100,
    "batch_size": 100,
    "learning_rate": 1e-4,
    "epochs": 400,
}
CARRIED = {"init_mode": "carry", "batch_size": 6}
FULL = {"seq_len": 300, "batch_size": 1}


def record(m, train, val, test, *, status="ok", test_set="test", **config):
    """A made-up run; with ``seq_len=300`` it is full BPTT."""
    return RunRecord(
        run_id="a",
        status=status,
        config=config_of(**{"burn_in": m} | config),
        records=1,
        windows=301 - config.get("seq_len", 12),
        metrics={
            "train": {"mse_scaled": train},
            "val": {"mse_scaled": val},
            "test": {test_set: {"mse_scaled": test, "rmse": [test], "unit": ["V"]}},
        },
    )


def curve(scale=1.0, **config):
    """m = 5 has the least training error, m = 8 the least validation error."""
    errors = {0: (4.0, 4.0, 8.0), 5: (1.0, 3.0, 6.0), 8: (2.0, 2.0, 2.0)}
    return [record(m, *(scale * e for e in values), **config) for m, values in errors.items()]


def table(*records):
    rows = burn_in_table(studies(frame(records)))
    assert list(rows.columns) == COLUMNS
    return rows


def row(rows, **where):
    (found,) = rows[(rows[list(where)] == pd.Series(where)).all(axis=1)].to_dict("records")
    return found


def test_each_rule_has_its_row():
    rows = table(*curve())
    for rule, m_star, train, test in (("paper", 5, 1.0, 6.0), ("val", 8, 2.0, 2.0)):
        found = row(rows, rule=rule)
        assert (found["m_star"], found["seeds"]) == (m_star, 1)
        assert (found["m0_train"], found["mstar_train"], found["change_train"]) == (4.0, train, 100 * (train / 4 - 1))
        assert (found["m0_test"], found["mstar_test"], found["change_test"]) == (8.0, test, 100 * (test / 8 - 1))
    assert len(rows) == 2


def test_medians_are_taken_over_seeds_before_m_star_is_chosen():
    runs = [run for seed, scale in enumerate((1.0, 100.0, 3.0)) for run in curve(scale, seed=seed)]
    found = row(table(*runs), rule="val")
    assert (found["seeds"], found["m_star"], found["m0_train"], found["mstar_test"]) == (3, 8, 12.0, 6.0)


def test_test_data_decide_nothing():
    runs = [record(0, 4.0, 4.0, 1e-9), record(5, 1.0, 1.0, 1e9), record(8, 2.0, 2.0, 1e-9)]
    assert set(table(*runs)["m_star"]) == {5}


def test_stateful_and_bptt_stand_beside_the_same_windows_and_budget():
    runs = [
        *(run for n in (12, 24) for run in curve(seq_len=n, batch_size=6)),
        record(0, 0.12, 1.0, 1.2, seq_len=12, **CARRIED),
        record(0, 0.24, 1.0, 2.4, seq_len=24, **CARRIED),
        record(0, 9.0, 9.0, 9.0, seq_len=24, **CARRIED | {"steps": 99}),
        record(0, 9.0, 9.0, 9.0, seq_len=24, **CARRIED | {"batch_size": 4}),
        record(0, 9.0, 9.0, 9.0, seq_len=24, **CARRIED | {"learning_rate": 0.1}),
        record(0, 9.0, 9.0, 9.0, seq_len=24, **CARRIED | {"hidden_size": 5}),
        record(0, 0.3, 1.0, 3.0, **FULL),
        record(0, 9.0, 9.0, 9.0, **FULL | {"steps": 99}),
        record(0, 9.0, 9.0, 9.0, **FULL | {"learning_rate": 0.1}),
    ]
    rows = table(*runs)
    assert len(rows) == 4
    for n, train, test in ((12, 0.12, 1.2), (24, 0.24, 2.4)):
        found = row(rows, seq_len=n, rule="val")
        assert (found["stateful_train"], found["stateful_test"]) == (train, test)
        assert (found["bptt_train"], found["bptt_test"]) == (0.3, 3.0)


def test_in_epochs_bptt_is_that_of_the_most_epochs():
    runs = [
        *curve(epochs=4),
        record(0, 0.3, 1.0, 3.0, epochs=500, **FULL),
        record(0, 9.0, 9.0, 9.0, epochs=5, **FULL),
        record(0, 9.0, 9.0, 9.0, **FULL),
    ]
    assert row(table(*runs), rule="val")["bptt_train"] == 0.3


def test_stateful_and_bptt_of_several_m_are_not_mixed():
    runs = [
        *curve(batch_size=6),
        *(record(m, train, 1.0, 1.0, **CARRIED) for m, train in ((0, 0.1), (5, 9.0))),
        *(record(m, train, 1.0, 1.0, **FULL) for m, train in ((0, 0.2), (5, 9.0))),
    ]
    found = row(table(*runs), rule="val")
    assert (found["stateful_train"], found["bptt_train"]) == (0.1, 0.2)


def test_stateful_and_bptt_are_medians_over_seeds():
    runs = [
        *curve(batch_size=6),
        *(record(0, value, 1.0, 1.0, seed=seed, **CARRIED) for seed, value in enumerate((1.0, 9.0, 2.0))),
        *(record(0, value, 1.0, 1.0, seed=seed, **FULL) for seed, value in enumerate((3.0, 9.0, 4.0))),
    ]
    found = row(table(*runs), rule="val")
    assert (found["stateful_train"], found["bptt_train"]) == (2.0, 4.0)


def test_what_was_not_run_is_missing():
    found = row(table(*curve()), rule="val")
    assert all(np.isnan(found[f"{regime}_{part}"]) for regime in ("stateful", "bptt") for part in ("train", "test"))


@pytest.mark.parametrize(
    "other",
    [
        {"steps": 99},
        {"epochs": 3},
        {"batch_size": 4},
        {"learning_rate": 0.1},
        {"num_layers": 2},
        {"hidden_size": 5},
        {"model": "gru"},
        {"split": "other"},
        {"dataset": "other"},
        {"seq_len": 24},
        {"test_set": "high"},
    ],
    ids=str,
)
def test_different_settings_are_never_mixed(other):
    rows = table(*curve(), *curve(scale=10.0, **other))
    assert sorted(rows["m0_train"]) == [4.0, 4.0, 40.0, 40.0]


@pytest.mark.parametrize(
    "runs",
    [
        [],
        curve()[:1],
        curve()[1:],
        [*curve()[:1], record(5, 1.0, 1.0, 1.0, status="failed")],
        [*curve()[:1], *curve(seq_len=24)[1:]],
        [record(0, 1.0, 1.0, 1.0, **CARRIED), record(5, 1.0, 1.0, 1.0, **CARRIED)],
    ],
    ids=["none", "m=0 alone", "no m=0", "failed", "other N", "stateful"],
)
def test_a_row_takes_m_0_and_one_more(runs):
    assert table(*runs).empty


def test_a_diverged_run_has_infinite_errors_and_is_never_chosen():
    (paper, val) = table(*curve()[:1], record(5, 1.0, 1.0, 1.0, status="diverged")).to_dict("records")
    assert (paper["m_star"], val["m_star"]) == (0, 0)


def test_medians_are_over_the_same_seeds():
    """m = 5 is best on the one seed that it was run with, and diverged on the others."""
    both = [record(m, 1.0 + seed, 1.0 + seed, 1.0 + seed, seed=seed) for m in (0, 8) for seed in (0, 1, 2)]
    alone = [record(5, 0.1, 0.1, 0.1, seed=0)]
    assert set(table(*both, *alone)["m_star"]) == {0}
    diverged = [record(5, 1.0, 1.0, 1.0, seed=seed, status="diverged") for seed in (1, 2)]
    assert set(table(*both, *alone, *diverged)["m_star"]) == {0}
    mended = [record(5, 0.2, 0.2, 0.2, seed=seed) for seed in (1, 2)]
    assert set(table(*both, *alone, *mended)["m_star"]) == {5}


def test_published_values_stand_beside_the_papers_experiment():
    rows = table(*curve(**PAPERS))
    found = row(rows, rule=PUBLISHED)
    assert rows["rule"].tolist() == ["paper", "val", PUBLISHED]
    assert (found["m_star"], found["seeds"], found["budget"]) == (94, 1, "400 epochs")
    assert found["m0_train"] == pytest.approx(0.242e-2)
    assert found["bptt_test"] == pytest.approx(0.251e-2)
    assert found["change_test"] == pytest.approx(100 * (0.142 / 0.291 - 1))


def test_published_values_are_shown_once_under_their_own_budget():
    rows = table(*curve(**PAPERS), *curve(**PAPERS | {"epochs": None, "steps": 2000}))
    assert row(rows, rule=PUBLISHED)["budget"] == "400 epochs"
    assert sorted(rows["budget"]) == ["2000 steps"] * 2 + ["400 epochs"] * 3


@pytest.mark.parametrize(
    "other",
    [
        {"split": "official"},
        {"model": "gru"},
        {"hidden_size": 9},
        {"seq_len": 150},
        {"batch_size": 50},
        {"learning_rate": 1e-3},
        {"num_layers": 2},
        {"dataset": "emps"},
    ],
    ids=str,
)
def test_published_values_stand_beside_nothing_else(other):
    assert PUBLISHED not in set(table(*curve(**PAPERS | other))["rule"])
