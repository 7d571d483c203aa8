import math

import numpy as np
import pytest

from sysid_tbptt.report.frame import frame
from sysid_tbptt.report.questions import equal_compute
from sysid_tbptt.report.questions.equal_compute import (
    BUDGET,
    DIVERGED,
    FIRST,
    NEXT_CHOSEN,
    NEXT_ZERO,
    OPEN,
    SAME,
    SECOND,
)
from sysid_tbptt.report.studies import studies
from tests.report.made_up import LM, record, study


def rows(*records):
    return equal_compute.rows(studies(frame(records)))


def row(table, **where):
    for name, value in where.items():
        table = table[table[name] == value]
    (found,) = table.to_dict("records")
    return found


def window(n, errors, **fields):
    """Runs of one N by m; an error is that of all parts."""
    return [record(m, error, error, error, seq_len=n, **fields) for m, error in errors.items()]


def test_samples_are_steps_times_batch_times_n():
    """A budget in epochs gives the longer window fewer steps."""
    runs = [*window(12, {0: 2.0, 5: 1.0}, epochs=4, steps=30), *window(24, {0: 1.5, 5: 0.5}, epochs=4, steps=20)]
    pair = row(rows(*runs), comparison=NEXT_ZERO)
    assert (pair["first_samples"], pair["second_samples"]) == (30 * 8 * 12, 20 * 8 * 24)


def test_more_burn_in_on_a_short_window_is_better_where_it_has_less_error_for_less():
    found = rows(*window(12, {0: 2.0, 5: 1.0}), *window(24, {0: 1.5, 5: 0.5}))
    against_zero, against_chosen = (row(found, comparison=name) for name in (NEXT_ZERO, NEXT_CHOSEN))
    assert (against_zero["error_ratio"], against_zero["samples_ratio"], against_zero["better"]) == (1.5, 2.0, FIRST)
    assert (against_chosen["error_ratio"], against_chosen["better"]) == (0.5, OPEN)
    assert against_zero["rule"] == "paper, val"


def test_what_has_less_error_for_more_is_not_told_to_be_better():
    """In epochs the longer window may even be the cheaper one."""
    short = window(12, {0: 2.0, 5: 1.0}, epochs=4, steps=30)
    found = row(rows(*short, *window(24, {0: 1.5, 5: 0.5}, epochs=4, steps=10)), comparison=NEXT_ZERO)
    assert (found["error_ratio"], found["samples_ratio"], found["better"]) == (1.5, pytest.approx(2 / 3), OPEN)
    found = row(rows(*short, *window(24, {0: 0.5, 5: 0.5}, epochs=4, steps=10)), comparison=NEXT_ZERO)
    assert found["better"] == SECOND


def test_the_change_by_doubling_compounds_to_the_whole():
    found = row(rows(*window(3, {0: 2.0, 2: 1.0}), *window(24, {0: 0.5, 5: 0.4})), comparison=NEXT_ZERO)
    assert found["samples_ratio"] == 8
    assert (1 + found["by_doubling"]) ** 3 == pytest.approx(found["error_ratio"])


def test_rules_that_differ_have_rows_of_their_own():
    found = rows(*study(seq_len=12), *study(seq_len=24))
    assert found.loc[
        found["comparison"] == NEXT_CHOSEN, ["rule", "first_burn_in", "second_burn_in"]
    ].to_numpy().tolist() == [
        ["paper", 5, 5],
        ["val", 8, 8],
    ]


def test_a_budget_buys_what_validates_best_within_it():
    short, long = window(12, {0: 2.0, 5: 1.0}), window(24, {0: 1.5, 5: 3.0})
    found = rows(*short, *long)
    small, large = found[found["comparison"] == BUDGET].to_dict("records")
    assert (small["budget_samples"], large["budget_samples"]) == (30 * 8 * 12, 30 * 8 * 24)
    assert [small[f"first_{name}"] for name in ("seq_len", "burn_in")] == [12, 5]
    assert [small[f"second_{name}"] for name in ("seq_len", "burn_in")] == [12, 0]
    assert [large[f"first_{name}"] for name in ("seq_len", "burn_in")] == [12, 5]
    assert [large[f"second_{name}"] for name in ("seq_len", "burn_in")] == [24, 0]
    assert (small["better"], large["better"]) == (FIRST, FIRST)


def test_what_costs_the_same_is_one_budget():
    found = rows(*window(12, {0: 2.0, 5: 1.0}, steps=60), *window(24, {0: 1.5, 5: 3.0}, steps=30))
    budget = row(found, comparison=BUDGET)
    assert budget["budget_samples"] == 60 * 8 * 12
    assert (budget["first_seq_len"], budget["second_seq_len"]) == (12, 24)


def test_test_errors_do_not_choose_what_a_budget_buys():
    short, long = ([record(m, 1.0, val, 1 / val, seq_len=n) for m in (0, 5)] for n, val in ((12, 1.0), (24, 2.0)))
    large = rows(*short, *long).to_dict("records")[-1]
    assert (large["comparison"], large["first_seq_len"], large["second_seq_len"]) == (BUDGET, 12, 12)


def test_what_validates_best_may_be_worse_on_test_data_and_is_told_so():
    runs = [record(m, 1.0, val, test) for m, val, test in ((0, 2.0, 1.0), (5, 1.0, 3.0))]
    assert row(rows(*runs), comparison=BUDGET)["better"] == SECOND
    runs = [record(m, 1.0, val, test) for m, val, test in ((0, 1.0, 1.0), (5, 2.0, 0.5))]
    assert row(rows(*runs), comparison=BUDGET)["better"] == SAME


@pytest.mark.parametrize("where", [{"engine": "cpu"}, {"device": "another chip"}], ids=str)
def test_seconds_of_different_engines_or_devices_are_not_compared(where):
    short = window(12, {0: 2.0, 5: 1.0}, seconds=2.0)
    for other, ratio in (({}, 3.0), (where, math.nan)):
        found = row(rows(*short, *window(24, {0: 1.5, 5: 0.5}, seconds=6.0, where=other)), comparison=NEXT_ZERO)
        assert np.array_equal(found["cpu_ratio"], ratio, equal_nan=True)
        assert found["samples_ratio"] == 2.0


def test_seconds_of_one_m_on_two_machines_are_not_compared():
    runs = [run for seed in (0, 1) for n in (12, 24) for run in window(n, {0: 2.0, 5: 1.0}, seed=seed)]
    runs[0] = runs[0].model_copy(update={"engine": "cpu"})
    found = rows(*runs)
    assert found[found["comparison"] != NEXT_ZERO]["cpu_ratio"].isna().any()
    assert row(found, comparison=NEXT_CHOSEN)["cpu_ratio"] == 1.0


@pytest.mark.parametrize(
    "other", [{"model": "gru"}, {"hidden_size": 5}, {"batch_size": 4}, {"learning_rate": 0.1}], ids=str
)
def test_windows_of_different_models_or_batches_are_not_compared(other):
    found = rows(*window(12, {0: 2.0, 5: 1.0}), *window(24, {0: 1.5, 5: 0.5}, **other))
    assert set(found["comparison"]) == {BUDGET}


def test_a_short_window_is_compared_as_trained_for_as_many_samples_but_no_more():
    """With the steps to match, it is no longer open who is better."""
    long = window(24, {0: 1.5, 5: 1.4}, steps=30)
    trained = {steps: window(12, {0: 9.0, 5: error}, steps=steps) for steps, error in ((30, 2.0), (60, 1.2), (99, 0.1))}
    less, alike, more = trained.values()
    assert row(rows(*less, *long), comparison=NEXT_ZERO)["better"] == OPEN
    found = row(rows(*less, *alike, *more, *long), comparison=NEXT_ZERO)
    assert (found["first_test"], found["samples_ratio"], found["better"]) == (1.2, 1.0, FIRST)
    assert row(rows(*more, *long), comparison=NEXT_ZERO)["first_test"] == 0.1


def test_a_diverged_error_gives_no_ratio():
    runs = [*window(12, {0: 2.0, 5: 1.0}), record(0, 1.0, 1.0, 1.0, seq_len=24, status="diverged")]
    runs += window(24, {5: 0.5})
    found = row(rows(*runs), comparison=NEXT_ZERO)
    assert found["second_test"] == math.inf
    assert math.isnan(found["by_doubling"])
    assert found["better"] == FIRST


def test_of_two_that_diverged_none_is_better():
    runs = [record(m, 1.0, 1.0, 1.0, seq_len=n, status="diverged") for n, m in ((12, 0), (12, 5), (24, 0), (24, 5))]
    found = row(rows(*runs, record(0, 1.0, 1.0, 1.0, seq_len=36)), comparison=NEXT_CHOSEN)
    assert (found["first_test"], found["second_test"], found["better"]) == (math.inf, math.inf, DIVERGED)


def test_the_seeds_of_both_sides_are_shown():
    long = window(24, {0: 1.5, 5: 0.5})
    short = [run for seed in (0, 1, 2) for run in window(12, {0: 2.0, 5: 1.0}, seed=seed)]
    found = equal_compute.readable(rows(*short, *long))
    assert dict(zip(found["comparison"], found["seeds"], strict=True)) == {
        NEXT_ZERO: "3 against 1",
        NEXT_CHOSEN: "3 against 1",
        f"{BUDGET} of 2.88e-06 G": "3",
        f"{BUDGET} of 5.76e-06 G": "1",
    }


def test_it_reads_as_n_m_and_samples():
    found = equal_compute.readable(rows(*window(12, {0: 2.0, 5: 1.0})))
    assert found["first"].tolist() == ["N 12, m 5 of 2, 2.88e-06 G"]
    assert found["error"].tolist() == ["2.00"]


def test_studies_of_lm_are_not_compared_by_their_samples():
    adam, lm = ([*study(**of), *study(seq_len=24, **of)] for of in ({}, LM))
    assert rows(*lm).empty
    assert rows(*adam, *lm).equals(rows(*adam))
