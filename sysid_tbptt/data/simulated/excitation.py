"""Inputs: random-phase multisines and filtered Gaussian noise, each scaled to an exact level."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64


def multisine(
    rng: np.random.Generator, length: int, *, dt: float, band: tuple[float, float], rms: float, odd: bool = False
) -> Float64[np.ndarray, " T"]:
    """One period of a sum of sines of equal amplitude and random phase.

    The frequencies are the multiples of 1/(length * dt) within ``band`` [Hz], only the odd ones if ``odd``.
    """
    lines = np.arange(length // 2 + 1)
    frequency = lines / (length * dt)
    excited = (frequency >= band[0]) & (frequency <= band[1]) & ((lines % 2 == 1) | (not odd))
    phase = rng.uniform(0, 2 * np.pi, len(lines))
    u = np.fft.irfft(np.where(excited, np.exp(1j * phase), 0), length)
    return u * (rms / np.sqrt(np.mean(u**2)))


def filtered_noise(
    rng: np.random.Generator, length: int, sos: Float64[np.ndarray, "sections six"], *, std: float
) -> Float64[np.ndarray, " T"]:
    """White Gaussian noise through a filter given by its second-order sections, with zero mean and exactly ``std``.

    The filter runs in over as many samples as are kept, so that the record is stationary.
    """
    from scipy.signal import sosfilt

    u = sosfilt(sos, rng.standard_normal(2 * length))[length:]
    u = u - u.mean()
    return u * (std / u.std())


def lag(dt: float, time_constant: float, order: int = 1) -> Float64[np.ndarray, "sections six"]:
    """1 / (time_constant s + 1)^order, its poles mapped by z = exp(s dt), as second-order sections."""
    from scipy.signal import zpk2sos

    pole = np.exp(-dt / time_constant)
    return zpk2sos([], [pole] * order, (1 - pole) ** order)
