"""The global random generators of torch, numpy and Python: seeded for one run at a time, then put back."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import torch

_ALONE = threading.RLock()
"""A process has one generator of each kind, so threads take turns."""


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seeds the three generators, and restores their states at the end. Other threads that enter it wait.

    Torch's default dtype is restored too, since a user's code may set it.
    """
    with _ALONE:
        before, dtype = generator_states(), torch.get_default_dtype()
        torch.manual_seed(seed)
        np.random.seed(seed % 2**32)  # noqa: NPY002 - the generator that modules of users draw from
        random.seed(seed)
        try:
            yield
        finally:
            set_generator_states(before)
            torch.set_default_dtype(dtype)


def generator_states() -> dict[str, np.ndarray]:
    """The states of the three generators as arrays: ``rng`` (torch), ``rng.numpy`` and ``rng.python``.

    The words of 32 bits of the last two are exact in float64.
    """
    _, key, *rest = np.random.get_state()  # noqa: NPY002
    _, words, gauss = random.getstate()
    return {
        "rng": torch.get_rng_state().numpy(),
        "rng.numpy": np.array([*key, *rest], np.float64),
        "rng.python": np.array([*words, np.nan if gauss is None else gauss], np.float64),
    }


def set_generator_states(states: Mapping[str, np.ndarray]) -> None:
    """Restores the states of `generator_states`; a generator without a state among them does not change."""
    if "rng" in states:
        torch.set_rng_state(torch.tensor(states["rng"]))
    if "rng.numpy" in states:
        *key, position, has_gauss, gauss = states["rng.numpy"].tolist()
        words = np.array(key, np.uint32)
        np.random.set_state(("MT19937", words, int(position), int(has_gauss), gauss))  # noqa: NPY002
    if "rng.python" in states:
        *integers, gauss = states["rng.python"].tolist()
        random.setstate((3, tuple(map(int, integers)), None if np.isnan(gauss) else gauss))
