"""The state of a run under way, on disk: named arrays in one safetensors file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from .atomic import write_whole

_TRAIN_SECONDS = "sitting.train_s"


class Checkpoint:
    """A run's checkpoint; ``mark`` names the run and the engine that can go on from it."""

    def __init__(self, path: Path, mark: str) -> None:
        self.path, self.mark = path, mark

    def save(self, state: Mapping[str, np.ndarray], train_s: float) -> None:
        """Writes the state, and the seconds of training that went into it.

        Raises:
            StoreError: it cannot be written; the checkpoint before it is still there.
        """
        arrays = {name: array.copy(order="C") for name, array in state.items()}
        write_whole(self.path, save(arrays | {_TRAIN_SECONDS: np.array(train_s)}, metadata={"mark": self.mark}))

    def load(self) -> tuple[dict[str, np.ndarray] | None, float]:
        """The state and its seconds of training; none where there is no checkpoint, or one that is of no use."""
        try:
            with safe_open(self.path, framework="numpy") as file:
                if (file.metadata() or {}).get("mark") != self.mark:
                    return None, 0.0
                state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
        except (OSError, SafetensorError):
            return None, 0.0
        return state, float(state.pop(_TRAIN_SECONDS))
