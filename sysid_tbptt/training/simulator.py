"""A trained module as a free-run simulator of standardised records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np
import torch
from jaxtyping import Float32

from ..errors import ModelError
from .inputs import fed
from .weights import module_with

Simulator = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Standardised input (T, n_u), measured outputs (k, n_y) of the first k >= 0 steps -> output (T, n_y)."""


def module_simulator(module: torch.nn.Module) -> Simulator:
    """A torch module (B, N, n_in) -> (B, N, n_y) as a simulator of one record, from a zero state.

    The module gets a copy of the record, which it may change.
    """

    def simulate(u: Float32[np.ndarray, "T n_u"], y_init: Float32[np.ndarray, "k n_y"]) -> Float32[np.ndarray, "T n_y"]:
        training = module.training
        module.eval()
        with torch.no_grad():
            y_hat = module(torch.tensor(fed(u, y_init))[None])
        module.train(training)
        if y_hat.ndim != 3 or y_hat.shape[:2] != (1, len(u)):
            raise ModelError(f"the model gave shape {tuple(y_hat.shape)}, expected (1, {len(u)}, n_y)")
        return y_hat[0].float().numpy().copy()

    return simulate


def simulator_with(module: torch.nn.Module, weights: Mapping[str, np.ndarray]) -> Simulator:
    """A copy of the module, with other weights, as a simulator."""
    return module_simulator(module_with(module, weights))


def mse_scaled(pairs: Iterable[tuple[np.ndarray, np.ndarray]]) -> float:
    """Mean squared error over all steps and channels of all (y, y_hat) pairs of standardised records."""
    errors = [np.square(y_hat.astype(np.float64) - y) for y, y_hat in pairs]
    return float(sum(e.sum() for e in errors) / sum(e.size for e in errors))


def validation_mse(simulate: Simulator, records: Iterable[tuple[np.ndarray, np.ndarray]], init_outputs: int) -> float:
    """`mse_scaled` of standardised records (u, y), after the outputs that the simulator is given."""
    k = init_outputs
    return mse_scaled((y[k:], simulate(u, y[:k])[k:]) for u, y in records)
