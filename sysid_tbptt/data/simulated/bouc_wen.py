"""sim_bouc_wen: an oscillator with hysteresis.

    m y'' + c y' + k y + z = u,   z' = alpha y' - beta (gamma |y'| |z|^(nu-1) z + delta y' |z|^nu)

with m = 2 kg, c = 10 N s/m, k = 5e4 N/m, alpha = 5e4 N/m, beta = 1e3 1/m, gamma = 0.8, delta = -1.1, nu = 1: the
equations and parameters of J.-P. Noël, M. Schoukens, Hysteretic benchmark with a dynamic nonlinearity (2016). u is a
force [N], y a displacement [m], sampled at 750 Hz.

Input: multisines of 5 to 150 Hz and 50 N rms, the level of the published experiment; one period a part, another
realisation each. As there, the output to learn from (train, val) carries Gaussian noise of 8e-6 m rms and the test
output is free of noise. Unlike there, the input is held between the samples and every record starts at rest, so
that n_init = 0 and no number here is one of that benchmark.

Solver: Runge-Kutta of fourth order, 40 steps a sample; |y'| and |z| have kinks, which limit it: its error stays below
1e-5 of the output's range. Seed 53.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from ..series import Series, Units
from .excitation import multisine
from .hold import Rates, hold
from .recording import Part, Recorder, embedded, generator

SEED = 53
SUBSTEPS = 40
TOLERANCE = 1e-5
"""Bound on the solver's error, relative to the range of the output."""

LENGTH = {"train": 4096, "val": 1024, "test": 1024}
BAND = (5.0, 150.0)
"""Excited frequencies [Hz]."""

RMS = 50.0
"""Input level [N]."""

NOISE = {"train": 8e-6, "val": 8e-6, "test": 0.0}
"""Standard deviation of the noise on the output [m]."""

RECORDER = Recorder(dt=1 / 750, units=Units(u=("N",), y=("m",)), u_decimals=4, y_decimals=(10,), n_init=0)


@dataclass(frozen=True)
class BoucWen:
    """Mass [kg], damping [N s/m], stiffness [N/m], and the shape of the hysteresis."""

    m: float = 2.0
    c: float = 10.0
    k: float = 5e4
    alpha: float = 5e4
    beta: float = 1e3
    gamma: float = 0.8
    delta: float = -1.1
    nu: float = 1.0

    def rates(self) -> Rates:
        """State (y, y', z)."""
        m, c, k, alpha, nu = self.m, self.c, self.k, self.alpha, self.nu
        closing, shearing = self.beta * self.gamma, self.beta * self.delta
        return lambda x, u: (
            x[1],
            (u - c * x[1] - k * x[0] - x[2]) / m,
            alpha * x[1] - abs(x[2]) ** (nu - 1) * (closing * abs(x[1]) * x[2] + shearing * x[1] * abs(x[2])),
        )


BOUC_WEN = BoucWen()


def excite(part: Part, rng: np.random.Generator) -> Float64[np.ndarray, " T"]:
    return multisine(rng, LENGTH[part], dt=RECORDER.dt, band=BAND, rms=RMS)


def respond(
    u: Float64[np.ndarray, " T"], system: BoucWen = BOUC_WEN, substeps: int = SUBSTEPS
) -> Float64[np.ndarray, "T 3"]:
    """Displacement [m], velocity [m/s] and hysteretic force [N] from rest."""
    return hold(system.rates(), u, (0.0, 0.0, 0.0), dt=RECORDER.dt, substeps=substeps)


def record(part: Part) -> Series:
    rng = generator(SEED, part)
    u = RECORDER.input(excite(part, rng))
    y = respond(u)[:, :1]
    return RECORDER.series(part, u, y + NOISE[part] * rng.standard_normal(y.shape))


SOURCE = embedded(
    "sim_bouc_wen",
    record,
    protocol=(
        "2 y'' + 10 y' + 5e4 y + z = u, z' = 5e4 y' - 1e3 (0.8 |y'| z - 1.1 y' |z|), from rest, 750 Hz; multisines of "
        "5 to 150 Hz at 50 N rms; output noise 8e-6 m rms (train, val), none (test); "
        f"seed {SEED}; RK4, {SUBSTEPS} steps a sample, error below {TOLERANCE:g} of the range; "
        "every step scored (n_init=0)"
    ),
    citation="J.-P. Noël, M. Schoukens, Hysteretic benchmark with a dynamic nonlinearity, 2016 (equations, parameters)",
)
