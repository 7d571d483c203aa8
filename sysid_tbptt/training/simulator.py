"""A trained module as a free-run simulator of standardised records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from ..errors import ModelError
from .inputs import fed

Simulator = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Standardised input (T, n_u), measured outputs (k, n_y) of the first k >= 0 steps -> output (T, n_y)."""


def starts_from_outputs(module: torch.nn.Module) -> bool:
    """Whether the module's free run starts from measured outputs, see `sysid_tbptt.models.base.StartsFromOutputs`."""
    return hasattr(module, "solve") and hasattr(module, "forward_after")


def outputs_given(module: torch.nn.Module, *, init_outputs: int, n_init: int) -> int:
    """Measured outputs that a simulation of a record may start from.

    All ``n_init`` samples of the benchmark's init window where the module starts from outputs, else the
    ``init_outputs`` of its config.
    """
    return n_init if starts_from_outputs(module) else init_outputs


def module_simulator(module: torch.nn.Module) -> Simulator:
    """A torch module (B, N, n_in) -> (B, N, n_y) as a simulator of one record, from zero or from the outputs given."""

    def simulate(u: Float32[np.ndarray, "T n_u"], y_init: Float32[np.ndarray, "k n_y"]) -> Float32[np.ndarray, "T n_y"]:
        training = module.training
        module.eval()
        with torch.no_grad():
            y_hat = _outputs(module, u, y_init)
        module.train(training)
        if y_hat.ndim != 3 or y_hat.shape[:2] != (1, len(u)):
            raise ModelError(f"the model gave shape {tuple(y_hat.shape)}, expected (1, {len(u)}, n_y)")
        return y_hat[0].numpy()

    return simulate


def _outputs(module: Any, u: Float32[np.ndarray, "T n_u"], y_init: Float32[np.ndarray, "k n_y"]) -> Tensor:
    """Outputs (1, T, n_y) of one record."""
    if starts_from_outputs(module):
        outputs: Tensor = module.forward_after(torch.from_numpy(u)[None], torch.from_numpy(y_init)[None])
    else:
        outputs = module(torch.from_numpy(fed(u, y_init))[None])
    return outputs


def simulator_with(module: torch.nn.Module, weights: Mapping[str, np.ndarray]) -> Simulator:
    """A copy of the module, with other weights, as a simulator."""
    return module_simulator(module_with(module, weights))


def module_with(module: torch.nn.Module, weights: Mapping[str, np.ndarray]) -> torch.nn.Module:
    """A copy of the module with other weights."""
    module = deepcopy(module)
    module.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
    return module


def mse_scaled(pairs: Iterable[tuple[np.ndarray, np.ndarray]]) -> float:
    """Mean squared error over all steps and channels of all (y, y_hat) pairs of standardised records."""
    errors = [np.square(y_hat.astype(np.float64) - y) for y, y_hat in pairs]
    return float(sum(e.sum() for e in errors) / sum(e.size for e in errors))


def validation_mse(simulate: Simulator, records: Iterable[tuple[np.ndarray, np.ndarray]], init_outputs: int) -> float:
    """`mse_scaled` of standardised records (u, y), after the outputs that the simulator is given."""
    k = init_outputs
    return mse_scaled((y[k:], simulate(u, y[:k])[k:]) for u, y in records)
