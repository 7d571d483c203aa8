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


def validation_mse(
    simulate: Simulator, records: Iterable[tuple[np.ndarray, np.ndarray]], init_outputs: int, n_init: int = 0
) -> float:
    """`mse_scaled` of standardised records (u, y), after ``n_init`` samples and the outputs that are given."""
    k, first = init_outputs, max(init_outputs, n_init)
    return mse_scaled((y[first:], simulate(u, y[:k])[first:]) for u, y in records)
