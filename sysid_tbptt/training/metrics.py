"""Measures of a prediction against a measurement. Arguments are keyword-only: swapping them changes R2."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float64

from ..errors import ModelError


def score(
    *, y: Float[np.ndarray, "T n_y"], y_hat: Float[np.ndarray, "T n_y"], n_init: int = 0
) -> dict[str, Float64[np.ndarray, " n_y"]]:
    """Per-channel scores after the first ``n_init`` samples, in the unit of ``y``.

    ``rmse`` and ``mae`` carry the unit of y; ``nrmse`` is the RMSE over the standard deviation of y,
    ``fit`` = 100 (1 - |y - y_hat| / |y - mean y|) in percent, ``r2`` the coefficient of determination.

    Raises:
        ModelError: the shapes differ, or n_init is negative or leaves no sample to score.
    """
    if y.shape != y_hat.shape:
        raise ModelError(f"y_hat has shape {y_hat.shape}, expected that of y: {y.shape}")
    if not 0 <= n_init < len(y):
        raise ModelError(f"n_init={n_init} must lie in [0, {len(y)}), so that a sample is left to score")
    y, error = y[n_init:].astype(np.float64), (y_hat - y)[n_init:].astype(np.float64)
    return _scores(y, error)


def _scores(y: Float64[np.ndarray, "T n_y"], error: Float64[np.ndarray, "T n_y"]) -> dict[str, np.ndarray]:
    mse, variance = np.mean(error**2, axis=0), np.var(y, axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = mse / variance
    return {
        "rmse": np.sqrt(mse),
        "nrmse": np.sqrt(relative),
        "fit": 100 * (1 - np.sqrt(relative)),
        "r2": 1 - relative,
        "mae": np.mean(np.abs(error), axis=0),
    }
