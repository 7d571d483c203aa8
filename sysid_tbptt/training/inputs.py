"""What a network is fed: the inputs and, where asked for, the measured outputs of the first steps.

With ``init_outputs = k > 0`` a network has n_u + n_y + 1 inputs. At the first k steps of every subsequence and of
every simulated record it is fed (u, y, 1), afterwards (u, 0, 0): its own recurrence turns the measured samples into a
state, in training and in simulation alike, and later outputs never reach it.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from ..errors import ConfigError


def width(n_u: int, n_y: int, init_outputs: int) -> int:
    """Inputs of the network."""
    return n_u + n_y + 1 if init_outputs else n_u


def with_outputs(u: Float32[np.ndarray, "T n_u"], y: Float32[np.ndarray, "T n_y"]) -> Float32[np.ndarray, "T n_in"]:
    """(u, y, 1) at every step."""
    return np.concatenate([u, y, np.ones((len(u), 1), np.float32)], axis=1)


def without_outputs(u: Float32[np.ndarray, "T n_u"], n_y: int) -> Float32[np.ndarray, "T n_in"]:
    """(u, 0, 0) at every step."""
    return np.concatenate([u, np.zeros((len(u), n_y + 1), np.float32)], axis=1)


def first_and_later(
    u: Float32[np.ndarray, "T n_u"], y: Float32[np.ndarray, "T n_y"], init_outputs: int
) -> tuple[Float32[np.ndarray, "T n_in"], Float32[np.ndarray, "T n_in"]]:
    """What is fed at the first ``init_outputs`` steps of a subsequence, and at its later steps."""
    return (with_outputs(u, y), without_outputs(u, y.shape[1])) if init_outputs else (u, u)


def fed(u: Float32[np.ndarray, "T n_u"], y_init: Float32[np.ndarray, "k n_y"]) -> Float32[np.ndarray, "T n_in"]:
    """A whole record, its first k outputs known; the inputs alone where none is."""
    k, n_y = y_init.shape
    if not k:
        return u
    return np.concatenate([with_outputs(u[:k], y_init), without_outputs(u[k:], n_y)])


def check_init_outputs(init_outputs: int, n_init: int, dataset: str) -> None:
    """Measured outputs may be looked at within the benchmark's init window only.

    Raises:
        ConfigError: ``init_outputs`` is more than the data set's ``n_init``.
    """
    if init_outputs > n_init:
        raise ConfigError(
            f"init_outputs={init_outputs} is more than the n_init={n_init} samples of '{dataset}' that "
            f"may initialise the state; choose init_outputs <= {n_init}"
        )
