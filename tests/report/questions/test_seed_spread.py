import math

import numpy as np
import pytest
from scipy.stats import wilcoxon

from sysid_tbptt.report.frame import frame
from sysid_tbptt.report.questions import seed_spread
from sysid_tbptt.report.questions.seed_spread import APART, NO_EFFECT, ONE_SEED, OVERLAP
from sysid_tbptt.report.studies import studies
from tests.report.made_up import LM, record, study


def rows(*records):
    return seed_spread.rows(studies(frame(records)))


def two(at_zero, at_m):
    """Test errors by seed at m = 0 and at the m that both rules choose."""
    return [
        record(m, val, val, test, seed=seed)
        for m, val, errors in ((0, 2.0, at_zero), (5, 1.0, at_m))
        for seed, test in enumerate(errors)
    ]


def test_the_spread_is_the_deviation_over_the_mean():
    at_zero, at_m = [4.0, 5.0, 9.0], [1.0, 2.0, 3.0]
    (found,) = rows(*two(at_zero, at_m)).to_dict("records")
    assert [found[f"m0_{name}"] for name in ("test", "least", "largest")] == [5.0, 4.0, 9.0]
    assert found["m0_spread"] == pytest.approx(np.std(at_zero, ddof=1) / 6)
    assert found["mstar_spread"] == pytest.approx(0.5)
    assert (found["change"], found["rule"], found["seeds"]) == (pytest.approx(-0.6), "paper, val", 3)


@pytest.mark.parametrize(
    ("at_m", "said"),
    [([1.0, 2.0], APART), ([10.0, 11.0], APART), ([3.0, 4.5], OVERLAP), ([4.0, 3.0], OVERLAP)],
    ids=["better", "worse", "overlaps", "touches"],
)
def test_an_effect_exceeds_the_spread_where_the_seeds_are_apart(at_m, said):
    (found,) = rows(*two([4.0, 5.0], at_m)).to_dict("records")
    assert found["exceeds"] == said


def test_one_seed_is_told_and_nothing_is_tested():
    found = rows(*study())
    assert set(found["exceeds"]) == {ONE_SEED}
    assert set(found["verdict"]) == {"not tested"}
    assert found[["m0_spread", "mstar_spread", "p"]].isna().all(axis=None)


def test_the_test_is_paired_over_seeds():
    at_zero, at_m = [9.0, 4.0, 5.0, 6.0, 7.0, 8.0], [3.0, 3.5, 2.0, 2.5, 1.0, 9.0]
    (found,) = rows(*reversed(two(at_zero, at_m))).to_dict("records")
    assert found["p"] == found["p_holm"] == wilcoxon(at_m, at_zero).pvalue


def test_p_is_corrected_over_the_rows_of_a_model():
    at_zero, at_m = [4.0 + seed for seed in range(6)], [1.0 + seed / 10 for seed in range(6)]
    one, other = two(at_zero, at_m), [run.model_copy(update={"config": longer(run)}) for run in two(at_zero, at_m)]
    found = rows(*one, *other)
    assert found["p_holm"].tolist() == pytest.approx([2 * found["p"][0]] * 2)
    assert set(found["verdict"]) == {"no difference shown"}
    assert set(rows(*one)["verdict"]) == {"helps"}


def longer(run):
    return run.config.model_copy(update={"seq_len": 24})


def test_a_diverged_seed_spreads_without_bound():
    runs = two([4.0, 5.0, 6.0], [1.0, 2.0, 3.0])
    runs[0] = runs[0].model_copy(update={"status": "diverged"})
    (found,) = rows(*runs).to_dict("records")
    assert found["m0_spread"] == found["m0_largest"] == math.inf
    assert found["exceeds"] == APART
    assert seed_spread.readable(rows(*runs))["spread %"].tolist() == ["diverged"]


def test_m_star_of_0_has_no_effect_to_test():
    runs = [record(m, val, val, 1.0, seed=seed) for m, val in ((0, 1.0), (5, 2.0)) for seed in range(6)]
    (found,) = rows(*runs).to_dict("records")
    assert (found["m_star"], found["change"], found["verdict"]) == (0, 0.0, "not tested")
    assert found["exceeds"] == NO_EFFECT


def test_it_reads_as_median_and_range():
    found = seed_spread.readable(rows(*two([0.04, 0.05, 0.09], [0.01, 0.02, 0.03])))
    assert found["at m = 0"].tolist() == ["5.000 (4.000 to 9.000)"]
    assert found["change %"].tolist() == ["-60.0"]


def test_what_lm_shows_changes_no_corrected_p_of_adam():
    errors = [4.0, 5.0, 9.0, 6.0, 7.0, 8.0], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    adam = two(*errors)
    lm = [
        run.model_copy(update={"run_id": f"lm-{run.run_id}", "config": run.config.model_copy(update=LM)})
        for run in adam
    ]
    assert rows(*adam, *lm)["p_holm"].tolist() == 2 * rows(*adam)["p_holm"].tolist()
