"""The LSTM cell, forward and backward, for whatever the lanes are."""

from __future__ import annotations

from typing import Any

from .activations import tanh, tanh_and_logistics
from .simd import load, store


def forward(shape: Any, tape: Any, t: int) -> None:
    """From the pre-activations of step t to its gates, the cell state and h."""
    units, width = shape.units, shape.z_rows
    z, a, c, tanh_c = tape.z, tape.a, tape.c, tape.tanh_c
    for j in range(units):
        gate, memory = shape.a_rows * t + j, units * t + j
        a_i, a_f = load(a, gate), load(a, gate + units)
        a_g, a_o = load(a, gate + 2 * units), load(a, gate + 3 * units)
        g, i, f, o = tanh_and_logistics(a_g, a_i, a_f, a_o)
        store(c, memory + units, f * load(c, memory) + i * g)
        store(a, gate, i)
        store(a, gate + units, f)
        store(a, gate + 2 * units, g)
        store(a, gate + 3 * units, o)
    for j in range(units):
        gate, memory = shape.a_rows * t + j, units * t + j
        squashed = tanh(load(c, memory + units))
        store(tanh_c, memory, squashed)
        store(z, width * (t + 1) + j, load(a, gate + 3 * units) * squashed)


def backward(shape: Any, tape: Any, t: int) -> None:
    """From the gradient of h after step t to that of the pre-activations, in their place, and of c before it."""
    units = shape.units
    a, c, tanh_c, dh, dc = tape.a, tape.c, tape.tanh_c, tape.dh, tape.dc
    for j in range(units):
        gate, memory = shape.a_rows * t + j, units * t + j
        i, f = load(a, gate), load(a, gate + units)
        g, o = load(a, gate + 2 * units), load(a, gate + 3 * units)
        squashed, d = load(tanh_c, memory), load(dh, j)
        q = d * o * (1 - squashed * squashed) + load(dc, j)
        store(dc, j, q * f)
        store(a, gate, q * g * (i - i * i))
        store(a, gate + units, q * load(c, memory) * (f - f * f))
        store(a, gate + 2 * units, q * i * (1 - g * g))
        store(a, gate + 3 * units, d * squashed * (o - o * o))


def derivatives(shape: Any, tape: Any, t: int) -> None:
    """From the gates of step t to the derivatives by their pre-activations, in their place: of c, by that of o of h.

    ``dc`` gets the derivative of c by c before the step, ``dh`` that of h by c after it.
    """
    units = shape.units
    a, c, tanh_c, dh, dc = tape.a, tape.c, tape.tanh_c, tape.dh, tape.dc
    for j in range(units):
        gate, memory = shape.a_rows * t + j, units * t + j
        i, f = load(a, gate), load(a, gate + units)
        g, o = load(a, gate + 2 * units), load(a, gate + 3 * units)
        squashed = load(tanh_c, memory)
        store(dh, j, o * (1 - squashed * squashed))
        store(dc, j, f)
        store(a, gate, g * (i - i * i))
        store(a, gate + units, load(c, memory) * (f - f * f))
        store(a, gate + 2 * units, i * (1 - g * g))
        store(a, gate + 3 * units, squashed * (o - o * o))
