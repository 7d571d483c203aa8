import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sysid_tbptt.runs.agreement import agreement, agreement_of_weights, together
from sysid_tbptt.runs.record import Loss, Optimum, RunRecord
from tests.conftest import config_of

SCORES = {"mse_scaled": 0.5, "rmse": [1.0, 2.0], "unit": ["V", "A"], "fit": [1e-9, 50.0], "r2": [0.1, None]}


def record(*, score=None, loss=None, **fields):
    metrics = {"train": SCORES, "val": SCORES, "test": {"high": SCORES | (score or {})}}
    changes = {"run_id": "a", "status": "ok", "config": config_of(), "metrics": metrics, "steps_done": 30}
    return RunRecord(**changes | {"loss": Loss(**{"curve": [0.3, 0.1], **(loss or {})})} | fields)


def stored(one):
    """As it comes back from disk."""
    return RunRecord.from_line(one.to_line())


def names(found):
    return [one.name for one in found.differences]


@given(st.floats(min_value=-1e6, max_value=1e6))
def test_only_the_same_bits_are_identical(value):
    one = stored(record(score={"mse_scaled": value}))
    assert agreement(one, record(score={"mse_scaled": value})).identical
    other = agreement(one, record(score={"mse_scaled": np.nextafter(value, np.inf)}))
    assert names(other) == ["metrics.test.high.mse_scaled"]
    assert 0 < other.largest <= 1


@pytest.mark.parametrize("dtype", ["bool", "int8", "int64", "float16", "float64", "complex64"])
def test_weights_of_every_type_are_compared(dtype):
    weights = {"w": np.array([0, 1, 1]).astype(dtype)}
    assert agreement_of_weights(weights, {"w": weights["w"].copy()}).identical
    other = {"w": np.array([0, 0, 1]).astype(dtype)}
    assert agreement_of_weights(weights, other).largest == 1.0


def test_the_imaginary_part_of_a_weight_counts():
    found = agreement_of_weights({"w": np.array([2 + 1j])}, {"w": np.array([2 + 0.5j])})
    assert (names(found), found.largest) == (["weights.w[0, 1]"], 0.25)


def test_signs_of_zero_are_told_apart():
    found = agreement(stored(record(score={"mse_scaled": 0.0})), record(score={"mse_scaled": -0.0}))
    assert (names(found), found.largest) == (["metrics.test.high.mse_scaled"], 0.0)


@pytest.mark.parametrize(
    ("other", "named"),
    [
        (record(score={"rmse": [1.0, 3.0]}), {"metrics.test.high.rmse[1]": 1 / 3}),
        (record(score={"unit": ["V", "mA"]}), {"metrics.test.high.unit[1]": np.inf}),
        (record(score={"r2": [0.1, 0.2]}), {"metrics.test.high.r2[1]": np.inf}),
        (record(loss={"curve": [0.3, 0.2]}), {"loss.curve[1]": 0.5}),
        (record(loss={"curve": [0.3]}), {"loss.curve.length": np.inf, "loss.curve[1]": np.inf}),
        (record(loss={"validation": [0.5]}), {"loss.validation.length": np.inf}),
        (record(loss={"best_step": 7}), {"loss.best_step": np.inf}),
        (record(steps_done=31), {"steps_done": np.inf}),
        (record(parameters=9), {"parameters": np.inf}),
        (record(status="diverged", reason="at 3"), {"status": np.inf, "reason": np.inf}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
)
def test_what_differs_is_named_with_how_much(other, named):
    found = agreement(stored(record()), other)
    assert {one.name: one.relative for one in found.differences} == pytest.approx(named)


def test_measures_that_are_differences_are_seen_against_the_whole():
    found = agreement(stored(record()), record(score={"fit": [2e-9, 50.0], "r2": [0.2, None]}))
    assert [one.relative for one in found.differences] == pytest.approx([0.1, 1e-11])


def test_time_and_provenance_are_no_numbers_of_a_run():
    assert agreement(stored(record(provenance={"device": "x"})), record(provenance={"device": "y"})).identical


def test_what_an_older_record_does_not_tell_is_left_out():
    old = stored(record(windows=5)).to_line().replace(',"windows":5', "").replace('"r2":[0.1,null],', "")
    assert '"windows"' not in old
    assert agreement(RunRecord.from_line(old), record(windows=7, score={"r2": [0.5, None]})).identical


def test_outputs_of_an_optimum_are_seen_against_the_largest():
    def solved(small):
        optimum = Optimum(loss=0.1, w_hh=0.5, y_hat=[[[4.0], [small]]], coercivity=1.0, iterations=3)
        return record(optimum=optimum)

    found = agreement(stored(solved(1e-9)), solved(2e-9))
    assert names(found) == ["optimum.y_hat[0, 1, 0]"]
    assert found.largest == pytest.approx(2.5e-10)


def test_weights_are_compared_by_name_shape_and_bits():
    ours = {"a": np.array([[1.0, 4.0]], np.float32), "b": np.zeros(2, np.float32)}
    assert agreement_of_weights(ours, ours | {"new": np.ones(1)}).identical
    assert agreement_of_weights(ours, ours).compared == 4
    moved = agreement_of_weights(ours, ours | {"a": np.array([[1.5, 4.0]], np.float32)})
    assert [(one.name, one.recorded, one.again) for one in moved.differences] == [("weights.a[0, 0]", 1.0, 1.5)]
    assert moved.largest == pytest.approx(0.125)
    assert names(agreement_of_weights(ours, {"b": ours["b"]})) == ["weights.a.shape"]
    assert agreement_of_weights(ours, ours | {"b": np.array([0, np.nan], np.float32)}).largest == np.inf


def test_several_agreements_are_one_with_the_largest_difference_first():
    parts = [agreement(stored(record()), record(score={"mse_scaled": 0.5 + k * 0.1})) for k in (0, 1, 3)]
    whole = together(*parts)
    assert whole.compared == sum(part.compared for part in parts)
    assert [one.again for one in whole.differences] == [0.8, 0.6]


def test_another_reason_to_end_is_a_difference():
    fields = {"config": config_of(optimiser="lm"), "ended": "converged"}
    one = stored(record(**fields))
    assert agreement(one, record(**fields)).identical
    other = agreement(one, record(**fields | {"ended": "stuck"}))
    assert (names(other), other.largest) == (["ended"], np.inf)
