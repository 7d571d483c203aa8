"""sim_cascaded_tanks: two tanks one above the other, fed by a pump, that overflow.

    x1' = k4 u - k1 sqrt(x1)
    x2' = k2 sqrt(x1) - k3 sqrt(x2)           [cm/s], levels x1 (upper) and x2 (lower) in [0, 10] cm

A full upper tank stays at 10 cm as long as at least as much flows in as out; of what flows in beyond that, the share s
falls into the lower tank and the rest is lost. What the full lower tank cannot take is lost. The equations are those of
M. Schoukens, P. Mattsson, T. Wigren, J.-P. Noël, Cascaded tanks benchmark combining soft and hard nonlinearities
(2016), which states overflow in words and no parameters. k1 = k2 = k3 = 0.04 cm^0.5/s and k4 = 0.045 cm/(V s) are
rounded from values identified on its data by M. Brunot, A. Janot, F. Carrillo (IFAC-PapersOnLine 50-1, 2017);
s = 0.5 is this package's own.

u is the pump voltage [V], y the lower level [cm], every 4 s. Input: Gaussian noise through a lag of 120 s, mean 2.4 V,
1 V rms, limited to [0.4, 6.5] V, another realisation each part. Output: Gaussian noise of 0.02 cm rms, limited to the
sensor's range [0, 10] cm. Both levels are 5 cm at the start, which a model at rest cannot know: n_init = 50, as many
samples as the measured benchmark grants.

Solver: Runge-Kutta of fourth order, two steps a sample, within which the held input makes the right-hand side smooth
until a tank fills, ceases to be full or runs dry; a step across such an event is halved down to 1e-9 s. Its error
stays below 1e-6 cm, and below 2e-5 cm where a tank runs dry, which none does in these records. Seed 56.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import no_type_check

import numpy as np
from jaxtyping import Float64

from ...errors import DataError
from ..series import Series, Units
from .excitation import filtered_noise, lag
from .hold import Rates, State, march, rk4
from .recording import Part, Recorder, embedded, generator

SEED = 56
SUBSTEPS = 2
TOLERANCE = 1e-6
"""Bound on the solver's error [cm]."""

LENGTH = {"train": 4096, "val": 1024, "test": 1024}
LAG = 120.0
"""Time constant of the input's filter [s]."""

MEAN, RMS, LIMITS = 2.4, 1.0, (0.4, 6.5)
"""Input level [V]."""

NOISE = 0.02
"""Standard deviation of the noise on the output [cm]."""

START = (5.0, 5.0)
"""Levels at the start [cm]."""

SHORTEST = 1e-9
"""Step [s] within which an event is left where it falls."""

RECORDER = Recorder(dt=4.0, units=Units(u=("V",), y=("cm",)), u_decimals=7, y_decimals=(6,), n_init=50)

Full = tuple[bool, bool]


@dataclass(frozen=True)
class Tanks:
    """Outflow k1, k2, k3 [cm^0.5/s], pump k4 [cm/(V s)], share of the overflow that is caught, height [cm]."""

    k1: float = 0.04
    k2: float = 0.04
    k3: float = 0.04
    k4: float = 0.045
    share: float = 0.5
    height: float = 10.0

    def spill(self, u: float) -> float:
        """What the full upper tank cannot take [cm/s]; negative if it is about to fall."""
        return self.k4 * u - self.k1 * sqrt(self.height)

    def full(self, levels: State, u: float) -> Full:
        """Which tanks are full and stay so."""
        upper = levels[0] >= self.height and self.spill(u) >= 0
        inflow = self.k2 * sqrt(levels[0]) + (self.share * self.spill(u) if upper else 0.0)
        return upper, levels[1] >= self.height and inflow >= self.k3 * sqrt(self.height)

    def rates(self, full: Full) -> Rates:
        """State (x1, x2), as long as the same tanks stay full."""
        k1, k2, k3, k4 = self.k1, self.k2, self.k3, self.k4
        caught, upper, lower = self.share if full[0] else 0.0, not full[0], not full[1]
        at_brim = k1 * sqrt(self.height)
        return lambda x, u: (
            upper * (k4 * u - k1 * sqrt(max(x[0], 0.0))),
            lower * (k2 * sqrt(max(x[0], 0.0)) + caught * (k4 * u - at_brim) - k3 * sqrt(max(x[1], 0.0))),
        )

    @no_type_check  # once a step and once a halving: see rk4
    def later(self, levels: State, u: float, h: float) -> State:
        """The levels ``h`` seconds later under a held input."""
        full = self.full(levels, u)
        ahead = rk4(self.rates(full), levels, u, h)
        within = min(ahead) >= 0 and max(ahead) <= self.height
        if within and self.full(ahead, u) == full:
            return ahead
        if h <= SHORTEST:
            return [min(max(level, 0.0), self.height) for level in ahead]
        return self.later(self.later(levels, u, h / 2), u, h / 2)


TANKS = Tanks()


def excite(part: Part, rng: np.random.Generator) -> Float64[np.ndarray, " T"]:
    noise = filtered_noise(rng, LENGTH[part], lag(RECORDER.dt, LAG), std=RMS)
    return np.clip(MEAN + noise, *LIMITS)


def respond(
    u: Float64[np.ndarray, " T"], tanks: Tanks = TANKS, start: State = START, substeps: int = SUBSTEPS
) -> Float64[np.ndarray, "T 2"]:
    """Levels [cm] of the upper and the lower tank.

    Raises:
        DataError: a level at the start outside the tanks, or an input that is negative or not a number.
    """
    if not (min(start) >= 0 and max(start) <= tanks.height and np.all(u >= 0)):
        raise DataError(f"tanks need levels at the start in [0, {tanks.height:g}] cm and an input of 0 V or more")
    h = RECORDER.dt / substeps

    def sample_later(levels: State, level: float) -> State:
        for _ in range(substeps):
            levels = tanks.later(levels, level, h)
        return levels

    return march(sample_later, u, start)


def record(part: Part) -> Series:
    rng = generator(SEED, part)
    u = RECORDER.input(excite(part, rng))
    y = respond(u)[:, 1:]
    return RECORDER.series(part, u, np.clip(y + NOISE * rng.standard_normal(y.shape), 0.0, TANKS.height))


SOURCE = embedded(
    "sim_cascaded_tanks",
    record,
    protocol=(
        "x1' = 0.045 u - 0.04 sqrt(x1), x2' = 0.04 sqrt(x1) - 0.04 sqrt(x2), levels within [0, 10] cm, half of the "
        "upper overflow caught by the lower tank, both at 5 cm at the start, 4 s; noise through a 120 s lag, 2.4 V "
        "mean, 1 V rms, limited to [0.4, 6.5] V; output noise 0.02 cm rms, output limited to [0, 10] cm; "
        f"seed {SEED}; RK4 with located events, error below {TOLERANCE:g} cm; n_init=50"
    ),
    citation=(
        "M. Schoukens, P. Mattsson, T. Wigren, J.-P. Noël, Cascaded tanks benchmark combining soft and hard "
        "nonlinearities, 2016 (equations; own parameters)"
    ),
)
