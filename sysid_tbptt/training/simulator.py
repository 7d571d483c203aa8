"""Free-run simulators, and their error on standardised records."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

Simulator = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Standardised input (T, n_u), measured outputs (k, n_y) of the first k >= 0 steps -> output (T, n_y)."""


def mse_scaled(pairs: Iterable[tuple[np.ndarray, np.ndarray]]) -> float:
    """Mean squared error over all steps and channels of all (y, y_hat) pairs of standardised records."""
    errors = [np.square(y_hat.astype(np.float64) - y) for y, y_hat in pairs]
    return float(sum(e.sum() for e in errors) / sum(e.size for e in errors))


def validation_mse(simulate: Simulator, records: Iterable[tuple[np.ndarray, np.ndarray]], init_outputs: int) -> float:
    """`mse_scaled` of standardised records (u, y), after the outputs that the simulator is given."""
    k = init_outputs
    return mse_scaled((y[k:], simulate(u, y[:k])[k:]) for u, y in records)
