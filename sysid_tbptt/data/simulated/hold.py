"""Continuous-time systems whose input is held constant between the samples (zero-order hold).

The solver is the classical Runge-Kutta method of fourth order, whose steps begin and end at the jumps of the input, so
that none lies within a step. States are plain floats: an array of two or three costs more to make than to compute.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import no_type_check

import numpy as np
from jaxtyping import Float64

State = Sequence[float]
Rates = Callable[[State, float], State]
"""(state, held input) -> time derivative of the state."""


@no_type_check  # a million calls a load: run-time checks would cost more than the step
def rk4(rates: Rates, state: State, u: float, h: float) -> State:
    """The state one step of ``h`` seconds later."""
    k1 = rates(state, u)
    k2 = rates([x + h / 2 * k for x, k in zip(state, k1, strict=True)], u)
    k3 = rates([x + h / 2 * k for x, k in zip(state, k2, strict=True)], u)
    k4 = rates([x + h * k for x, k in zip(state, k3, strict=True)], u)
    return [x + h / 6 * (a + 2 * b + 2 * c + d) for x, a, b, c, d in zip(state, k1, k2, k3, k4, strict=True)]


def hold(
    rates: Rates, u: Float64[np.ndarray, " T"], start: State, *, dt: float, substeps: int
) -> Float64[np.ndarray, "T n"]:
    """States at the samples; row t is the state when the input becomes u[t], row 0 is ``start``."""
    h = dt / substeps

    @no_type_check
    def sample_later(state: State, level: float) -> State:
        for _ in range(substeps):
            state = rk4(rates, state, level, h)
        return state

    return march(sample_later, u, start)


def march(sample_later: Rates, u: Float64[np.ndarray, " T"], start: State) -> Float64[np.ndarray, "T n"]:
    """States at the samples, given the map from one sample to the next."""
    states = np.empty((len(u), len(start)))
    state = start
    for t, level in enumerate(u.tolist()):
        states[t] = state
        state = sample_later(state, level)
    return states
