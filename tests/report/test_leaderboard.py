from itertools import count
from math import inf, isnan
from statistics import median

import pytest

from sysid_tbptt.report.leaderboard import COLUMNS, board, leaderboard
from sysid_tbptt.report.stats import median_interval, paired_p
from sysid_tbptt.runs.record import RunRecord, Time
from sysid_tbptt.runs.store import Store
from tests.conftest import config_of

_NUMBERS = count()


def run(test, val=1.0, *, status="ok", revision="r", n_init=5, unit=("V", "mm"), **config):
    """A run; ``test`` and ``val`` hold an error, or one a channel; ``test`` may be by test set."""

    def scores(rmse):
        rmse = list(rmse) if isinstance(rmse, tuple) else [rmse]
        return {"mse_scaled": 1.0, "rmse": rmse, "unit": list(unit[: len(rmse)]), "n_scored": 95}

    tests = test if isinstance(test, dict) else {"test": test}
    return RunRecord(
        run_id=f"{next(_NUMBERS):016x}",
        status=status,
        config=config_of(**config),
        parameters=9,
        engine="cpu",
        metrics={
            "train": scores(1.0),
            "val": scores(val),
            "test": {name: scores(rmse) for name, rmse in tests.items()},
        }
        if status == "ok"
        else {},
        time=Time(train_s=2.0),
        provenance={"data": {"revision": revision, "n_init": n_init, "protocol": f"cut {revision}"}},
    )


def seeds(errors, val=1.0, **config):
    """A run for each error, of seeds 0, 1, ..."""
    return [run(error, val, seed=seed, **config) for seed, error in enumerate(errors)]


def rows(*runs):
    return board([record for part in runs for record in (part if isinstance(part, list) else [part])]).to_dict(
        "records"
    )


def test_columns_and_their_order():
    assert list(board(seeds([1.0, 2.0])).columns) == COLUMNS


def test_validation_chooses_and_the_test_error_does_not():
    (row,) = rows(seeds([1.0, 1.0, 1.0], val=3.0, hidden_size=4), seeds([9.0, 8.0, 7.0], val=2.0, hidden_size=5))
    assert (row["hidden_size"], row["rmse"]) == (5, 8.0)


def test_the_model_of_least_median_validation_error_is_chosen_on_every_test_set():
    tests = {"low": 1.0, "high": 9.0}
    found = rows(
        [run(tests, val, seed=seed, model="gru") for seed, val in enumerate((5.0, 3.0, 1.0))],
        [run({"low": 2.0, "high": 2.0}, 2.0, seed=seed, model="lstm") for seed in range(3)],
        [run(tests, 0.1, model="rnn", dataset="other")],
        [run(tests, 1.0, model="broken", status="failed")],
    )
    chosen = {(row["dataset"], row["test_set"], row["model"]) for row in found if row["chosen"]}
    assert chosen == {
        *(("first_order", name, "lstm") for name in tests),
        *(("other", name, "rnn") for name in tests),
    }
    assert {row["validation"] for row in found if row["model"] == "gru"} == {3.0}


def test_nothing_is_chosen_without_a_validation_error():
    (row,) = rows(run(1.0).model_copy(update={"engine": "predictions", "metrics": {"test": run(1.0).metrics["test"]}}))
    assert not row["chosen"]
    assert isnan(row["validation"])


@pytest.mark.parametrize(
    "other",
    [
        {"burn_in": 0},
        {"seq_len": 24},
        {"batch_size": 4},
        {"hidden_size": 5},
        {"steps": 31},
        {"epochs": 2},
        {"learning_rate": 0.1},
        {"weight_decay": 0.1},
        {"init_outputs": 2},
        {"init_mode": "carry", "batch_size": 6},
    ],
    ids=str,
)
def test_all_fields_but_the_seed_make_a_setting(other):
    (row,) = rows(run(1.0, 2.0), run(3.0, 1.0, **other))
    assert (row["rmse"], row["seeds"]) == (3.0, 1)


def test_the_median_validation_error_decides_not_the_least():
    lucky = [run(1.0, val, seed=seed, hidden_size=4) for seed, val in enumerate((0.1, 5.0, 5.0))]
    (row,) = rows(lucky, seeds([2.0] * 3, val=3.0, hidden_size=5))
    assert row["hidden_size"] == 5


def test_validation_is_the_mean_over_channels():
    (row,) = rows(run((1.0, 1.0), (1.0, 6.0), hidden_size=4), run((2.0, 2.0), (3.0, 3.0), hidden_size=5))[:1]
    assert row["hidden_size"] == 5


@pytest.mark.parametrize(
    ("field", "value"),
    [("suite", "other"), ("split", "official"), ("dataset", "a"), ("revision", "s"), ("n_init", 7)],
)
def test_protocols_are_never_ranked_together(field, value):
    found = rows(run(1.0), run(2.0, model="gru", **{field: value}))
    assert [row["rank"] for row in found] == [1, 1]
    assert found[0][field] != found[1][field]


def test_ranks_within_each_test_set_and_channel():
    found = rows(
        run({"a": (1.0, 4.0), "b": (2.0, 2.0)}, model="lstm"),
        run({"a": (3.0, 3.0), "b": (2.0, 1.0)}, model="gru"),
    )
    assert [(row["test_set"], row["channel"], row["unit"], row["rank"], row["model"]) for row in found] == [
        ("a", 0, "V", 1, "lstm"),
        ("a", 0, "V", 2, "gru"),
        ("a", 1, "mm", 1, "gru"),
        ("a", 1, "mm", 2, "lstm"),
        ("b", 0, "V", 1, "gru"),
        ("b", 0, "V", 1, "lstm"),
        ("b", 1, "mm", 1, "gru"),
        ("b", 1, "mm", 2, "lstm"),
    ]


def test_median_interval_and_best_seed_by_validation():
    errors, validation = (3.0, 1.0, 5.0, 2.0), (0.3, 0.9, 0.2, 0.4)
    (row,) = rows([run(e, v, seed=s) for s, (e, v) in enumerate(zip(errors, validation, strict=True))])
    assert (row["rmse"], row["seeds"]) == (2.5, 4)
    assert (row["rmse_low"], row["rmse_high"]) == median_interval(errors)
    assert (row["best_seed"], row["rmse_best_seed"]) == (2, 5.0)
    assert (row["parameters"], row["train_cpu_s"], row["n_init"], row["n_scored"]) == (9, 2.0, 5, 95)
    assert (row["protocol"], row["revision"], row["engine"]) == ("cut r", "r", "cpu")


def test_diverged_runs_are_infinite_and_failed_ones_are_counted():
    (row,) = rows(run(1.0, seed=0), run(3.0, status="diverged", seed=1), run(2.0, status="failed", seed=2))
    assert (row["rmse"], row["seeds"], row["not_ok"], row["best_seed"]) == (inf, 2, 2, 0)


def test_a_model_that_always_diverged_is_last():
    found = rows(run(9.0, model="gru"), run(1.0, status="diverged"))
    assert [(row["model"], row["rank"], row["rmse"]) for row in found] == [("gru", 1, 9.0), ("lstm", 2, inf)]


def test_seconds_of_several_devices_have_no_median():
    runs = seeds([1.0, 2.0, 3.0])
    for record, device in zip(runs, ("a chip", None, "a chip"), strict=True):
        record.provenance["device"] = device
    assert rows(runs)[0]["train_cpu_s"] == 2.0
    runs[1].provenance["device"] = "another"
    assert isnan(rows(runs)[0]["train_cpu_s"])


WITH_M, WITHOUT = (1.0, 2.0, 3.5, 4.0, 2.5, 1.5), (2.0, 3.9, 6.0, 9.0, 5.0, 4.0)


def test_the_same_setting_without_burn_in_stands_beside():
    (row,) = rows(
        seeds(WITHOUT, val=2.0, burn_in=0),
        seeds(WITH_M, val=1.0, burn_in=3),
        seeds([0.1] * 6, val=3.0, burn_in=0, hidden_size=7),
    )
    assert (row["rmse_m0"], row["effect"]) == (median(WITHOUT), median(WITH_M) / median(WITHOUT) - 1)
    assert (row["rmse_m0_low"], row["rmse_m0_high"]) == median_interval(WITHOUT)
    assert row["p_m0"] == row["p_m0_holm"] == paired_p(WITH_M, WITHOUT) == 2 / 2**6
    assert len(row["run_ids"]) == 12


def test_only_seeds_that_both_have_are_compared():
    (row,) = rows(seeds(WITHOUT[:5], val=2.0, burn_in=0), seeds(WITH_M, burn_in=3))
    assert row["rmse_m0"] == median(WITHOUT[:5])
    assert row["effect"] == median(WITH_M[:5]) / median(WITHOUT[:5]) - 1
    assert row["p_m0"] == 2 / 2**5


def test_where_validation_chose_no_burn_in_nothing_changes():
    (row,) = rows(seeds(WITHOUT, val=1.0, burn_in=0), seeds(WITH_M, val=2.0, burn_in=3))
    assert (row["burn_in"], row["rmse_m0"], row["effect"]) == (0, row["rmse"], 0.0)
    assert isnan(row["p_m0"])


def test_what_was_not_run_without_burn_in_is_missing():
    (row,) = rows(seeds(WITH_M, burn_in=3))
    assert all(isnan(row[name]) for name in ("rmse_m0", "rmse_m0_low", "rmse_m0_high", "effect", "p_m0", "p_m0_holm"))


def test_effects_are_corrected_for_the_tests_of_the_model():
    models = [
        seeds(values, val=val, burn_in=m, model=model, dataset=name)
        for name, model in (("a", "lstm"), ("b", "lstm"), ("b", "gru"))
        for m, val, values in ((0, 2.0, WITHOUT), (3, 1.0, WITH_M))
    ]
    corrected = {(row["dataset"], row["model"]): row["p_m0_holm"] for row in rows(*models)}
    assert corrected == {("a", "lstm"): 4 / 2**6, ("b", "lstm"): 4 / 2**6, ("b", "gru"): 2 / 2**6}


def test_each_model_is_compared_with_the_first_over_common_seeds():
    found = rows(
        seeds(WITH_M, model="lstm"), seeds(WITHOUT, model="gru"), seeds([v + 9 for v in WITHOUT[:5]], model="rnn")
    )
    first, second, third = found
    assert isnan(first["p_first"])
    assert second["p_first"] == paired_p(WITH_M, WITHOUT)
    assert third["p_first"] == 2 / 2**5
    assert [second["p_first_holm"], third["p_first_holm"]] == [4 / 2**6, 2 / 2**5]


def test_worse_than_the_mean_anchor_is_flagged():
    found = rows(run(2.0, model="mean"), run(1.0, model="gru"), run(3.0, model="rnn"))
    assert {row["model"]: row["worse_than_mean"] for row in found} == {"gru": False, "mean": False, "rnn": True}


@pytest.mark.parametrize(("nrmse", "flagged"), [(0.9, False), (1.1, True)])
def test_without_the_anchor_the_relative_error_says_it(nrmse, flagged):
    record = run(1.0)
    record.metrics["test"]["test"]["nrmse"] = [nrmse]
    assert rows(record)[0]["worse_than_mean"] is flagged


def test_a_median_that_diverged_is_worse_than_the_mean():
    runs = [run(1.0), *(run(1.0, seed=seed, status="diverged") for seed in (1, 2))]
    runs[0].metrics["test"]["test"]["nrmse"] = [0.9]
    assert rows(runs)[0]["worse_than_mean"]


def test_predictions_without_validation_are_taken_as_they_are():
    mine = run(1.0, model="mine").model_copy(update={"engine": "predictions"})
    mine.metrics.pop("val")
    found = rows(mine, run(2.0))
    assert [(row["model"], row["rank"], row["engine"], row["best_seed"]) for row in found] == [
        ("mine", 1, "predictions", 0),
        ("lstm", 2, "cpu", 0),
    ]


def test_a_test_set_that_was_not_predicted_has_no_row():
    mine = run({"a": 1.0}, model="mine")
    found = rows(mine, run({"a": 2.0, "b": 2.0}))
    assert [(row["test_set"], row["model"]) for row in found] == [("a", "mine"), ("a", "lstm"), ("b", "lstm")]


def test_read_from_a_folder_one_suite_or_all(tmp_path):
    store = Store(tmp_path)
    store.save(run(1.0))
    store.save(run(2.0, suite="other"))
    assert leaderboard(tmp_path)["rmse"].tolist() == [2.0, 1.0]
    assert leaderboard(tmp_path, suite="other")["rmse"].tolist() == [2.0]


@pytest.mark.parametrize("records", [[], [run(1.0, status="diverged")]], ids=["no record", "diverged"])
def test_nothing_scored_is_an_empty_board(records):
    found = board(records)
    assert found.empty
    assert list(found.columns) == COLUMNS


def test_each_optimiser_of_a_model_has_a_row_of_its_own():
    found = rows(
        seeds([2.0, 2.1], val=1.0, model="gru"),
        seeds([9.0, 9.0], val=0.9, model="gru", seq_len=24, optimiser="lm"),
        seeds([1.0, 1.1], val=0.5, model="gru", optimiser="lm", warm_steps=4),
    )
    assert [(row["rank"], row["model"], row["optimiser"], row["chosen"]) for row in found] == [
        (1, "gru", "lm", True),
        (2, "gru", "adam", False),
    ]
    assert [row["budget"] for row in found] == ["30 iterations", "30 steps"]


def test_other_optimisers_change_neither_choice_nor_corrected_p():
    def pair(**config):
        return [*seeds(WITHOUT, val=2.0, burn_in=0, **config), *seeds(WITH_M, val=1.0, burn_in=3, **config)]

    of_adam = [*pair(), *pair(dataset="a")]
    found = rows(of_adam, pair(optimiser="lm"), pair(optimiser="lm", ridge=0.1, dataset="b"))
    kept = ("dataset", "burn_in", "setting", "rmse", "rmse_m0", "effect", "p_m0", "p_m0_holm", "run_ids")
    assert [[row[name] for name in kept] for row in found if row["optimiser"] == "adam"] == [
        [row[name] for name in kept] for row in rows(of_adam)
    ]


@pytest.mark.parametrize("engine", ["closed_form", "predictions", "external"])
def test_what_no_optimiser_trained_has_none(engine):
    (row,) = rows(run(1.0, optimiser="lm").model_copy(update={"engine": engine}))
    assert row["optimiser"] == ""
