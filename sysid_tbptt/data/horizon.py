"""Direct multi-horizon forecasts: outputs that hold, at every step, the next P values."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..config import RunConfig
from ..errors import DataError
from .scaler import Scaler
from .series import Dataset, Series, Units


def ahead(data: Dataset, horizon: int) -> Dataset:
    """The data set to forecast: at step t the input u_t, and as output the ``horizon`` values y_{t+1} ... y_{t+P}.

    Each record of T samples becomes one of T - P, whose output has P n_y channels, step by step, scaled as y was over
    the training part. ``n_init`` stays: the first forecast that is scored is made at that sample.

    Raises:
        DataError: a record is too short for one forecast.
    """
    scaler = data.scaler
    return replace(
        data,
        train=tuple(_ahead(series, horizon) for series in data.train),
        val=tuple(_ahead(series, horizon) for series in data.val),
        test=tuple(_ahead(series, horizon) for series in data.test),
        protocol=f"{data.protocol}; direct forecasts of the next {horizon} samples",
        given_scaler=Scaler(
            scaler.u_mean, scaler.u_std, np.tile(scaler.y_mean, horizon), np.tile(scaler.y_std, horizon)
        ),
        horizon=horizon,
    )


def _ahead(series: Series, horizon: int) -> Series:
    if len(series) - horizon <= series.n_init:
        raise DataError(
            f"{series.name}: {len(series)} samples with n_init={series.n_init} hold no forecast of {horizon} samples; "
            "choose a smaller horizon or another cut"
        )
    following = np.lib.stride_tricks.sliding_window_view(series.y[1:], horizon, axis=0)
    targets = following.transpose(0, 2, 1).reshape(len(following), -1)
    units = Units(series.units.u, series.units.y * horizon)
    return Series(series.u[: len(targets)], targets, series.dt, units, series.n_init, series.name)


def look_back(config: RunConfig, data: Dataset) -> int:
    """Inputs that a forecast is made from: N; after full BPTT, where a record has one window and so one forecast,
    m + 1, so that forecasts begin with the first scored step."""
    whole = max(len(series) for series in data.train) == config.seq_len
    return config.burn_in + 1 if whole else config.seq_len


def first_forecast(series: Series, seq_len: int) -> int:
    """The sample at which the first forecast that is scored is made: after n_init, and a window of ``seq_len``."""
    return max(series.n_init, seq_len - 1)
