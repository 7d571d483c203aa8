import numpy as np
import pytest
from scipy.stats import spearmanr

from sysid_tbptt.report.frame import frame
from sysid_tbptt.report.questions import held_out
from sysid_tbptt.report.studies import studies
from tests.report.made_up import ERRORS, record, study


def rows(*records):
    return held_out.rows(studies(frame(records))).set_index("rule")


def test_m_star_stands_beside_the_best_m_in_hindsight():
    found = rows(*study())
    assert found["m_star"].to_dict() == {"paper": 5, "val": 8}
    assert set(found["m_hindsight"]) == {8}
    assert found["mstar_test"].to_dict() == {"paper": 6.0, "val": 2.0}
    assert found["loss"].to_dict() == {"paper": 2.0, "val": 0.0}
    assert found["rank"].to_dict() == {"paper": 2, "val": 1}
    assert set(found["m_tried"]) == {4}


def test_the_correlation_is_spearmans_of_what_the_rule_minimises():
    found = rows(*study())
    train, val, test = np.array(list(ERRORS.values())).T
    assert found["spearman"]["val"] == pytest.approx(spearmanr(val, test).statistic)
    assert found["spearman"]["paper"] == pytest.approx(spearmanr(0.7 * train + 0.3 * val, test).statistic)


def test_hindsight_does_not_decide():
    shifted = [record(m, train, val, 1 / test) for m, (train, val, test) in ERRORS.items()]
    assert rows(*shifted)["m_star"].equals(rows(*study())["m_star"])


def test_an_infinite_error_has_the_last_rank():
    gone = record(3, 0.0, 0.0, 0.0, status="diverged")
    found = rows(*study(), gone)
    _, val, test = np.array([*ERRORS.values(), (1e9, 1e9, 1e9)]).T
    assert found["spearman"]["val"] == pytest.approx(spearmanr(val, test).statistic)
    assert set(found["m_tried"]) == {5}


@pytest.mark.parametrize(
    "errors", [{0: (1.0, 1.0, 2.0), 5: (2.0, 2.0, 1.0)}, {m: (1.0, 1.0, float(m + 1)) for m in (0, 5, 8)}]
)
def test_no_correlation_of_two_m_or_of_equal_errors(errors):
    assert rows(*(record(m, *of) for m, of in errors.items()))["spearman"].isna().all()


def test_medians_over_seeds_are_compared():
    seeded = [run for seed, scale in enumerate((1.0, 100.0, 3.0)) for run in study(scale, seed=seed)]
    found = rows(*seeded)
    assert found["hindsight_test"].to_dict() == {"paper": 6.0, "val": 6.0}
    assert found["loss"].to_dict() == {"paper": 2.0, "val": 0.0}


def test_it_reads_as_percent_and_rank():
    found = held_out.readable(held_out.rows(studies(frame(study()))))
    assert found[["rule", "test at m*", "loss %", "rank of m*"]].to_numpy().tolist() == [
        ["paper", "600.000", "+200.0", "2 of 4"],
        ["val", "200.000", "+0.0", "1 of 4"],
    ]
