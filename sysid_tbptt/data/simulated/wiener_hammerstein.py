"""sim_wiener_hammerstein: a linear filter, a static nonlinearity, a linear filter.

    v = G1 u,  w = f(v),  y = G2 w
    G1: Chebyshev low-pass of third order, 0.5 dB ripple, pass band to 4.4 kHz
    f:  f(v) = v - (1 - r) s log(1 + exp((v - d) / s)): slope 1 below the knee d, slope r above it, as a diode in
        parallel conducts; d = 0.3 V, s = 0.05 V, r = 0.15
    G2: inverse Chebyshev low-pass of third order, 40 dB attenuation from 5 kHz on

The filters and the sampling frequency of 51.2 kHz are those of J. Schoukens, J. Suykens, L. Ljung, Wiener-Hammerstein
benchmark (SYSID 2009), here as digital filters (bilinear transform with prewarping); their diode circuit is given as a
circuit, so f is this package's own formula of the same kind, and so are the levels. u and y in V.

Input: Gaussian noise through a Butterworth low-pass of sixth order at 8 kHz, 0.6 V rms, another realisation each part.
Output noise: Gaussian, 0.2 mV rms. No solver, no tolerance: the difference equations are exact. Seed 55.
n_init = 0: the filters start at rest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from ..series import Series, Units
from .excitation import filtered_noise
from .recording import Part, Recorder, embedded, generator

SEED = 55
FS = 51200.0
"""Sampling frequency [Hz]."""

LENGTH = {"train": 8192, "val": 2048, "test": 2048}
INPUT_BAND = 8e3
"""Cut-off of the input's filter [Hz]."""

RMS = 0.6
"""Input level [V]."""

NOISE = 2e-4
"""Standard deviation of the noise on the output [V]."""

RECORDER = Recorder(dt=1 / FS, units=Units(u=("V",), y=("V",)), u_decimals=7, y_decimals=(7,), n_init=0)

Signal = Float64[np.ndarray, " T"]


@dataclass(frozen=True)
class Diode:
    """Knee [V], width of the knee [V], slope beyond it."""

    knee: float = 0.3
    width: float = 0.05
    slope: float = 0.15

    def __call__(self, v: Signal) -> Signal:
        return v - (1 - self.slope) * self.width * np.logaddexp(0, (v - self.knee) / self.width)


DIODE = Diode()


def front(u: Signal) -> Signal:
    from scipy.signal import cheby1, sosfilt

    return sosfilt(cheby1(3, 0.5, 4400, fs=FS, output="sos"), u)


def back(w: Signal) -> Signal:
    from scipy.signal import cheby2, sosfilt

    return sosfilt(cheby2(3, 40, 5000, fs=FS, output="sos"), w)


def excite(part: Part, rng: np.random.Generator) -> Signal:
    from scipy.signal import butter

    return filtered_noise(rng, LENGTH[part], butter(6, INPUT_BAND, fs=FS, output="sos"), std=RMS)


def respond(u: Signal, nonlinearity: Callable[[Signal], Signal] = DIODE) -> Signal:
    return back(nonlinearity(front(u)))


def record(part: Part) -> Series:
    rng = generator(SEED, part)
    u = RECORDER.input(excite(part, rng))
    y = respond(u) + NOISE * rng.standard_normal(len(u))
    return RECORDER.series(part, u, y[:, np.newaxis])


SOURCE = embedded(
    "sim_wiener_hammerstein",
    record,
    protocol=(
        "Chebyshev low-pass (order 3, 0.5 dB, 4.4 kHz), v - 0.85 * 0.05 log(1 + exp((v - 0.3) / 0.05)), inverse "
        "Chebyshev low-pass (order 3, 40 dB, 5 kHz), digital at 51.2 kHz, from rest; Gaussian noise to 8 kHz at 0.6 V "
        "rms; output noise 0.2 mV rms; "
        f"seed {SEED}; exact difference equations; every step scored (n_init=0)"
    ),
    citation=(
        "J. Schoukens, J. Suykens, L. Ljung, Wiener-Hammerstein benchmark, SYSID 2009 (structure and filters; own "
        "nonlinearity)"
    ),
)
