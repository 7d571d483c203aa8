from sysid_tbptt.report.frame import frame
from sysid_tbptt.report.questions import baselines
from sysid_tbptt.report.studies import studies
from tests.report.made_up import CARRIED, FULL, record, study


def rows(*records):
    return baselines.rows(studies(frame(records)))


def test_errors_are_told_as_multiples_of_those_at_m_0_and_m_star():
    found = rows(*study(batch_size=6), record(0, 0.5, 1.0, 12.0, **CARRIED), record(0, 0.1, 1.0, 4.0, **FULL))
    assert found[["baseline", "rule", "m_star"]].to_numpy().tolist() == [
        [name, rule, m] for name in ("stateful", "full BPTT") for rule, m in (("paper", 5), ("val", 8))
    ]
    assert found["test_times_m0"].tolist() == [1.5, 1.5, 0.5, 0.5]
    assert found["test_times_mstar"].tolist() == [2.0, 6.0, 4 / 6, 2.0]
    assert found["train_times_mstar"].tolist() == [0.5, 0.25, 0.1, 0.05]
    assert found["baseline_gap"].tolist() == [24.0, 24.0, 40.0, 40.0]
    assert found["mstar_gap"].tolist() == [6.0, 1.0, 6.0, 1.0]
    assert set(found["m0_gap"]) == {2.0}


def test_medians_over_the_seeds_of_the_baseline():
    full = [
        record(0, train, 1.0, test, seed=seed, **FULL) for seed, (train, test) in enumerate(((1, 9), (2, 3), (9, 4)))
    ]
    found = rows(*study(), *full)
    assert set(found["baseline_train"]) == {2.0}
    assert set(found["baseline_test"]) == {4.0}
    assert set(found["baseline_seeds"]) == {3}


def test_without_a_baseline_there_is_no_row():
    assert rows(*study()).empty


def test_the_seeds_of_both_are_shown_where_they_differ():
    full = [record(0, 1.0, 1.0, 1.0, seed=seed, **FULL) for seed in (0, 1)]
    carried = record(0, 1.0, 1.0, 1.0, **CARRIED)
    found = baselines.readable(rows(*study(batch_size=6), carried, *full))
    assert dict(zip(found["baseline"], found["seeds"], strict=True)) == {"stateful": "1", "full BPTT": "2 against 1"}
