import numpy as np
import pandas as pd
import pytest

from sysid_tbptt.data.horizon import ahead
from sysid_tbptt.data.series import Series
from sysid_tbptt.errors import DataError
from sysid_tbptt.training.modules import windows_view


def by_pandas(series, horizon):
    """The targets, shifted back step by step; rows that lack one are dropped."""
    frame = pd.DataFrame(series.y)
    shifted = pd.concat([frame.shift(-step) for step in range(1, horizon + 1)], axis=1)
    return shifted.dropna().to_numpy()


@pytest.mark.parametrize("n_y", [1, 2])
@pytest.mark.parametrize("horizon", [1, 2, 7, 24])
def test_outputs_are_the_values_that_follow(make_data, horizon, n_y):
    data = make_data(lengths=(60, 45), n_y=n_y)
    made = ahead(data, horizon)
    for before, after in zip((*data.train, *data.test), (*made.train, *made.test), strict=True):
        assert np.array_equal(after.y, by_pandas(before, horizon))
        assert np.array_equal(after.u, before.u[: len(before) - horizon])
        assert (after.n_init, after.name, after.dt) == (before.n_init, before.name, before.dt)


@pytest.mark.parametrize("seq_len", [1, 5, 12])
@pytest.mark.parametrize("horizon", [1, 3, 10])
def test_every_step_of_every_window_has_the_values_that_follow_it(make_data, seq_len, horizon):
    """Against shifted columns of the record, for all windows, steps and horizons."""
    data = make_data(lengths=(40,))
    (series,), record = ahead(data, horizon).train, data.train[0]
    u, y = (windows_view(signal.astype(np.float32), seq_len).numpy() for signal in (series.u, series.y))
    assert len(u) == len(record) - seq_len - horizon + 1
    columns = pd.Series(record.y[:, 0].astype(np.float32))
    inputs = pd.Series(record.u[:, 0].astype(np.float32))
    for step in range(seq_len):
        assert np.array_equal(u[:, step, 0], inputs.shift(-step).to_numpy()[: len(u)])
        for p in range(horizon):
            assert np.array_equal(y[:, step, p], columns.shift(-(step + 1 + p)).to_numpy()[: len(y)])


def test_every_horizon_is_scaled_as_the_series(make_data):
    data = make_data(n_y=2)
    made = ahead(data, 3)
    scaled = made.scaler.scale_y(made.train[0].y)
    assert np.array_equal(scaled[:, 2:4], data.scaler.scale_y(data.train[0].y)[2 : 2 + len(scaled)])
    assert (made.horizon, made.n_y, made.revision) == (3, 6, data.revision)
    assert "next 3 samples" in made.protocol


def test_a_record_too_short_for_one_forecast_is_told(make_data):
    with pytest.raises(DataError, match=r"val: 100 samples with n_init=5 hold no forecast of 95 samples"):
        ahead(make_data(), 95)


def test_the_last_forecast_there_is_can_be_made(make_data):
    assert isinstance(ahead(make_data(), 94).val[0], Series)
