"""A cell's step, forward and backward, and its derivatives, chosen by the shape when a kernel is compiled."""

from __future__ import annotations

from typing import Any

from numba.extending import overload

from . import elman, gru, lstm
from .shapes import by_shape

_CELLS = {"lstm": lstm, "gru": gru, "rnn": elman}


def forward(shape: Any, tape: Any, t: int) -> None:
    """From the pre-activations of step t to the state after it."""


def backward(shape: Any, tape: Any, t: int) -> None:
    """From the gradient of the state after step t to that of the pre-activations, in their place."""


def derivatives(shape: Any, tape: Any, t: int) -> None:
    """From the state after step t to its derivatives by the pre-activations, in their place, and by the state."""


for _stub, _name in ((forward, "forward"), (backward, "backward"), (derivatives, "derivatives")):

    def _choose(shape: Any, name: str = _name) -> Any:
        return getattr(_CELLS[shape.cell], name)

    overload(_stub, strict=False, jit_options={"forceinline": True})(by_shape(_choose))
