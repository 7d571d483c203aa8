import math

import numpy as np
import pytest

from sysid_tbptt.report.frame import frame
from sysid_tbptt.report.selection import PAPER, VAL
from sysid_tbptt.report.studies import studies
from tests.report.made_up import CARRIED, ERRORS, FULL, LM, T, record, study


def found(*records):
    return list(studies(frame(records)))


def test_a_study_holds_its_m_rising_with_medians_over_seeds():
    runs = [run for seed, scale in enumerate((1.0, 100.0, 3.0)) for run in study(scale, seed=seed)]
    (one,) = found(*reversed(runs))
    assert list(one.points) == list(ERRORS)
    for name, of in zip(("train_mse", "val_mse", "test_mse"), np.array(list(ERRORS.values())).T, strict=True):
        assert one.curve[name].tolist() == (3 * of).tolist()
    point = one.points[5]
    assert (point.train_min, point.train_max, point.seeds) == (1.0, 100.0, 3)
    assert point.test_by_seed == (6.0, 600.0, 18.0)
    assert (one.m_star(PAPER), one.m_star(VAL)) == (5, 8)
    assert one.chosen == {5: "paper", 8: "val"}


def test_rules_that_agree_choose_together():
    (one,) = found(record(0, 2.0, 2.0, 1.0), record(5, 1.0, 1.0, 1.0))
    assert one.chosen == {5: "paper, val"}


def test_only_the_seeds_that_every_m_has_are_compared():
    """m = 0 and m = 5 have two seeds each, and share one; then both have three, and m = 8 has one."""
    runs = [record(m, 1.0, 1.0, seed + 1.0, seed=seed) for m, seeds in ((0, (0, 1)), (5, (1, 2))) for seed in seeds]
    (one,) = found(*runs)
    assert [point.test_by_seed for point in one.points.values()] == [(2.0,), (2.0,)]
    (one,) = found(*runs, record(0, 1.0, 1.0, 1.0, seed=2), record(5, 1.0, 1.0, 1.0, seed=0), record(8, 1.0, 1.0, 1.0))
    assert (list(one.points), one.seeds) == ([0, 5], 3)


def test_what_stands_beside_is_of_the_same_windows():
    (one, other) = found(
        *study(batch_size=6),
        *study(batch_size=6, seq_len=24),
        record(0, 0.5, 1.0, 7.0, **CARRIED),
        record(0, 0.1, 1.0, 4.0, **FULL),
    )
    assert (one.seq_len, one.stateful.test_median, other.stateful) == (12, 7.0, None)
    assert one.bptt == other.bptt
    assert one.bptt.error("train") == 0.1


def test_a_diverged_run_is_infinite():
    (one,) = found(*study(), record(3, 1.0, 1.0, 1.0, status="diverged"))
    assert one.points[3].test_median == math.inf
    assert one.m_star(VAL) == 8


@pytest.mark.parametrize("where", [{"engine": "cpu"}, {"device": "another chip"}], ids=str)
def test_the_machine_is_known_where_there_is_one(where):
    def runs(other):
        return [record(m, 1.0, 1.0, 1.0, seed=seed, where=other if seed else None) for m in (0, 5) for seed in (0, 1)]

    assert [point.machine is None for point in found(*runs(None))[0].points.values()] == [False, False]
    assert [point.machine for point in found(*runs(where))[0].points.values()] == [None, None]


def test_studies_of_two_optimisers_are_apart():
    adam, lm = found(*study(), *study(2.0, **LM))
    assert [one.key["optimiser"] for one in (adam, lm)] == ["adam", "lm"]
    assert [one.points[5].test_median for one in (adam, lm)] == [6.0, 12.0]
    assert [one.points[0].budget for one in (adam, lm)] == ["30 steps", "30 iterations"]


def test_runs_of_one_n_less_m_make_no_study_of_one_n():
    assert found(*(record(m, 1.0, 1.0, 1.0, seq_len=12 + m, **LM) for m in (0, 5, 8))) == []


def test_a_long_stride_that_leaves_one_window_is_no_full_bptt():
    runs = [record(m, 1.0, 1.0, 1.0 + m, seq_len=T - 9, **LM) for m in (0, 5)]
    (one,) = found(*runs, record(0, 1.0, 1.0, 7.0, seq_len=T, **LM))
    assert (list(one.points), one.bptt.test_median) == ([0, 5], 7.0)
