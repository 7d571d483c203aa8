"""Learning rate over the optimiser steps."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from ..config import RunConfig


def learning_rates(config: RunConfig, start: int, stop: int) -> Float64[np.ndarray, " steps"]:
    """The rate of each optimiser step in ``[start, stop)``, counted from 0."""
    done = np.arange(start, stop) / config.steps
    if config.lr_schedule == "step":
        return config.learning_rate * config.lr_factor ** np.floor(done * config.lr_stages)
    if config.lr_schedule == "cosine":
        return config.learning_rate * 0.5 * (1 + np.cos(np.pi * done))
    return np.full(stop - start, config.learning_rate)
