"""Forecasts of whole records, and what a forecasting run is scored by.

A network that is trained to give the next P values at every step of a subsequence of N is asked for a forecast by the N
last inputs, from a zero state; the one at the last step counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32

from ..data.horizon import first_forecast
from ..data.scaler import Scaler
from ..data.series import Dataset, Series
from ..errors import ConfigError
from .metrics import score
from .modules import windows_view
from .weights import module_with

Metrics = dict[str, Any]
_BATCH, _SAMPLES = 256, 50_000
"""Windows at once, and samples in them: outputs at every step are in memory together."""


def forecast(module: torch.nn.Module, u: Float32[np.ndarray, "T n_u"], seq_len: int) -> Float32[np.ndarray, "W n_out"]:
    """The forecast made at the end of each window of ``seq_len`` inputs, W = T - N + 1; standardised units.

    The module gets copies of the windows, which overlap in ``u``: it may change them.
    """
    windows = windows_view(u, seq_len)
    training = module.training
    module.eval()
    with torch.no_grad():
        batches = windows.split(max(1, min(_BATCH, _SAMPLES // seq_len)))
        made = [module(batch.clone())[:, -1].clone() for batch in batches]
    module.train(training)
    return torch.cat(made).float().numpy()


def check_windows(data: Dataset, seq_len: int) -> None:
    """Raises ConfigError where a part is too short for a forecast from ``seq_len`` inputs.

    Each validation and test record must hold one, so that all runs are scored on the same records, and one training
    record.
    """
    short = [series for series in (*data.val, *data.test) if not _holds_forecast(series, seq_len)]
    if not any(_holds_forecast(series, seq_len) for series in data.train):
        short.append(max(data.train, key=len))
    if short:
        raise ConfigError(
            f"{short[0].name}: {len(short[0])} steps hold no window of seq_len={seq_len}; choose a smaller seq_len"
        )


def _holds_forecast(series: Series, seq_len: int) -> bool:
    return first_forecast(series, seq_len) < len(series)


def evaluate_forecasts(
    module: torch.nn.Module, weights: Mapping[str, np.ndarray], data: Dataset, seq_len: int
) -> Metrics:
    """Metrics of every part of a data set of `sysid_tbptt.data.horizon.ahead`, from windows of ``seq_len`` inputs.

    In each record forecasts are made from sample max(n_init, N - 1) on. ``mse_scaled`` and ``mae_scaled`` are means
    over them and all horizons and channels, in standardised units; the other scores are per channel in physical units,
    over all horizons; ``n_scored`` counts forecasts. ``mse_paper`` of the test sets divides the sum by the samples of
    the part, as Schiller et al. 2026 do, and not by the forecasts, which are P - 1 fewer. That holds where
    n_init >= N - 1, as on the forecasting series, whose parts reach back: else forecasts begin at sample N - 1, and the
    divisor counts the samples from there on only.
    Every part holds a window, see `check_windows`; training records without one are not scored.
    """
    module = module_with(module, weights)
    assert data.horizon is not None
    train = [series for series in data.train if _holds_forecast(series, seq_len)]
    test = {series.name: _scores(module, [series], data.scaler, seq_len, data.horizon) for series in data.test}
    for scores in test.values():
        forecasts = scores["n_scored"]
        scores["mse_paper"] = scores["mse_scaled"] * forecasts / (forecasts + data.horizon - 1)
    return {
        "train": _scores(module, train, data.scaler, seq_len, data.horizon),
        "val": _scores(module, data.val, data.scaler, seq_len, data.horizon),
        "test": test,
    }


def _scores(module: torch.nn.Module, records: Sequence[Series], scaler: Scaler, seq_len: int, horizon: int) -> Metrics:
    scaled, physical = [], []
    for series in records:
        first = first_forecast(series, seq_len)
        made = forecast(module, scaler.scale_u(series.u[first - seq_len + 1 :]), seq_len)
        scaled.append(made - scaler.scale_y(series.y[first:]))
        physical.append((series.y[first:], scaler.unscale_y(made)))
    error = np.concatenate(scaled).astype(np.float64)
    y, y_hat = (np.concatenate(arrays) for arrays in zip(*physical, strict=True))
    n_y = y.shape[1] // horizon
    by_channel = score(y=y.reshape(-1, n_y), y_hat=y_hat.reshape(-1, n_y))
    return {
        "mse_scaled": float(np.mean(error**2)),
        "mae_scaled": float(np.mean(np.abs(error))),
        **{key: value.tolist() for key, value in by_channel.items()},
        "unit": list(records[0].units.y[:n_y]),
        "n_scored": len(error),
    }
