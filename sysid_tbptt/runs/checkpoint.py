"""The state of a run under way, on disk: named arrays in one safetensors file."""

from __future__ import annotations

import hashlib
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
        arrays = {name: array.copy(order="C") for name, array in state.items()} | {_SPENT: np.array(spent)}
        write_whole(self.path, save(arrays, metadata={"mark": self.mark, "sha256": _digest(arrays)}))

    def load(self) -> tuple[dict[str, np.ndarray] | None, Spent]:
        """The state and its seconds of training; none where there is no checkpoint, or one that is of no use."""
        nothing = None, (0.0, 0.0)
        try:
            mark, state = read_checkpoint(self.path)
        except StoreError:
            return nothing
        if mark != self.mark:
            return nothing
        wall, processor = state.pop(_SPENT).tolist()
        return state, (wall, processor)


def read_checkpoint(path: Path) -> tuple[str, dict[str, np.ndarray]]:
    """The mark and the arrays of a checkpoint.

    Raises:
        StoreError: there is none, or its bytes are not those that were written.
    """
    try:
        limits.check_plain(path, limits.WEIGHTS_BYTES, StoreError)
        with safe_open(path, framework="numpy") as file:
            told = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
    except Exception as error:  # safetensors raises of every kind where a tensor has a type that numpy has not
        raise StoreError(f"{path}: no checkpoint ({error})") from error
    spent = arrays.get(_SPENT, np.empty(0))
    if spent.dtype.kind != "f" or spent.shape != (2,) or not (np.isfinite(spent).all() and (spent >= 0).all()):
        raise StoreError(f"{path}: no checkpoint (the seconds of training are not told)")
    if told.get("sha256") not in (None, _digest(arrays)):  # None: of an earlier version
        raise StoreError(f"{path}: no checkpoint (its bytes are not those that were written)")
    return told.get("mark", ""), arrays


def _digest(arrays: Mapping[str, np.ndarray]) -> str:
    sha = hashlib.sha256()
    for name in sorted(arrays):
        sha.update(f"{name} {arrays[name].dtype} {arrays[name].shape}\n".encode())
        sha.update(arrays[name].tobytes())
    return sha.hexdigest()
