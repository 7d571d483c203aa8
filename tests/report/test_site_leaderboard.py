import math

import pytest

from sysid_tbptt.report import leaderboard as ranking
from sysid_tbptt.report.site.cells import LAST, percent, probability, seconds, significant
from sysid_tbptt.report.site.leaderboard import leaderboard, panels
from sysid_tbptt.report.site.runs import Runs
from sysid_tbptt.report.site.titles import titles
from tests.report.made_up import LM, record, stored, study


@pytest.fixture
def shown(tmp_path):
    """The leaderboard of records as the page shows it, the frame it shows, and the ids of runs by their numbers."""

    def shown(*records):
        store = stored(tmp_path, records)
        frame, runs = ranking.board(store.records()), Runs(store)
        return leaderboard(frame, store.records(), runs), frame, [run["id"] for run in runs.as_json()["runs"]]

    return shown


def seeds(scale=1.0, count=6, **config):
    return [run for seed in range(count) for run in study(scale * (1 + seed / 10), seed=seed, **config)]


def test_every_number_is_that_of_the_frame(shown):
    table, frame, _ = shown(*seeds(), *seeds(2.0, model="gru"), *seeds(3.0, dataset="other"))
    assert len(table["rows"]) == len(frame) == 3
    columns = {"rmse": "rmse", "rmse_m0": "rmse_m0", "effect": "effect", "p": "p_m0_holm", "best": "rmse_best_seed"}
    columns |= {
        name: name for name in ("rank", "hidden_size", "seq_len", "burn_in", "seeds", "parameters", "train_cpu_s")
    }
    for row, expected in zip(table["rows"], frame.to_dict("records"), strict=True):
        for cell, column in columns.items():
            assert row[cell].order == expected[column], cell
        assert row["rmse"].shown == significant(expected["rmse"])
        assert row["interval"] == f"{significant(expected['rmse_low'])} to {significant(expected['rmse_high'])}"
        assert (row["model"], row["dataset"], row["unit"]) == (expected["model"], expected["dataset"], "V")


def test_behind_each_number_are_its_runs(shown):
    records = [*seeds(), *seeds(2.0, model="gru")]
    table, _, ids = shown(*records)
    for row, panel in zip(table["rows"], panels(table), strict=True):
        for name, m in (("runs", 8), ("runs_m0", 0)):
            of_m = {run.run_id for run in records if (run.config.model, run.config.burn_in) == (row["model"], m)}
            assert {ids[number] for number in panel[name]} == of_m


def test_filters_offer_what_there_is_and_open_with_the_official_suite(shown):
    table, _, _ = shown(*study(), *study(suite="official"), *study(suite="official-search", model="gru", dataset="b"))
    assert table["datasets"] == ["b", "first_order"]
    assert table["models"] == ["gru", "lstm"]
    assert set(table["protocols"]) == {"test · made", "official · made", "official-search · made"}
    assert table["first"] == "official · made"
    assert shown(*study())[0]["first"] == "official · made"


def test_without_an_official_suite_all_protocols_are_shown(shown):
    assert shown(*study())[0]["first"] is None


def test_a_row_worse_than_the_mean_and_runs_that_did_not_end_are_flagged(shown):
    lost = [record(8, 0.0, 0.0, 0.0, model="gru", seed=6, status="diverged")]
    mean = [record(0, 3.0, 3.0, 3.0, model="mean", seed=seed) for seed in range(6)]
    table, _, _ = shown(*seeds(), *seeds(2.0, model="gru"), *lost, *mean)
    flags = {row["model"]: row["flags"] for row in table["rows"]}
    assert flags == {"lstm": [], "mean": [], "gru": ["worse than mean", "1 did not end well"]}


def test_no_difference_to_the_first_is_told_and_a_difference_is_not(shown):
    scales = {"lstm": (1.0, 1.0), "gru": (0.99, 1.03), "rnn": (2.0, 2.0)}
    records = [
        record(0, 1.0, 1.0, (1 + seed / 10) * pair[seed % 2], model=model, seed=seed)
        for model, pair in scales.items()
        for seed in range(8)
    ]
    table, frame, _ = shown(*records)
    assert [row["model"] for row in table["rows"]] == ["lstm", "gru", "rnn"]
    assert [row["par"] for row in table["rows"]] == ["", f"p = {probability(frame['p_first_holm'][1])}", ""]


def test_what_is_solved_at_once_has_no_burn_in(shown):
    arx = record(0, 1.0, 1.0, 1.0, model="arx").model_copy(update={"engine": "closed_form"})
    (row,) = shown(arx)[0]["rows"]
    assert (row["rmse_m0"].shown, row["effect"].shown) == ("–", "–")
    assert row["rmse_m0"].missing
    assert row["rmse_m0"].order == row["effect"].order == LAST


@pytest.mark.parametrize("engine", ["predictions", "external"])
def test_of_what_was_not_trained_here_no_training_is_told(shown, engine):
    (row,) = shown(record(0, 1.0, 1.0, 1.0, model="mine").model_copy(update={"engine": engine}))[0]["rows"]
    names = ("rmse_m0", "effect", "hidden_size", "seq_len", "burn_in", "parameters")
    assert {name: row[name].shown for name in names} == dict.fromkeys(names, "–")
    assert row["train_cpu_s"].missing is (engine == "predictions")


def test_the_only_test_set_channel_and_revision_are_not_named():
    test = {"suite": "s", "dataset": "d", "split": "a", "test_set": "test", "channel": 0, "revision": "x"}
    other = test | {"dataset": "e", "test_set": "high"}
    assert [str(title) for title in titles([test, test, other])] == ["d (s · a)", "d (s · a)", "e high (s · a)"]


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"channel": 1}, ["y1", "y2"]),
        ({"revision": "z"}, ["data x", "data z"]),
        ({"n_init": 9}, ["init window 5", "init window 9"]),
    ],
    ids=str,
)
def test_what_tells_two_tests_apart_is_named(changes, names):
    test = {"suite": "s", "dataset": "d", "split": "a", "test_set": "test", "channel": 0, "revision": "x", "n_init": 5}
    assert [title.test for title in titles([test, test | changes])] == names


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.36049, "0.360"),
        (1.5, "1.50"),
        (123.4, "123"),
        (1234.5, "1234"),
        (0.00012345, "0.000123"),
        (math.inf, "diverged"),
    ],
)
def test_three_digits_are_shown(value, text):
    assert significant(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(-0.3521, "−35.2 %"), (0.1, "+10.0 %"), (0.0, "0 %"), (math.inf, "diverged")]
)
def test_changes_are_percent_with_their_sign(value, text):
    assert percent(value) == text


def test_small_p_is_a_bound():
    assert [probability(p) for p in (0.0004, 0.0126)] == ["< 0.001", "0.013"]


def test_short_times_are_a_bound():
    assert [seconds(value) for value in (0.0006, 0.25, 12.34, 431.2)] == ["< 0.1 s", "0.25 s", "12 s", "431 s"]


def test_an_optimiser_is_shown_and_offered_as_a_filter(shown):
    table, _, ids = shown(*seeds(), *seeds(0.5, **LM))
    assert [row["model"] for row in table["rows"]] == ["lstm (lm)", "lstm"]
    assert table["models"] == ["lstm", "lstm (lm)"]
    assert table["rows"][0]["title"].startswith("lstm (lm): ")
    assert not {ids[at] for at in table["rows"][0]["runs"]} & {ids[at] for at in table["rows"][1]["runs"]}


def test_the_run_behind_a_number_says_why_it_ended(tmp_path):
    adam, lm = record(0, 1.0, 1.0, 1.0), record(0, 1.0, 1.0, 1.0, **LM).model_copy(update={"ended": "converged"})
    told = Runs(stored(tmp_path, [lm, adam])).as_json()["runs"]
    assert {run["id"]: run.get("ended") for run in told} == {lm.run_id: "converged", adam.run_id: None}
