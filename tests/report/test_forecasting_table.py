from math import inf

import pytest

from sysid_tbptt.report.contests import contests
from sysid_tbptt.report.forecasting_table import forecasting_study, forecasting_table, forecasts
from sysid_tbptt.report.formats import MISSING
from sysid_tbptt.report.tables import all_tables, write_tables
from tests.report.made_up import CARRIED, FULL, record

N, P = 12, 4
STAGE_ONE = {0: (1.0, 9.0), 5: (2.0, 3.0), N - 1: (4.0, 4.0)}
"""Training and validation error by m: m* is 5 by both rules."""

STAGE_TWO = {0: 0.8, 5: 0.5, N - 1: 1.0}
"""Test error by m."""


def forecast_run(m, train, val, test, **fields):
    run = record(m, train, val, test, **{"horizon": P} | fields)
    paper = {"test": run.metrics["test"]["test"] | {"mse_paper": 0.9 * test}}
    return run.model_copy(update={"metrics": run.metrics | {"test": paper}})


@pytest.fixture
def runs():
    one = [forecast_run(m, *errors, 7.0) for m, errors in STAGE_ONE.items()]
    two = [
        forecast_run(m, 0.1, 0.1, test + shift, split="made-retrain", seed=seed)
        for seed, shift in ((0, 0.0), (1, 0.2), (2, 0.1))
        for m, test in STAGE_TWO.items()
    ]
    carried = forecast_run(N - 1, 0.3, 0.3, 3.0, split="made-retrain", **CARRIED)
    full = forecast_run(N - 1, 0.2, 0.2, 2.0, split="made-retrain", **FULL)
    return [*one, *two, carried, full]


def study_of(runs):
    rows = forecasting_study(forecasts(runs))
    return rows[rows["batch_size"] == 8].reset_index(drop=True)


def test_m_is_chosen_in_stage_one_and_errors_are_of_stage_two(runs):
    row = study_of(runs).iloc[0]
    assert (row["rule"], row["m_star"], row["m_tried"]) == ("paper", 5, 3)
    assert row[["m0_test", "mstar_test", "last_test"]].tolist() == pytest.approx([0.9, 0.6, 1.1])
    assert row["mstar_test_paper"] == pytest.approx(0.9 * 0.6)
    assert (row["mstar_test_min"], row["mstar_test_max"]) == (0.5, 0.7)
    assert row["change"] == pytest.approx(0.6 / 1.1 - 1)
    assert row["bptt_test"] == 2.0


def test_an_m_that_lacks_a_seed_is_not_chosen(runs):
    """The second seed of m = 5 diverged: its first alone would be the best."""
    more = [forecast_run(m, *STAGE_ONE[m], 7.0, seed=1) for m in (0, N - 1)]
    assert study_of([*runs, *more])["m_star"].tolist() == [0, N - 1]


def diverged(run):
    return run.model_copy(update={"status": "diverged", "reason": "at step 3", "metrics": {}})


def test_a_run_that_diverged_has_infinite_errors_and_is_not_chosen(runs):
    ill = [diverged(run) if run.config.burn_in == 5 and run.config.split == "made" else run for run in runs]
    assert study_of(ill)["m_star"].tolist() == [0, N - 1]
    assert study_of(ill)["m_tried"].tolist() == [3, 3]


def test_runs_that_did_not_end_well_are_shown_and_counted(runs):
    """One seed of three at m*, and all at m = N-1."""
    ends = [(5, 1), *((N - 1, seed) for seed in range(3))]

    def is_ill(config):
        return config.split == "made-retrain" and config.batch_size == 8 and (config.burn_in, config.seed) in ends

    ill = [diverged(run) if is_ill(run.config) else run for run in runs]
    failed = diverged(runs[0]).model_copy(update={"status": "failed", "run_id": "f"})
    rows = study_of(ill)
    table = forecasting_table(rows, forecasts(ill), [*ill, failed])
    test, paper, train = (block.rows for block in table.blocks)
    assert rows["mstar_test_max"].tolist() == [inf, inf]
    assert test["at m*"].tolist() == ["0.6000 (0.5000 to diverged)"] * 2
    for shown in (test, paper, train):
        assert shown["m = N-1"].tolist() == ["diverged"] * 2
    assert test["change %"].tolist() == [MISSING, MISSING]
    assert "4 runs diverged: their errors are infinite." in table.notes
    assert "1 runs failed, and are left out." in table.notes
    assert not any("diverged" in note for note in forecasting_table(study_of(runs), forecasts(runs), runs).notes)


def test_stage_one_alone_has_its_own_errors_and_says_so(runs):
    """Beside a stateful run and full BPTT of stage one, not those of stage two."""
    one = [*runs[:3], forecast_run(N - 1, 0.3, 0.3, 5.0, **CARRIED), forecast_run(N - 1, 0.2, 0.2, 6.0, **FULL)]
    rows = study_of(one)
    assert rows["stage"].tolist() == [1, 1]
    assert rows.loc[0, ["m_star", "mstar_train", "mstar_test", "bptt_test"]].tolist() == [5, 2.0, 7.0, 6.0]
    table = forecasting_table(rows, forecasts(one), one)
    assert table.blocks[0].rows["stage"].tolist() == ["1", "1"]
    assert "errors are of the stage told" in table.notes[0]
    assert study_of([*one, *runs])["bptt_test"].tolist() == [2.0, 2.0]


def test_stage_two_alone_is_no_row(runs):
    assert not len(forecasting_study(forecasts(runs[3:])))


def test_what_is_no_forecast_is_no_row():
    assert not len(forecasting_study(forecasts([record(0, 1.0, 1.0, 1.0)])))


PAPERS = {"dataset": "electricity", "split": "paper", "seq_len": 48, "hidden_size": 96, "batch_size": 24}
PAPERS |= {"horizon": 96, "learning_rate": 5e-5}


def both_stages(**fields):
    one = [forecast_run(m, *errors, 7.0, **fields) for m, errors in STAGE_ONE.items()]
    split = f"{fields.get('split', 'made')}-retrain"
    return [*one, *(forecast_run(m, 0.1, 0.1, e, **fields | {"split": split}) for m, e in STAGE_TWO.items())]


def test_the_papers_weights_hold_for_its_own_series_and_its_values_stand_beside():
    """On electricity the paper's rule looks at the training error alone: m* is 0."""
    rows = forecasting_study(forecasts(both_stages(**PAPERS))).set_index("rule")
    assert rows["m_star"].to_dict() == {"paper": 0, "val": 5, "published": 10}
    assert rows.loc["published", "mstar_test_paper"] == 0.146
    assert rows.loc["published", "change"] == pytest.approx(0.146 / 0.150 - 1)


def test_published_values_stand_beside_the_papers_own_experiment_once():
    budgets = [run for steps in (30, 9) for run in both_stages(**PAPERS, steps=steps)]
    assert forecasting_study(forecasts(budgets))["rule"].tolist() == ["paper", "val", "published", "paper", "val"]
    for other in ({"model": "gru"}, {"hidden_size": 8}, {"horizon": 4}, {"batch_size": 8}, {"learning_rate": 1e-3}):
        assert "published" not in set(forecasting_study(forecasts(both_stages(**PAPERS | other)))["rule"])


def test_what_stands_beside_is_of_the_same_setting_budget_and_last_m(runs):
    more = {"m": 0, "train": 0.2, "val": 0.2, "split": "made-retrain"}
    others = [
        forecast_run(**more, test=9.0, **CARRIED),
        forecast_run(**more, test=6.0, **FULL, steps=7),
        forecast_run(**more, test=7.0, **FULL, learning_rate=0.5),
        forecast_run(**more, test=8.0, **FULL),
    ]
    carried = both_stages(batch_size=CARRIED["batch_size"])
    rows = forecasting_study(forecasts([*runs, *carried, *others])).set_index("batch_size")
    assert rows["bptt_test"].tolist() == [2.0] * 4
    assert rows.loc[CARRIED["batch_size"], "stateful_test"].tolist() == [3.0] * 2
    assert rows.loc[8, "stateful_test"].isna().all()


def test_seeds_are_those_of_the_errors_that_are_shown(runs):
    more = [forecast_run(m, *errors, 7.0, seed=seed) for seed in (1, 2, 3) for m, errors in STAGE_ONE.items()]
    assert study_of([*runs, *more])["seeds"].tolist() == [3, 3]
    assert study_of([*runs[:3], *more, *runs[3:6]])["seeds"].tolist() == [1, 1]


def test_stage_two_that_diverged_throughout_is_told(runs):
    ill = [run if run.config.split == "made" else diverged(run) for run in runs]
    rows = study_of(ill)
    assert rows["stage"].tolist() == [2, 2]
    assert rows["mstar_test"].tolist() == [inf, inf]
    assert "11 runs diverged" in " ".join(forecasting_table(rows, forecasts(ill), ill).notes)


def of_data(runs, checksum, revision, day=1):
    data = {"sha256": {"log.csv": checksum}, "revision": revision}
    told = {"data": data, "time": f"2026-01-{day:02d}T00:00:00+00:00"}
    return [run.model_copy(update={"provenance": run.provenance | told}) for run in runs]


def test_a_log_that_has_grown_is_another_series():
    """The stages differ in revision by nature, and share the file."""
    before, after = both_stages(), [forecast_run(*one) for one in [(m, *e, 7.0) for m, e in STAGE_ONE.items()]]
    one, two = of_data(before[:3], "aaa", "1"), of_data(before[3:], "aaa", "2")
    rows = forecasting_study(forecasts([*one, *two, *of_data(after, "bbb", "3", day=2)]))
    assert rows[["data", "stage"]].drop_duplicates().values.tolist() == [["aaa", 2], ["bbb", 1]]
    assert forecasting_table(rows, forecasts(before), before).blocks[0].rows["data files"].tolist() == [
        "aaa",
        "aaa",
        "bbb",
        "bbb",
    ]


def test_of_two_cuts_of_one_file_the_last_counts():
    early, late = both_stages(), [forecast_run(m, *e, 70.0) for m, e in STAGE_ONE.items()]
    late += [forecast_run(m, 0.1, 0.1, 10 * e, split="made-retrain") for m, e in STAGE_TWO.items()]
    made = [
        run
        for runs, revision, day in ((late[:3], "3", 3), (late[3:], "4", 4), (early[:3], "1", 1), (early[3:], "2", 2))
        for run in of_data(runs, "aaa", revision, day)
    ]
    assert forecasting_study(forecasts(made))["mstar_test"].tolist() == [5.0, 5.0]


def test_budgets_are_told_apart_and_what_a_study_is_of_is_told():
    runs = [run for steps in (30, 9) for run in both_stages(steps=steps)]
    table = forecasting_table(forecasting_study(forecasts(runs)), forecasts(runs), runs)
    assert sorted(set(table.blocks[0].rows["budget"])) == ["30 steps", "9 steps"]
    assert set(table.blocks[0].rows["of m"]) == {"3"}
    assert "horizon=4" in table.blocks[0].heading and "split made" in table.blocks[0].heading


def test_the_table_is_written_and_forecasts_stand_in_no_other(runs, tmp_path):
    written = {path.name for path in write_tables(all_tables(runs), tmp_path)}
    assert written == {f"forecasting-first_order.{suffix}" for suffix in ("md", "csv", "tex")}
    assert not contests(runs)


def test_the_table_reads(runs):
    rows = study_of(runs)
    table = forecasting_table(rows, forecasts(runs), runs)
    test, paper, train = (block.rows for block in table.blocks)
    assert test["m*"].tolist() == ["5", "5"]
    assert test.iloc[0][["N", "m = 0", "full BPTT", "change %"]].tolist() == ["12", "0.9000", "2.000", "-45.5"]
    assert paper["m = N-1"].tolist() == ["0.9900", "0.9900"]
    assert "stage" not in test
    assert "change %" not in train
    assert "runs: 14" in table.notes[-1]


def test_studies_in_one_table_are_told_apart(runs):
    """Two test sets and two models: every row tells of which it is."""
    two = [
        run.model_copy(update={"metrics": run.metrics | {"test": {"low": test, "high": test}}})
        for run in runs
        for test in run.metrics["test"].values()
    ]
    other = [run.model_copy(update={"config": run.config.model_copy(update={"model": "gru"})}) for run in two]
    found = forecasts([*two, *other])
    shown = forecasting_table(forecasting_study(found), found, two).blocks[0].rows
    assert not shown.duplicated(["N", "test set", "model", "rule"]).any()
    assert len(shown) == 2 * 2 * 2
