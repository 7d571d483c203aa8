"""The linear recurrent network of the reference paper's section 5.1: no biases, no nonlinearity."""

from __future__ import annotations

from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import ModelError
from .base import State


class LinearRecurrent(torch.nn.Module):
    """h_t = W_hh h_{t-1} + W_xh u_t, y_t = W_hy h_t, from a zero state.

    ``w_hh`` (H, H), ``w_xh`` (H, n_u) and ``w_hy`` (n_y, H) are drawn as torch draws those of its recurrent layers,
    uniformly within 1 / sqrt(H).

    Raises:
        ModelError: more than one layer was asked for, which in a linear network adds nothing but width.
    """

    def __init__(self, *, n_u: int, n_y: int, hidden_size: int, num_layers: int = 1) -> None:
        super().__init__()
        if num_layers != 1:
            raise ModelError(f"linear_rnn has one layer, not num_layers={num_layers}; choose a larger hidden_size")
        bound = hidden_size**-0.5
        self.w_hh = torch.nn.Parameter(torch.empty(hidden_size, hidden_size).uniform_(-bound, bound))
        self.w_xh = torch.nn.Parameter(torch.empty(hidden_size, n_u).uniform_(-bound, bound))
        self.w_hy = torch.nn.Parameter(torch.empty(n_y, hidden_size).uniform_(-bound, bound))

    def forward(self, u: Float[Tensor, "B N n_u"]) -> Float[Tensor, "B N n_y"]:
        return self.forward_from(u, None)[0]

    def forward_from(self, u: Float[Tensor, "B N n_u"], state: State | None) -> tuple[Float[Tensor, "B N n_y"], State]:
        """Outputs, and the state (B, H) after the last step; ``state`` None is zero."""
        h = u.new_zeros(len(u), len(self.w_hh)) if state is None else cast(Tensor, state)
        drive, states = u @ self.w_xh.T, []
        for t in range(u.shape[1]):
            h = h @ self.w_hh.T + drive[:, t]
            states.append(h)
        return torch.stack(states, dim=1) @ self.w_hy.T, h
