"""sim_linear: the linear system of the paper's section 5.1.

    G(z) = (5 z + 1) / (-2 z^2 + z), sampling time 1, that is y_t = 0.5 y_{t-1} - 2.5 u_{t-1} - 0.5 u_{t-2}

from rest, for t = 1..100:

    training input  sin(0.1 t) + sin(0.05 t + 2),          noise on the output: uniform in [-0.2, 0.2]
    test input      -1.4 cos(0.1 t) + 0.5 cos(0.5 t + 1),  noise on the output: uniform in [-1, 1]

Each signal is scaled to [-1, 1] by itself, noise included. The paper has no validation record here: ``val`` is the
training experiment with another realisation of the noise, so its input is the training input.

No solver, no tolerance: the difference equation is exact. Seed 51. n_init = 0: the system starts at rest.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from ..scaler import Scaler
from ..series import Series, Units
from .recording import Part, Recorder, embedded, generator

SEED = 51
LENGTH = 100
RECORDER = Recorder(dt=1.0, units=Units(u=("-",), y=("-",)), u_decimals=7, y_decimals=(7,), n_init=0)
NOISE = {"train": 0.2, "val": 0.2, "test": 1.0}
"""Half-width of the uniform noise on the output before scaling."""


def respond(u: Float64[np.ndarray, " T"]) -> Float64[np.ndarray, " T"]:
    """The output of G(z) from rest."""
    past = np.concatenate([[0.0, 0.0], u])
    drive = -2.5 * past[1:-1] - 0.5 * past[:-2]
    y = np.zeros(len(u))
    for t in range(1, len(u)):
        y[t] = 0.5 * y[t - 1] + drive[t]
    return y


def excite(part: Part) -> Float64[np.ndarray, " T"]:
    t = np.arange(1.0, LENGTH + 1)
    if part == "test":
        return -1.4 * np.cos(0.1 * t) + 0.5 * np.cos(0.5 * t + 1)
    return np.sin(0.1 * t) + np.sin(0.05 * t + 2)


def _min_max(signal: Float64[np.ndarray, " T"]) -> Float64[np.ndarray, " T"]:
    return 2 * (signal - signal.min()) / (signal.max() - signal.min()) - 1


def record(part: Part) -> Series:
    u = excite(part)
    y = respond(u) + generator(SEED, part).uniform(-NOISE[part], NOISE[part], len(u))
    return RECORDER.series(part, RECORDER.input(_min_max(u)), _min_max(y)[:, np.newaxis])


_PROTOCOL = (
    f"G(z) = (5z+1)/(-2z^2+z) from rest, T = {LENGTH}, uniform output noise of half-width 0.2 (train, val) and 1 "
    f"(test), each signal scaled to [-1, 1] by itself; val: the training experiment with other noise; seed {SEED}; "
    "exact difference equation; every step scored (n_init=0)"
)
_CITATION = (
    "Schiller, Heinrich, Lopez, Müller, Tuning the burn-in phase in training recurrent neural networks improves "
    "their performance, ICLR 2026, section 5.1"
)

SOURCE = embedded("sim_linear", record, protocol=_PROTOCOL, citation=_CITATION)
PAPER = embedded(
    "sim_linear",
    record,
    protocol=f"{_PROTOCOL}; not standardised any further",
    citation=_CITATION,
    split="paper",
    scaler=Scaler.identity(1, 1),
)
"""The paper's network has no biases, so that the mean of a signal must stay in it."""
