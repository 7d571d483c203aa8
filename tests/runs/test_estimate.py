import pytest

from sysid_tbptt.runs import estimate
from sysid_tbptt.runs.estimate import Estimate, Estimator
from sysid_tbptt.runs.provenance import device
from sysid_tbptt.runs.record import RunRecord, Time
from tests.conftest import config_of


def record(*, train_s, train_cpu_s=0.0, evaluate_s=0.0, where=None, status="ok", **changes):
    return RunRecord(
        run_id="a",
        status=status,
        engine="cpu",
        config=config_of(**changes),
        time=Time(train_s=train_s, train_cpu_s=train_cpu_s, evaluate_s=evaluate_s),
        provenance={"device": where or device()},
    )


@pytest.fixture
def trials(monkeypatch):
    """The configs that were tried; a trial says 2 s a step, and 1 s of the processor."""
    tried = []

    def trial(config, engine):
        tried.append(config)
        return 2.0, 1.0

    monkeypatch.setattr(estimate, "_try", trial)
    return tried


def test_runs_of_one_shape_take_the_median_of_the_records_and_their_evaluation(trials):
    spent = [(30.0, 15.0, 1.0), (60.0, 18.0, 2.0), (300.0, 21.0, 9.0)]
    records = [record(train_s=a, train_cpu_s=b, evaluate_s=c, seed=k) for k, (a, b, c) in enumerate(spent)]
    found = Estimator(records).estimate(config_of(steps=60, burn_in=7, seed=9), "cpu")
    assert found == Estimate(seconds=122.0, cpu_seconds=36.0, recorded=True)
    assert trials == []


def test_a_run_that_stopped_early_is_expected_to_do_so_again(trials):
    early = record(train_s=3.0).model_copy(update={"steps_done": 3})
    assert Estimator([early]).estimate(config_of(), "cpu").seconds == 3.0


@pytest.mark.parametrize(
    "changes",
    [{"where": "another machine"}, {"status": "diverged"}, {"seq_len": 13}, {"horizon": 2}, {"hidden_size": 5}],
    ids=lambda changes: " ".join(changes),
)
def test_records_of_other_machines_shapes_and_ends_are_no_measure(trials, changes):
    found = Estimator([record(train_s=30.0, **changes)]).estimate(config_of(), "cpu")
    assert (found.seconds, found.cpu_seconds, found.recorded) == (60.0, 30.0, False)


def test_another_engine_is_another_shape_and_each_is_tried_once(trials):
    estimator = Estimator([record(train_s=30.0)])
    assert [estimator.estimate(config_of(seed=k), "reference").recorded for k in range(3)] == [False] * 3
    assert len(trials) == 1


def test_evaluation_does_not_depend_on_the_window_but_for_forecasts(trials):
    simulated = Estimator([record(train_s=30.0, evaluate_s=5.0, seq_len=20)])
    assert simulated.estimate(config_of(), "cpu").seconds == 65.0
    forecast = Estimator([record(train_s=30.0, evaluate_s=5.0, seq_len=20, horizon=2)])
    assert forecast.estimate(config_of(horizon=2), "cpu").seconds == 60.0


def test_a_record_without_processor_time_counts_by_wall_clock(trials):
    assert Estimator([record(train_s=30.0)]).estimate(config_of(), "cpu").cpu_seconds == 30.0


def test_a_trial_is_a_training(own_log):
    config = config_of(dataset=str(own_log), split="file", steps=20)
    found = Estimator([]).estimate(config, "reference")
    assert 0 < found.seconds < 10
    assert 0 < found.cpu_seconds < 1.2 * found.seconds + 0.01


def test_a_model_that_fails_its_trial_stops_no_plan(own_log):
    config = config_of(dataset=str(own_log), split="file", model="tests.runs.models:missing")
    found = Estimator([]).estimate(config, "reference")
    assert (found.seconds, found.cpu_seconds, found.recorded) == (pytest.approx(1.0), 0.0, False)


def test_an_lm_run_takes_its_iterations_and_its_warm_start(trials):
    found = Estimator([]).estimate(config_of(optimiser="lm", steps=5, warm_steps=40), "cpu")
    assert (found.seconds, found.cpu_seconds) == (2.0 * 45, 45.0)
    assert [(config.optimiser, config.warm_steps) for config in trials] == [("lm", 40), ("adam", 0)]
