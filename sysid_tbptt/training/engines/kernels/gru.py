"""The GRU cell, forward and backward, for whatever the lanes are."""

from __future__ import annotations

from typing import Any

from .activations import logistics, tanh
from .simd import load, store


def forward(shape: Any, tape: Any, t: int) -> None:
    """From the pre-activations (r, z, n_h, n_u) of step t to its gates (r, z, n_h, n) and h."""
    units, width = shape.units, shape.z_rows
    z, a = tape.z, tape.a
    for j in range(units):
        gate = shape.a_rows * t + j
        r, update = logistics(load(a, gate), load(a, gate + units))
        n = tanh(load(a, gate + 3 * units) + r * load(a, gate + 2 * units))
        store(z, width * (t + 1) + j, n + update * (load(z, width * t + j) - n))
        store(a, gate, r)
        store(a, gate + units, update)
        store(a, gate + 3 * units, n)


def backward(shape: Any, tape: Any, t: int) -> None:
    """From the gradient of h after step t to that of the pre-activations, in their place; dh keeps the direct path."""
    units, width = shape.units, shape.z_rows
    z, a, dh = tape.z, tape.a, tape.dh
    for j in range(units):
        gate = shape.a_rows * t + j
        r, update = load(a, gate), load(a, gate + units)
        n_h, n = load(a, gate + 2 * units), load(a, gate + 3 * units)
        h, d = load(z, width * t + j), load(dh, j)
        d_n = d * (1 - update) * (1 - n * n)
        store(a, gate, d_n * n_h * (r - r * r))
        store(a, gate + units, d * (h - n) * (update - update * update))
        store(a, gate + 2 * units, d_n * r)
        store(a, gate + 3 * units, d_n)
        store(dh, j, d * update)


def derivatives(shape: Any, tape: Any, t: int) -> None:
    """From the gates of step t to the derivatives of h by their pre-activations, in their place.

    ``dh`` gets the derivative of h by h before the step, around W.
    """
    units, width = shape.units, shape.z_rows
    z, a, dh = tape.z, tape.a, tape.dh
    for j in range(units):
        gate = shape.a_rows * t + j
        r, update = load(a, gate), load(a, gate + units)
        n_h, n = load(a, gate + 2 * units), load(a, gate + 3 * units)
        h = load(z, width * t + j)
        d_n = (1 - update) * (1 - n * n)
        store(a, gate, d_n * n_h * (r - r * r))
        store(a, gate + units, (h - n) * (update - update * update))
        store(a, gate + 2 * units, d_n * r)
        store(a, gate + 3 * units, d_n)
        store(dh, j, update)
