"""sim_rlc: a series RLC circuit whose inductance saturates.

    C dv_C/dt = i_L
    L(i_L) di_L/dt = v_in - v_C - R i_L,   L(i) = L0 (0.9 (atan(-5 (|i| - 5)) / pi + 0.5) + 0.1)

u = v_in [V], y = (i_L [A], v_C [V]), both states zero at the start, sampled every 0.5 us, free of noise. Equations,
parameters and inputs are those of M. Forgione, D. Piga (2021): white Gaussian noise through 1/(s/w + 1)^2, with
w = 150e3 rad/s and 80 V rms for train and val, w = 200e3 rad/s and 60 V rms for test.

This is not the data set ``rlc``: its authors' files come from a solver with a loose tolerance and from other random
numbers, and a tight solution of their experiment already differs from their files by about 1 % of v_C.

Solver: Runge-Kutta of fourth order, 40 steps a sample; its error stays below 2e-6 of each output's range. Seed 52.
n_init = 0: the circuit starts at rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import atan, pi

import numpy as np
from jaxtyping import Float64

from ..series import Series, Units
from .excitation import filtered_noise, lag
from .hold import Rates, hold
from .recording import Part, Recorder, embedded, generator

SEED = 52
SUBSTEPS = 40
TOLERANCE = 2e-6
"""Bound on the solver's error, relative to the range of each output."""

LENGTH = {"train": 4000, "val": 1000, "test": 1000}
BANDWIDTH = {"train": 150e3, "val": 150e3, "test": 200e3}
"""Cut-off of the input's filter [rad/s]."""

RMS = {"train": 80.0, "val": 80.0, "test": 60.0}
"""Input level [V]."""

RECORDER = Recorder(dt=0.5e-6, units=Units(u=("V",), y=("A", "V")), u_decimals=4, y_decimals=(6, 4), n_init=0)


@dataclass(frozen=True)
class Circuit:
    """Resistance [ohm], capacitance [F], inductance at small current [H], current at which the core saturates [A]."""

    R: float = 3.0
    C: float = 270e-9
    L0: float = 50e-6
    knee: float = 5.0

    def rates(self) -> Rates:
        """State (i_L, v_C)."""
        R, C, L0, knee = self.R, self.C, self.L0, self.knee
        return lambda x, v_in: (
            (v_in - x[1] - R * x[0]) / (L0 * (0.9 * (atan(-5 * (abs(x[0]) - knee)) / pi + 0.5) + 0.1)),
            x[0] / C,
        )


CIRCUIT = Circuit()


def excite(part: Part, rng: np.random.Generator) -> Float64[np.ndarray, " T"]:
    return filtered_noise(rng, LENGTH[part], lag(RECORDER.dt, 1 / BANDWIDTH[part], order=2), std=RMS[part])


def respond(
    u: Float64[np.ndarray, " T"], circuit: Circuit = CIRCUIT, substeps: int = SUBSTEPS
) -> Float64[np.ndarray, "T 2"]:
    return hold(circuit.rates(), u, (0.0, 0.0), dt=RECORDER.dt, substeps=substeps)


def record(part: Part) -> Series:
    u = RECORDER.input(excite(part, generator(SEED, part)))
    return RECORDER.series(part, u, respond(u))


SOURCE = embedded(
    "sim_rlc",
    record,
    protocol=(
        "series RLC, R = 3 ohm, C = 270 nF, L(i) = 50 uH (0.9 (atan(-5(|i|-5))/pi + 0.5) + 0.1), from rest; noise "
        f"through 1/(s/w+1)^2, w = 150e3 rad/s at 80 V (train, val), 200e3 rad/s at 60 V (test); seed {SEED}; RK4, "
        f"{SUBSTEPS} steps a sample, error below {TOLERANCE:g} of the range; noise-free; every step scored (n_init=0)"
    ),
    citation=(
        "M. Forgione, D. Piga, Continuous-time system identification with neural networks: model structures and "
        "fitting criteria, European Journal of Control 59 (2021)"
    ),
)
