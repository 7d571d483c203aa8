"""The zoo's recurrent networks: Elman RNN (tanh), GRU, LSTM, with a linear read-out."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from .base import State

CELLS: dict[str, Callable[..., torch.nn.RNNBase]] = {"rnn": torch.nn.RNN, "gru": torch.nn.GRU, "lstm": torch.nn.LSTM}
"""Torch's own modules by the zoo's names."""


class Recurrent(torch.nn.Module):
    """h_t = f(h_{t-1}, u_t), y_t = W h_t + b, from a zero state.

    ``rnn`` is built before ``readout``: published weights load by name, and the random draws match the reference
    experiment's.
    """

    def __init__(self, cell: str, *, n_u: int, n_y: int, hidden_size: int, num_layers: int = 1) -> None:
        super().__init__()
        self.rnn = CELLS[cell](n_u, hidden_size, num_layers, batch_first=True)
        self.readout = torch.nn.Linear(hidden_size, n_y)

    def forward(self, u: Float[Tensor, "B N n_u"]) -> Float[Tensor, "B N n_y"]:
        return self.forward_from(u, None)[0]

    def forward_from(self, u: Float[Tensor, "B N n_u"], state: State | None) -> tuple[Float[Tensor, "B N n_y"], State]:
        """Outputs, and the state after the last step; ``state`` is torch's own, (L, B, H) each, or None for zero."""
        h, state = self.rnn(u, state)
        return self.readout(h), state
