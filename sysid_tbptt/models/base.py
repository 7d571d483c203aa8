"""What a model must obey.

Any ``torch.nn.Module`` that maps standardised inputs (B, N, n_u) to outputs (B, N, n_y), causally and from a zero
state, can be trained; `sysid_tbptt.training.contract` checks that. Three further abilities are used where a module has
them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float
from torch import Tensor

State = Tensor | tuple[Tensor, ...]
"""What a module remembers between two steps: one tensor, or several."""


@runtime_checkable
class CarriesState(Protocol):
    """A module that can go on from a state; needed for ``init_mode = "carry"``."""

    def forward_from(
        self, u: Float[Tensor, "B N n_u"], state: State | None
    ) -> tuple[Float[Tensor, "B N n_y"], State]: ...


@runtime_checkable
class SolvesItself(Protocol):
    """A module without parameters, whose buffers follow from the data in closed form."""

    def solve(self, records: Sequence[tuple[np.ndarray, np.ndarray]], burn_in: int) -> float:
        """Sets the weights from standardised records ((T, n_u), (T, n_y)), the first ``burn_in`` samples of each
        left out of the errors; returns the mean squared error of the fit.

        With a ``horizon`` P the outputs at step t are the P n_y values that follow it: targets, never regressors.

        Raises:
            ModelError: the records are too short for the model's order.
        """
        ...


@runtime_checkable
class StartsFromOutputs(SolvesItself, Protocol):
    """A module in closed form whose free run starts from the measured outputs of a record's init window."""

    def forward_after(self, u: Float[Tensor, "B N n_u"], y_init: Float[Tensor, "B k n_y"]) -> Float[Tensor, "B N n_y"]:
        """Outputs of whole records: the first k are ``y_init``, those from step k on are simulated; 0 <= k <= N."""
        ...
