"""Adam with decoupled weight decay, and gradient clipping, in torch's order of operations."""

from __future__ import annotations

from math import inf, sqrt
from typing import Any, NamedTuple

import numpy as np

from .decorators import compiled
from .simd import LANES, load, total

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8
_CLIP_EPSILON = 1e-6


class Optimiser(NamedTuple):
    """Flat vectors: weights with a zero at the end, both moments, the gradient; settings; and tables of indices.

    ``packing`` (2, packed) and ``places`` (n,) are those of `Parameters`.
    """

    weights: np.ndarray
    exp_avg: np.ndarray
    exp_avg_sq: np.ndarray
    gradient: np.ndarray
    clip_norm: float
    weight_decay: float
    packing: np.ndarray
    places: np.ndarray


@compiled
def pack(optimiser: Any, packed: Any) -> None:
    """The matrices that the kernels read."""
    weights, packing = optimiser.weights, optimiser.packing
    for i in range(len(packed)):
        packed[i] = weights[packing[0, i]] + weights[packing[1, i]]


@compiled
def unpack(shape: Any, optimiser: Any, packed: Any) -> None:
    """Gives each parameter its gradient: in a batch the sum over a row of lanes, in a sequence one lane."""
    for i in range(len(optimiser.gradient)):
        place = optimiser.places[i]
        if shape.lanes_are_units:
            optimiser.gradient[i] = packed[place // LANES, place % LANES]
        else:
            optimiser.gradient[i] = total(load(packed, place))


@compiled
def clip(optimiser: Any) -> None:
    """Scales the gradient to a global norm of at most ``clip_norm``."""
    if optimiser.clip_norm == inf:
        return
    squares = 0.0
    for g in optimiser.gradient:
        squares += np.float64(g) * np.float64(g)
    factor = np.float32(min(1.0, optimiser.clip_norm / (sqrt(squares) + _CLIP_EPSILON)))
    for i in range(len(optimiser.gradient)):
        optimiser.gradient[i] *= factor


@compiled
def update(optimiser: Any, rate: float, step: int) -> None:
    """One step, counted from 1."""
    weights, exp_avg, exp_avg_sq = optimiser.weights, optimiser.exp_avg, optimiser.exp_avg_sq
    size = np.float32(rate / (1 - BETA1**step))
    correction = np.float32(sqrt(1 - BETA2**step))
    kept = np.float32(1 - rate * optimiser.weight_decay)
    new1, old2, new2 = np.float32(1 - BETA1), np.float32(BETA2), np.float32(1 - BETA2)
    for i in range(len(optimiser.gradient)):
        g = optimiser.gradient[i]
        exp_avg[i] += new1 * (g - exp_avg[i])
        exp_avg_sq[i] = exp_avg_sq[i] * old2 + new2 * g * g
        denominator = np.sqrt(exp_avg_sq[i]) / correction + np.float32(EPSILON)
        weights[i] = weights[i] * kept - size * exp_avg[i] / denominator
