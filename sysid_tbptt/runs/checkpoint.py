"""The state of a run under way, on disk: named arrays in one safetensors file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save

from .. import limits
from ..errors import StoreError
from .atomic import write_whole

_SPENT = "spent"

Spent = tuple[float, float]
"""Seconds of training that went into a state: wall clock and processor."""


class Checkpoint:
    """A run's checkpoint; ``mark`` names the run and the engine that can go on from it."""

    def __init__(self, path: Path, mark: str) -> None:
        self.path, self.mark = path, mark

    def save(self, state: Mapping[str, np.ndarray], spent: Spent) -> None:
        """Writes the state, and the seconds of training that went into it.

        Raises:
            StoreError: it cannot be written; the checkpoint before it is still there.
        """
        arrays = {name: array.copy(order="C") for name, array in state.items()}
        write_whole(self.path, save(arrays | {_SPENT: np.array(spent)}, metadata={"mark": self.mark}))

    def load(self) -> tuple[dict[str, np.ndarray] | None, Spent]:
        """The state and its seconds of training; none where there is no checkpoint, or one that is of no use."""
        nothing = None, (0.0, 0.0)
        try:
            limits.check_plain(self.path, limits.WEIGHTS_BYTES, StoreError)
            with safe_open(self.path, framework="numpy") as file:
                if (file.metadata() or {}).get("mark") != self.mark:
                    return nothing
                state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
        except Exception:  # safetensors raises of every kind where a tensor has a type that numpy has not
            return nothing
        spent = state.pop(_SPENT, np.empty(0))
        if spent.dtype.kind != "f" or spent.shape != (2,) or not (np.isfinite(spent).all() and (spent >= 0).all()):
            return nothing
        wall, processor = spent.tolist()
        return state, (wall, processor)
