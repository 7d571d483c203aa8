from itertools import count

import pytest

from sysid_tbptt.report.leaderboard import ENTRY, FIRST, TEST, leaderboard
from sysid_tbptt.runs.record import RunRecord
from sysid_tbptt.runs.store import Store
from tests.conftest import config_of

MSE = {"mse_scaled": 1.0, "rmse": [1.0], "unit": ["V"]}


@pytest.fixture
def board(tmp_path):
    """The leaderboard of made-up runs."""
    numbers = count()

    def board(*runs):
        store = Store(tmp_path)
        for rmse, config in runs:
            scores = MSE | {"rmse": rmse, "unit": ["V", "mm"][: len(rmse)]}
            store.save(
                RunRecord(
                    run_id=f"run {next(numbers)}",
                    status="ok" if rmse else "diverged",
                    config=config_of(**config),
                    metrics={"train": MSE, "val": MSE, "test": {"test": scores}},
                )
            )
        return leaderboard(tmp_path)

    return board


def test_median_least_and_largest_over_the_seeds(board):
    (row,) = board(*(([rmse], {"seed": seed}) for seed, rmse in enumerate((3.0, 1.0, 5.0, 2.0)))).to_dict("records")
    assert (row["rmse"], row["rmse_min"], row["rmse_max"], row["seeds"]) == (2.5, 1.0, 5.0, 4)
    assert (row["dataset"], row["split"], row["test_set"], row["unit"]) == ("first_order", "made", "test", "V")
    assert (row["regime"], row["model"], row["seq_len"], row["burn_in"]) == ("stateless", "lstm", 12, 3)


def test_best_first_within_each_test(board):
    rows = board(
        ([3.0], {"model": "lstm"}),
        ([1.0], {"model": "rnn"}),
        ([2.0], {"model": "gru"}),
        ([9.0], {"model": "lstm", "dataset": "a"}),
    )
    assert list(zip(rows["dataset"], rows["model"], strict=True)) == [
        ("a", "lstm"),
        ("first_order", "rnn"),
        ("first_order", "gru"),
        ("first_order", "lstm"),
    ]


def test_each_channel_has_its_rows_and_unit(board):
    rows = board(([1.0, 20.0], {"seed": 0}), ([3.0, 40.0], {"seed": 1}))
    assert rows[["channel", "unit", "rmse", "seeds"]].to_numpy().tolist() == [[0, "V", 2.0, 2], [1, "mm", 30.0, 2]]


@pytest.mark.parametrize(
    "other",
    [
        {"split": "official"},
        {"dataset": "a"},
        {"burn_in": 0},
        {"seq_len": 24},
        {"batch_size": 4},
        {"hidden_size": 5},
        {"steps": 31},
        {"epochs": 2},
        {"learning_rate": 0.1},
        {"init_mode": "carry", "batch_size": 6},
    ],
    ids=str,
)
def test_different_runs_are_never_mixed(board, other):
    rows = board(([1.0], {}), ([3.0], other))
    assert sorted(rows["rmse"]) == [1.0, 3.0]
    assert rows["seeds"].tolist() == [1, 1]


@pytest.mark.parametrize("runs", [[], [([], {})]], ids=["no record", "diverged"])
def test_nothing_scored_is_an_empty_board(board, runs):
    rows = board(*runs)
    assert rows.empty
    assert set(rows.columns) == {*TEST, *ENTRY, "rmse", "rmse_min", "rmse_max", "seeds"}
    assert list(rows.columns[: len(FIRST)]) == FIRST
