"""A torch module as a simulator, and records as tensors of windows. Only what needs torch imports this file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, Int64
from torch import Tensor

from ..errors import ModelError
from .inputs import fed, first_and_later
from .simulator import Simulator
from .weights import module_with


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
    """A torch module (B, N, n_in) -> (B, N, n_y) as a simulator of one record, from zero or from the outputs given.

    The module gets copies, which it may change.
    """

    def simulate(u: Float32[np.ndarray, "T n_u"], y_init: Float32[np.ndarray, "k n_y"]) -> Float32[np.ndarray, "T n_y"]:
        training = module.training
        module.eval()
        with torch.no_grad():
            y_hat = _outputs(module, u, y_init)
        module.train(training)
        if y_hat.ndim != 3 or y_hat.shape[:2] != (1, len(u)):
            raise ModelError(f"the model gave shape {tuple(y_hat.shape)}, expected (1, {len(u)}, n_y)")
        return y_hat[0].detach().float().numpy().copy()

    return simulate


def _outputs(module: Any, u: Float32[np.ndarray, "T n_u"], y_init: Float32[np.ndarray, "k n_y"]) -> Tensor:
    """Outputs (1, T, n_y) of one record."""
    if starts_from_outputs(module):
        outputs: Tensor = module.forward_after(torch.tensor(u)[None], torch.tensor(y_init)[None])
    else:
        outputs = module(torch.tensor(fed(u, y_init))[None])
    return outputs


def simulator_with(module: torch.nn.Module, weights: Mapping[str, np.ndarray]) -> Simulator:
    """A copy of the module, with other weights, as a simulator."""
    return module_simulator(module_with(module, weights))


def windows_view(signal: Float32[np.ndarray, "T C"], seq_len: int) -> Float32[torch.Tensor, "W N C"]:
    """All subsequences of a signal as a strided view (W = T-N+1); nothing is copied."""
    return torch.from_numpy(signal).unfold(0, seq_len, 1).transpose(1, 2)


def window_inputs(
    u: Float32[np.ndarray, "T n_u"], y: Float32[np.ndarray, "T n_y"], seq_len: int, init_outputs: int
) -> Callable[[Int64[Tensor, " B"]], Float32[Tensor, "B N n_in"]]:
    """A function that gathers a network's inputs in the windows that begin at given samples."""
    known, unknown = (windows_view(record, seq_len) for record in first_and_later(u, y, init_outputs))
    if not init_outputs:
        return unknown.__getitem__
    return lambda windows: torch.cat([known[windows, :init_outputs], unknown[windows, init_outputs:]], dim=1)
