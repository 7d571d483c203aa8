from pathlib import Path

import numpy as np
import pytest

from sysid_tbptt import cli
from sysid_tbptt.data.series import Series, Units
from sysid_tbptt.report.differences import differences, r2
from sysid_tbptt.report.frame import frame
from sysid_tbptt.report.studies import studies
from sysid_tbptt.runs.predictions import write_predictions
from tests.report.made_up import record, stored

PAPERS = {"dataset": "silverbox", "split": "paper", "hidden_size": 8, "seq_len": 100, "batch_size": 100}
PAPERS |= {"learning_rate": 1e-4, "epochs": 400, "steps": 79600}
ERRORS = {0: (4.0, 4.0, 8.0), 83: (1.0, 3.0, 6.0), 94: (2.0, 2.5, 0.00142), 99: (0.5, 2.0, 3.0)}
"""Rule paper has m* = 83 under the cap of 95 and 99 without it, rule val 99; the paper's table has 94."""


def papers(errors=ERRORS, **fields):
    return [record(m, *of, **PAPERS | fields) for m, of in errors.items()]


def table(*records, outputs=None):
    return differences("test", list(studies(frame(records))), records, outputs)


def rows(made, quirk):
    return made.data[made.data["quirk"] == quirk].to_dict("records")


def test_the_papers_rule_stands_beside_the_least_validation_error():
    (row,) = rows(table(*papers()), "m* leans on the training error")
    assert row["measured"] == "paper: m* = 83, 600.000; val: m* = 99, 300.000"
    assert (row["theirs"], row["ours"], row["effect"]) == (6.0, 3.0, "-50.0 % test error")
    assert (row["dataset"], row["seq_len"]) == ("silverbox", 100)


def test_without_the_cap_the_papers_rule_may_go_on():
    (row,) = rows(table(*papers()), "m* has a cap set by hand")
    assert row["paper"] == "m* at most 95"
    assert row["measured"] == "with the cap: m* = 83, 600.000; without: m* = 99, 300.000"
    (row,) = rows(table(*papers(dict(list(ERRORS.items())[:3]))), "m* has a cap set by hand")
    assert row["effect"] == "none: the same m*"
    rlc = papers(dataset="rlc", learning_rate=3e-4, epochs=1500)
    assert rows(table(*rlc), "m* has a cap set by hand") == []


def test_published_values_stand_beside_ours_at_the_same_m():
    made = table(*papers())
    (chosen,), (errors,) = rows(made, "published m*"), rows(made, "published test errors")
    assert (chosen["theirs"], chosen["ours"], chosen["effect"]) == (94, 83, "m* 83 in place of 94")
    assert errors["paper"] == "m = 0: 0.291, m = 94: 0.142"
    assert errors["measured"] == "m = 0: 800.000, m = 94: 0.142"
    assert errors["effect"].endswith("(m = 0)")
    assert errors["ours"] / errors["theirs"] == pytest.approx(8.0 / 0.00291)


def test_an_m_that_was_not_run_is_not_compared():
    made = table(*papers({m: of for m, of in ERRORS.items() if m != 94}))
    assert rows(made, "published m*")[0]["effect"] == "not known: m = 94 was not run yet"
    assert rows(made, "published test errors")[0]["paper"] == "m = 0: 0.291"


def seeded(**errors):
    """Test errors by seed at m = 0 and 94, which both rules choose; an infinite one is of a run that diverged."""
    return [
        run
        for seed, pair in errors.items()
        for m, val, test in zip((0, 94), (2.0, 1.0), pair, strict=True)
        for run in papers({m: (val, val, test)}, seed=int(seed.removeprefix("s")), status="ok" if test else "diverged")
    ]


def test_what_is_published_stands_beside_our_seed_0_not_a_median_over_seeds():
    """The seeds beside it have other errors, and would choose another m."""
    others = [run for seed in (1, 2) for run in papers({0: (0.1, 0.1, 9.0), 94: (5.0, 5.0, 9.0)}, seed=seed)]
    made = table(*seeded(s0=(0.00291, 0.00142)), *others)
    (chosen,), (errors,) = rows(made, "published m*"), rows(made, "published test errors")
    assert chosen["effect"] == "none: the same m*"
    assert errors["measured"] == errors["paper"] == "m = 0: 0.291, m = 94: 0.142"
    assert rows(made, "m* leans on the training error")[0]["measured"].startswith("paper: m* = 0, 900.000")


def test_without_seed_0_nothing_stands_beside_what_is_published():
    made = table(*papers(seed=1))
    assert rows(made, "published m*") == rows(made, "published test errors") == []
    assert len(rows(made, "m* leans on the training error")) == 1


def test_the_spread_of_a_seed_that_diverged_is_told_in_words():
    (row,) = rows(table(*seeded(s0=(None, 2.0), s1=(3.0, 2.0))), "one seed")
    assert row["measured"].startswith("2 seeds: spread diverged at m = 0, 0.0 % at m* = 94")


def test_one_seed_is_told_and_several_show_their_spread():
    (row,) = rows(table(*papers()), "one seed")
    assert row["measured"] == "one seed here too"
    errors = {0: (4.0, 4.0, 8.0), 94: (1.0, 1.0, 2.0)}
    seeded = [
        run
        for seed, scale in ((0, 1.0), (1, 1.5))
        for run in papers({m: (a, b, scale * c) for m, (a, b, c) in errors.items()}, seed=seed)
    ]
    (row,) = rows(table(*seeded), "one seed")
    spread = 100 * np.std([8.0, 12.0], ddof=1) / 10
    assert row["measured"] == f"2 seeds: spread {spread:.1f} % at m = 0, {spread:.1f} % at m* = 94 (paper, val)"
    assert row["effect"] == "effect of m exceeds the spread: yes"


def test_a_budget_in_epochs_gives_a_longer_window_fewer_steps():
    carried = record(0, 1.0, 1.0, 1.0, **PAPERS | {"seq_len": 200, "steps": 39800, "init_mode": "carry"})
    (row,) = rows(table(*papers(), carried), "budget in epochs")
    assert row["measured"] == "steps 79600 at N = 100, 39800 at N = 200"
    assert row["effect"] == "N = 200 against 100: -50.0 % steps, 1.00 times the samples"
    assert rows(table(*papers()), "budget in epochs") == []


def test_the_official_split_is_told_of_where_it_was_run():
    official = record(0, 1.0, 1.0, {"multisine": 1.0}, dataset="silverbox", split="official", suite="official")
    official.metrics["test"]["multisine"] |= {"unit": ["mV"], "n_scored": 21638}
    (row,) = rows(table(*papers(), official), "not the official split")
    assert "multisine in mV, 21638 samples" in row["measured"]
    assert row["effect"] == "errors of the two cannot be compared"
    assert rows(table(*papers()), "not the official split") == []


@pytest.mark.parametrize(
    "other", [{"epochs": 3}, {"epochs": None}, {"model": "gru"}, {"hidden_size": 9}, {"split": "official"}], ids=str
)
def test_what_is_not_the_papers_experiment_has_no_table(other):
    assert table(*papers(**other)) is None


def kept(folder, run, scale=0.5):
    """Outputs of two channels, simulated at a scale of what was measured."""
    y = np.sin(np.arange(200.0) * 2 * np.pi / 20)[:, None] * [1.0, 10.0]
    series = Series(y, y, 0.1, Units(u=("V",) * 2, y=("V",) * 2), 0, "test")
    write_predictions(folder / f"{run.run_id}.npz", [series], {"test": scale * y})


def test_r2_is_that_of_kept_outputs_both_ways(tmp_path):
    """Of a signal at half its scale an error of 1/4 of its variance is as large as the variance of what is left."""
    runs = papers()
    kept(tmp_path, runs[1])
    made = table(*runs, outputs=lambda run_id: tmp_path / f"{run_id}.npz")
    (row,) = rows(made, "R2 with its arguments swapped")
    assert row["theirs"] == pytest.approx(0.0, abs=1e-6)
    assert row["ours"] == pytest.approx(0.75, abs=1e-6)
    assert row["measured"].startswith("m = 83, test: ")
    assert not any("left out" in note for note in made.notes)


def test_r2_of_a_stateful_run_is_told_apart_from_that_of_m_0(tmp_path):
    runs = [*papers(), record(0, *ERRORS[0], **PAPERS | {"init_mode": "carry"})]
    for run in (runs[0], runs[-1]):
        kept(tmp_path, run)
    found = rows(table(*runs, outputs=lambda run_id: tmp_path / f"{run_id}.npz"), "R2 with its arguments swapped")
    assert [row["measured"].split(",")[0] for row in found] == ["m = 0", "stateful"]


def test_r2_names_the_seed_of_a_run_that_has_several(tmp_path):
    runs = [*papers(), *papers(seed=3), record(0, *ERRORS[0], **PAPERS | {"init_mode": "carry"})]
    for run in (runs[0], runs[4], runs[-1]):
        kept(tmp_path, run)
    found = rows(table(*runs, outputs=lambda run_id: tmp_path / f"{run_id}.npz"), "R2 with its arguments swapped")
    assert [row["measured"].split(": ")[0] for row in found] == [
        "m = 0, seed 0, test",
        "m = 0, seed 3, test",
        "stateful, test",
    ]


def test_without_outputs_the_row_is_left_out_with_its_reason(tmp_path):
    for outputs in (None, lambda run_id: Path(tmp_path / run_id)):
        made = table(*papers(), outputs=outputs)
        assert rows(made, "R2 with its arguments swapped") == []
        assert any("R2 with its arguments swapped is left out" in note for note in made.notes)


def test_r2_of_a_perfect_model_is_1_and_of_the_mean_0():
    y = np.arange(12.0).reshape(6, 2)
    assert r2(y, y) == 1.0
    assert r2(y, np.broadcast_to(y.mean(axis=0), y.shape)) == 0.0


def test_the_command_reads_the_outputs_that_are_kept(tmp_path):
    runs = papers()
    store = stored(tmp_path, runs)
    (tmp_path / "predictions").mkdir()
    kept(tmp_path / "predictions", runs[0])
    assert cli.main(["report", "--no-figures", "--no-site", "--results", str(store.root)]) == 0
    text = (tmp_path / "tables" / "test" / "differences.md").read_text(encoding="utf-8")
    assert "m = 0, test: 0.00000 swapped, 0.75000 as defined" in text
