from math import inf, isnan, nan
from statistics import median

import pytest

from sysid_tbptt.report.effect import HARMS, HELPS, NIL, UNTESTED, burn_in_effect, effect_table, verdict
from sysid_tbptt.report.stats import change_interval, paired_p
from tests.report.test_leaderboard import WITH_M, WITHOUT, run, seeds


def effect(*runs):
    return burn_in_effect([record for part in runs for record in part]).to_dict("records")


def test_the_chosen_setting_with_and_without():
    (row,) = effect(
        seeds(WITHOUT, val=2.0, burn_in=0),
        seeds(WITH_M, val=1.0, burn_in=3),
        seeds([0.1] * 6, val=1.5, burn_in=5),
        seeds([0.1] * 6, val=1.5, burn_in=5, hidden_size=9),
    )
    assert (row["burn_in"], row["chosen"], row["seeds"]) == (3, True, 6)
    assert (row["rmse_m0"], row["rmse"]) == (median(WITHOUT), median(WITH_M))
    assert row["change"] == median(WITH_M) / median(WITHOUT) - 1
    assert (row["change_low"], row["change_high"]) == change_interval(WITH_M, WITHOUT)
    assert row["p"] == row["p_holm"] == paired_p(WITH_M, WITHOUT)
    assert row["verdict"] == HELPS


def test_where_validation_chose_none_the_best_of_the_others_stands_beside():
    (row,) = effect(
        seeds(WITH_M, val=1.0, burn_in=0),
        seeds(WITHOUT, val=2.0, burn_in=3),
        seeds([0.1] * 6, val=3.0, burn_in=5),
    )
    assert (row["burn_in"], row["chosen"], row["verdict"]) == (3, False, HARMS)


@pytest.mark.parametrize("runs", [[seeds(WITH_M, burn_in=3)], [seeds(WITH_M, burn_in=0)], []], ids=["m", "m=0", "none"])
def test_no_row_without_both(runs):
    assert effect(*runs) == []


def test_another_setting_at_zero_is_not_beside():
    assert effect(seeds(WITH_M, burn_in=3), seeds(WITHOUT, val=9.0, burn_in=0, learning_rate=0.5)) == []


def test_corrected_over_the_tests_of_the_model_in_the_suite():
    def pair(**config):
        return [*seeds(WITHOUT, val=2.0, burn_in=0, **config), *seeds(WITH_M, burn_in=3, **config)]

    rows = effect(pair(), pair(dataset="a"), pair(suite="other"), pair(model="gru"))
    assert {(row["suite"], row["dataset"], row["model"]): row["p_holm"] for row in rows} == {
        ("test", "first_order", "lstm"): 4 / 2**6,
        ("test", "a", "lstm"): 4 / 2**6,
        ("test", "first_order", "gru"): 2 / 2**6,
        ("other", "first_order", "lstm"): 2 / 2**6,
    }


@pytest.mark.parametrize(
    ("change", "p", "said"),
    [(-0.5, 0.01, HELPS), (0.5, 0.01, HARMS), (-0.5, 0.05, NIL), (0.0, 0.01, NIL), (-0.5, nan, UNTESTED)],
)
def test_verdicts(change, p, said):
    assert verdict(change, p) == said


def test_divergence_without_burn_in_is_an_infinite_error():
    zero = [run(1.0, 2.0, status="diverged", seed=seed, burn_in=0) for seed in range(6)]
    (row,) = effect(zero, seeds(WITH_M, burn_in=3))
    assert (row["rmse_m0"], row["change"], row["verdict"]) == (inf, -1.0, HELPS)


def test_too_few_seeds_are_said():
    runs = [*seeds(WITHOUT[:2], val=2.0, burn_in=0), *seeds(WITH_M[:2], burn_in=3)]
    frame = burn_in_effect(runs)
    assert isnan(frame["change_low"][0])
    shown = effect_table(frame, runs).blocks[0]
    assert shown.rows["verdict"].tolist() == [UNTESTED]
    assert f"{UNTESTED} in 1 of 1 cases" in shown.heading


def test_the_table_tells_when_no_case_could_have_passed():
    def many(count):
        records = []
        for dataset in map(str, range(count)):
            records += seeds(WITHOUT, val=2.0, burn_in=0, dataset=dataset) + seeds(WITH_M, burn_in=3, dataset=dataset)
        return effect_table(burn_in_effect(records), records)

    assert "so few seeds" not in many(1).notes[0]
    assert "so few seeds allow is 0.062 after correction" in many(2).notes[0]
    assert many(2).blocks[0].rows["verdict"].tolist() == [NIL] * 2
    assert many(2).blocks[0].rows["change %"].str.startswith("-50.0 [").all()


def test_the_effect_is_told_of_each_optimiser_apart():
    def pair(**config):
        return [*seeds(WITHOUT, val=2.0, burn_in=0, **config), *seeds(WITH_M, val=1.0, burn_in=3, **config)]

    records = [*pair(), *pair(optimiser="lm"), *pair(optimiser="lm", dataset="a")]
    table = burn_in_effect(records)
    assert {(row["dataset"], row["optimiser"]): row["p_holm"] for row in table.to_dict("records")} == {
        ("first_order", "adam"): 2 / 2**6,
        ("first_order", "lm"): 4 / 2**6,
        ("a", "lm"): 4 / 2**6,
    }
    shown = effect_table(table, records)
    assert shown.blocks[0].rows["model"].tolist() == ["lstm (lm)", "lstm", "lstm (lm)"]
    assert any("trained by Levenberg-Marquardt" in note for note in shown.notes)
