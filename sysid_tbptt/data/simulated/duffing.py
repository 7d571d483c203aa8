"""sim_duffing: a lightly damped oscillator with a hardening spring, in the style of the Silverbox.

    y'' / w0^2 + 2 zeta / w0 y' + y + b y^3 = u,   w0 = 2 pi 70 rad/s, zeta = 0.05, b = 4 / V^2

The form (second order, cubic stiffness), the sampling frequency 10^7 / 2^14 Hz and the odd multisine up to 200 Hz
follow T. Wigren, J. Schoukens, Three free data sets for development and benchmarking in nonlinear system
identification (ECC 2013); the parameters are this package's own, of the same order. u and y in V.

Input: random-phase odd multisines of 60 mV rms, one period a part, another realisation each. Output noise: Gaussian,
0.2 mV rms. n_init = 0: every record starts at rest.

Solver: Runge-Kutta of fourth order, 20 steps a sample; its error stays below 1e-6 of the output's range. Seed 54.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import pi

import numpy as np
from jaxtyping import Float64

from ..series import Series, Units
from .excitation import multisine
from .hold import Rates, hold
from .recording import Part, Recorder, embedded, generator

SEED = 54
SUBSTEPS = 20
TOLERANCE = 1e-6
"""Bound on the solver's error, relative to the range of the output."""

LENGTH = {"train": 4096, "val": 1024, "test": 1024}
BAND = (0.0, 200.0)
"""Excited frequencies [Hz]."""

RMS = 0.06
"""Input level [V]."""

NOISE = 2e-4
"""Standard deviation of the noise on the output [V]."""

RECORDER = Recorder(dt=2**14 / 10**7, units=Units(u=("V",), y=("V",)), u_decimals=7, y_decimals=(7,), n_init=0)


@dataclass(frozen=True)
class Oscillator:
    """Natural frequency [rad/s], damping ratio, cubic stiffness relative to the linear one [1/V^2]."""

    w0: float = 2 * pi * 70
    zeta: float = 0.05
    b: float = 4.0

    def rates(self) -> Rates:
        """State (y, y')."""
        stiffness, damping, b = self.w0**2, 2 * self.zeta * self.w0, self.b
        return lambda x, u: (x[1], stiffness * (u - x[0] - b * x[0] * x[0] * x[0]) - damping * x[1])


OSCILLATOR = Oscillator()


def excite(part: Part, rng: np.random.Generator) -> Float64[np.ndarray, " T"]:
    return multisine(rng, LENGTH[part], dt=RECORDER.dt, band=BAND, rms=RMS, odd=True)


def respond(
    u: Float64[np.ndarray, " T"], system: Oscillator = OSCILLATOR, substeps: int = SUBSTEPS
) -> Float64[np.ndarray, "T 2"]:
    """Output [V] and its derivative from rest."""
    return hold(system.rates(), u, (0.0, 0.0), dt=RECORDER.dt, substeps=substeps)


def record(part: Part) -> Series:
    rng = generator(SEED, part)
    u = RECORDER.input(excite(part, rng))
    y = respond(u)[:, :1]
    return RECORDER.series(part, u, y + NOISE * rng.standard_normal(y.shape))


SOURCE = embedded(
    "sim_duffing",
    record,
    protocol=(
        "y''/w0^2 + 0.1/w0 y' + y + 4 y^3 = u, w0 = 2 pi 70 rad/s, from rest, 610.35 Hz; odd multisines to 200 Hz "
        f"at 60 mV rms; output noise 0.2 mV rms; seed {SEED}; "
        f"RK4, {SUBSTEPS} steps a sample, error below {TOLERANCE:g} of the range; every step scored (n_init=0)"
    ),
    citation=(
        "T. Wigren, J. Schoukens, Three free data sets for development and benchmarking in nonlinear system "
        "identification, ECC 2013 (form of the system; own parameters)"
    ),
)
