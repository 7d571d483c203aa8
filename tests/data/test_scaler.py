import pickle
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sysid_tbptt.data.scaler import ChannelError, Place, Scaler
from sysid_tbptt.data.series import Dataset, Series, Units
from sysid_tbptt.errors import DataError
from sysid_tbptt.training.metrics import score


def record(u, y, name="r"):
    units = Units(u=("-",) * u.shape[1], y=("-",) * y.shape[1])
    return Series(u, y, 1.0, units, 0, name)


@given(st.integers(0, 2**32 - 1), st.floats(1e-6, 1e6), st.floats(-1e3, 1e3))
def test_scaled_training_part_has_zero_mean_and_unit_population_std(seed, spread, offset):
    rng = np.random.default_rng(seed)
    train = record(rng.normal(size=(200, 2)), offset * spread + spread * rng.normal(size=(200, 3)))
    scaler = Scaler.fit([train])
    for scaled in (scaler.scale_u(train.u), scaler.scale_y(train.y)):
        assert scaled.dtype == np.float32
        assert np.allclose(scaled.mean(axis=0, dtype=np.float64), 0, atol=1e-4)
        assert np.allclose(scaled.std(axis=0, dtype=np.float64, ddof=0), 1, atol=1e-4)


def test_unscaling_gives_the_signal_back():
    rng = np.random.default_rng(1)
    train = record(rng.normal(size=(100, 1)), 5 + 3 * rng.normal(size=(100, 2)))
    scaler = Scaler.fit([train])
    assert np.allclose(scaler.unscale_y(scaler.scale_y(train.y)), train.y, rtol=0, atol=1e-5)


def test_several_records_weigh_by_their_samples():
    rng = np.random.default_rng(2)
    records = [record(k + rng.normal(size=(n, 1)), rng.normal(size=(n, 1))) for k, n in enumerate((10, 200))]
    joint = np.concatenate([r.u for r in records])
    scaler = Scaler.fit(records)
    assert np.allclose(scaler.u_mean, joint.mean(axis=0))
    assert np.allclose(scaler.u_std, joint.std(axis=0))


@pytest.mark.parametrize("level", [0.0, 0.1, -3e8])
def test_constant_channel_is_named(level):
    rng = np.random.default_rng(3)
    y = np.column_stack([rng.normal(size=50), np.full(50, level)])
    with pytest.raises(DataError, match="motor: channel 1 of y is constant over the training part"):
        Scaler.fit([record(rng.normal(size=(50, 1)), y)], name="motor")


@pytest.mark.parametrize("size", [1e-300, 1e-200, 1e-45, 1e-39])
def test_a_signal_that_float32_cannot_tell_from_a_constant_is_named(size):
    y = size * np.random.default_rng(4).normal(size=(50, 1))
    with pytest.raises(DataError, match=r"motor: channel 0 of u hardly varies .*; .*write it in another unit"):
        Scaler.fit([record(y, y)], name="motor")


@pytest.mark.parametrize("std", [0.0, -1.0, np.nan, np.inf])
def test_a_scaler_has_positive_deviations(std):
    with pytest.raises(DataError, match="must be positive"):
        Scaler(np.zeros(1), np.ones(1), np.zeros(1), np.array([std]))


sizes = st.floats(-1e38, 1e38) | st.floats(-1e3, 1e3) | st.sampled_from([0.0, 1e-38, -1e30, 3.4e38])


@given(train=st.lists(sizes, min_size=2, max_size=8), test=st.lists(sizes, min_size=1, max_size=8))
def test_all_that_passes_is_standardized_and_scored_in_finite_numbers(train, test):
    """Whatever is loaded: finite float32, squares too, and an error is 0 only where the outputs are equal."""
    train, test = (np.array(values)[:, None] for values in (train, test))
    units = Units(u=("V",), y=("V",))
    try:
        parts = [(Series(values, values, 1.0, units, 0, name),) for name, values in (("train", train), ("test", test))]
        data = Dataset("motor", "made", parts[0], parts[1], parts[1], "", "", "0")
    except DataError as error:
        assert re.match("motor: channel 0 of [uy] (is constant|hardly varies|at sample [0-9] of)", str(error))
        return
    scaled = data.scaler.scale_y(test)
    assert np.isfinite(np.square(scaled)).all()
    assert np.allclose(data.scaler.unscale_y(scaled), test, rtol=1e-6, atol=1e-6 * data.scaler.y_std[0])
    found = score(y=test, y_hat=np.repeat(data.scaler.y_mean[None], len(test), axis=0))
    assert np.isfinite(found["rmse"]).all()
    assert (found["rmse"] > 0) == (test != data.scaler.y_mean).any()


def test_a_sample_that_is_too_far_away_is_named():
    rng = np.random.default_rng(5)
    u, y = rng.normal(size=(50, 1)), rng.normal(size=(50, 2))
    far = y.copy()
    far[[17, 30], 1] = -1e20
    with pytest.raises(
        ChannelError, match=r"motor: channel 1 of y at sample 17 of 'r' holds -1e\+20, which is"
    ) as told:
        Scaler.fit([record(u, y)]).check(record(u, far), name="motor")
    again = pickle.loads(pickle.dumps(told.value))
    assert (str(again), again.place) == (str(told.value), Place("y", 1, "r", 17))


def test_a_tiny_signal_is_no_constant():
    y = 1e-9 * np.random.default_rng(4).normal(size=(50, 1))
    assert np.isclose(Scaler.fit([record(y, y)]).y_std, y.std())
