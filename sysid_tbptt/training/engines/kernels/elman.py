"""The Elman cell (tanh), forward and backward, for whatever the lanes are."""

from __future__ import annotations

from typing import Any

from .activations import tanh
from .simd import load, store


def forward(shape: Any, tape: Any, t: int) -> None:
    """From the pre-activations of step t to h."""
    units, width = shape.units, shape.z_rows
    z, a = tape.z, tape.a
    for j in range(units):
        store(z, width * (t + 1) + j, tanh(load(a, shape.a_rows * t + j)))


def backward(shape: Any, tape: Any, t: int) -> None:
    """From the gradient of h after step t to that of the pre-activations, in their place."""
    units, width = shape.units, shape.z_rows
    z, a, dh = tape.z, tape.a, tape.dh
    for j in range(units):
        h, d = load(z, width * (t + 1) + j), load(dh, j)
        store(a, shape.a_rows * t + j, d * (1 - h * h))


def derivatives(shape: Any, tape: Any, t: int) -> None:
    """From h after step t to its derivatives by the pre-activations, in their place, and by h before it around W."""
    units, width = shape.units, shape.z_rows
    z, a, dh = tape.z, tape.a, tape.dh
    for j in range(units):
        h = load(z, width * (t + 1) + j)
        store(a, shape.a_rows * t + j, 1 - h * h)
        store(dh, j, h * 0)
