import numpy as np
import pytest

from sysid_tbptt.report.frame import frame
from sysid_tbptt.report.selection import VAL
from sysid_tbptt.report.site.curves import curves
from sysid_tbptt.report.site.runs import Runs
from sysid_tbptt.report.studies import studies
from tests.report.made_up import ERRORS, FULL, LM, record, stored, study


@pytest.fixture
def drawn(tmp_path):
    """The curves of records, and their ids by the numbers that the page has for them."""

    def drawn(*records):
        store = stored(tmp_path, records)
        runs = Runs(store)
        return curves(frame(store.records()), store.records(), runs), [run["id"] for run in runs.as_json()["runs"]]

    return drawn


def test_a_line_is_the_median_and_the_spread_over_seeds_by_m(drawn):
    scales = (1.0, 3.0, 2.0, 5.0)
    records = [run for seed, scale in enumerate(scales) for run in study(scale, seed=seed)]
    ((test,), ids) = drawn(*records)
    (line,) = test["lines"]
    errors = np.outer(scales, [error for _, _, error in ERRORS.values()])
    assert line["m"] == list(ERRORS)
    assert line["rmse"] == pytest.approx(np.median(errors, axis=0))
    assert line["low"] == pytest.approx(errors.min(axis=0))
    assert line["high"] == pytest.approx(errors.max(axis=0))
    by_m = {m: {run.run_id for run in records if run.config.burn_in == m} for m in ERRORS}
    assert [{ids[number] for number in numbers} for numbers in line["runs"]] == list(by_m.values())


def test_validation_chooses_and_test_errors_do_not(drawn):
    records = [record(m, 1.0, val, test) for m, val, test in ((0, 2.0, 1.0), (5, 1.0, 9.0), (8, 3.0, 0.5))]
    (((test,), _)) = drawn(*records)
    (line,) = test["lines"]
    assert line["m"][line["chosen"]] == 5


def test_a_validation_error_that_is_not_finite_is_not_chosen(drawn):
    records = [record(m, 1.0, val, 1.0) for m, val in ((0, None), (5, 1.0))]
    (((test,), _)) = drawn(*records)
    (line,) = test["lines"]
    assert line["m"][line["chosen"]] == 5


def test_a_diverged_seed_is_an_infinite_error(drawn):
    records = [record(m, 1.0, 1.0, 1.0 + m, seed=seed) for m, seeds in ((0, 7), (5, 3)) for seed in range(seeds)]
    lost = [record(5, 0.0, 0.0, 0.0, seed=seed, status="diverged") for seed in (3, 4, 5, 6)]
    ((test,), _) = drawn(*records, *lost)
    (line,) = test["lines"]
    assert line["rmse"] == [1.0, None]
    assert line["high"] == [1.0, None]
    assert line["low"] == [1.0, 6.0]
    assert [len(numbers) for numbers in line["runs"]] == [7, 7]


@pytest.mark.parametrize("m", ERRORS)
@pytest.mark.parametrize("status", ["missing", "diverged"])
def test_m_and_its_choice_are_those_of_the_tables(drawn, m, status):
    """Where an m lacks a seed, or diverged in two of three."""
    changed = {(m, 2)} if status == "missing" else {(m, 1), (m, 2)}
    records = [run for seed, scale in enumerate((1.0, 2.0, 3.0)) for run in study(scale, seed=seed)]
    records = [
        run.model_copy(update={"status": status}) if (run.config.burn_in, run.config.seed) in changed else run
        for run in records
        if status != "missing" or (run.config.burn_in, run.config.seed) not in changed
    ]
    tests, _ = drawn(*records)
    lines = [line for test in tests for line in test["lines"] if 0 in line["m"]]
    for line, of_table in zip(lines, studies(frame(records)), strict=True):
        assert line["m"] == list(of_table.points)
        assert line["m"][line["chosen"]] == of_table.m_star(VAL)
        assert line["rmse"] == [None if np.isinf(y) else y for y in of_table.curve["test_mse"]]


@pytest.mark.parametrize(
    "other", [{"seq_len": 24}, {"batch_size": 4}, {"hidden_size": 5}, {"learning_rate": 0.1}, {"steps": 31}], ids=str
)
def test_different_studies_are_different_lines(drawn, other):
    ((test,), _) = drawn(*study(), *study(**other))
    assert len(test["lines"]) == 2


@pytest.mark.parametrize("other", [{"suite": "other"}, {"dataset": "other"}, {"split": "other"}], ids=str)
def test_different_protocols_are_different_tests(drawn, other):
    tests, _ = drawn(*study(), *study(**other))
    assert len({test["title"] for test in tests}) == len(tests) == 2


def test_the_official_suite_comes_first(drawn):
    tests, _ = drawn(*study(suite="a"), *study(suite="official"), *study(suite="z"))
    assert [test["suite"] for test in tests] == ["official", "a", "z"]


def test_channels_are_tests_of_their_own_with_their_own_unit(drawn):
    records = study()
    for run in records:
        scores = run.metrics["test"]["test"]
        scores["rmse"], scores["unit"] = [scores["rmse"][0], 10 * scores["rmse"][0]], ["V", "mm"]
    tests, _ = drawn(*records)
    assert [(test["title"], test["unit"]) for test in tests] == [
        ("first_order y1 (test · made)", "V"),
        ("first_order y2 (test · made)", "mm"),
    ]
    first, second = (test["lines"][0]["rmse"] for test in tests)
    assert second == pytest.approx([10 * value for value in first])


def test_full_bptt_stands_beside_the_curve(drawn):
    run = record(0, 1.0, 1.0, 0.25, **FULL)
    ((test,), ids) = drawn(*study(), run)
    (line,) = test["lines"]
    (level,) = line["levels"]
    assert (level["regime"], level["rmse"], [ids[number] for number in level["runs"]]) == (
        "full BPTT",
        0.25,
        [run.run_id],
    )


def test_one_m_is_no_curve(drawn):
    assert drawn(record(0, 1.0, 1.0, 1.0), record(0, 1.0, 1.0, 1.0, seed=1))[0] == []


def test_optimisers_are_different_lines_with_the_name_of_their_method(drawn):
    ((test,), _) = drawn(*study(), *study(**LM))
    assert [line["model"] for line in test["lines"]] == ["lstm", "lstm (lm)"]


def test_runs_of_one_n_less_m_are_no_line(drawn):
    assert drawn(*(record(m, 1.0, 1.0, 1.0, seq_len=12 + m, **LM) for m in (0, 5, 8)))[0] == []
