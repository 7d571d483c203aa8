import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sysid_tbptt.data.series import Series, Units
from sysid_tbptt.errors import StoreError
from sysid_tbptt.report.figures.simulation import WINDOW
from sysid_tbptt.report.site.runs import Runs
from sysid_tbptt.report.site.simulations import STRETCHES, signals, simulations
from sysid_tbptt.runs.predictions import Prediction, write_predictions
from sysid_tbptt.runs.store import Store
from tests.report.made_up import record


def prediction(length, seed=0, n_init=5):
    rng = np.random.default_rng(seed)
    y = rng.normal(size=(length, 1)).astype(np.float32)
    return Prediction("test", y, y + rng.normal(size=(length, 1)).astype(np.float32), n_init, 0.1, ("V",))


@given(length=st.integers(7 * STRETCHES, 30_000), seed=st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_long_records_are_bounded_and_keep_their_extremes(length, seed):
    whole = prediction(length, seed)
    shown = signals(whole, 0)
    assert len(shown["k"]) <= 6 * STRETCHES + WINDOW + 2
    assert shown["k"] == sorted(set(shown["k"]))
    assert (shown["k"][0], shown["k"][-1]) == (0, length - 1)
    y, error = np.array(shown["y"]), np.array(shown["y"]) - np.array(shown["y_hat"])
    for thin, full in ((y, whole.y), (error, whole.y.astype(float) - whole.y_hat.astype(float))):
        assert thin.max() == pytest.approx(full.max(), rel=1e-4)
        assert thin.min() == pytest.approx(full.min(), rel=1e-4)


def test_the_stretch_with_the_largest_error_is_whole():
    whole = prediction(20_000)
    whole.y_hat[9000:9100] += 50
    shown = signals(whole, 0)
    low, high = shown["worst"]
    assert high - low == WINDOW - 1
    assert low <= 9000
    assert high >= 9099
    assert set(range(low, high + 1)) <= set(shown["k"])


def test_short_records_are_whole():
    whole = prediction(400)
    shown = signals(whole, 0)
    assert shown["k"] == list(range(400))
    assert shown["y"] == pytest.approx(whole.y[:, 0].tolist(), rel=1e-5)
    assert shown["y_hat"] == pytest.approx(whole.y_hat[:, 0].tolist(), rel=1e-5)


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path)
    for m, val in ((0, 3.0), (5, 1.0), (8, 2.0)):
        run = record(m, 1.0, val, {"test": 1.0})
        store.save(run)
        write(store, run, "test")
    return store


def write(store, run, name):
    y = np.sin(np.arange(400.0))[:, None]
    series = Series(y, y, 0.1, Units(u=("V",), y=("V",)), 5, name)
    write_predictions(store.predictions(run.run_id), [series], {name: 0.9 * y})


def test_of_each_model_the_run_with_the_least_validation_error_is_shown(store):
    (shown,) = simulations(store, Runs(store))
    assert (shown["burn_in"], shown["rmse"], shown["unit"], shown["n_init"]) == (5, 1.0, "V", 5)
    assert shown["title"] == "first_order (test · made)"


def test_predictions_of_another_test_set_are_told(store):
    write(store, next(run for run in store.records() if run.config.burn_in == 5), "other")
    with pytest.raises(StoreError, match="holds other test sets"):
        simulations(store, Runs(store))


def test_no_predictions_no_simulations(store):
    for path in (store.root / "predictions").iterdir():
        path.unlink()
    assert simulations(store, Runs(store)) == []
