import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sysid_tbptt.data.scaler import Scaler
from sysid_tbptt.data.series import Series, Units
from sysid_tbptt.errors import DataError


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


def test_a_tiny_signal_is_no_constant():
    y = 1e-9 * np.random.default_rng(4).normal(size=(50, 1))
    assert np.isclose(Scaler.fit([record(y, y)]).y_std, y.std())
