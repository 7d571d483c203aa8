"""Optimiser steps of one run, one after another, without Python in between."""

from __future__ import annotations

from typing import Any

from . import adam
from .cache import kernel
from .gradient import batch_gradient
from .simd import flush_denormals, restore_denormals


@kernel
def train(
    shape: Any,
    problem: Any,
    optimiser: Any,
    tape: Any,
    packed: Any,
    gradient: Any,
    plan: Any,
    done: int,
    losses: Any,
) -> None:
    """Takes ``len(losses)`` steps after the first ``done``; each loss is the one before the update.

    ``plan`` holds for each step the first samples of its windows (steps, B), its number within the epoch, and the
    learning rate. ``packed`` and ``gradient`` are scratch.
    """
    starts, batches, rates = plan
    before = flush_denormals()
    for k in range(len(losses)):
        adam.pack(optimiser, packed)
        losses[k] = batch_gradient(shape, problem, packed, tape, starts[k], batches[k], gradient)
        adam.unpack(shape, optimiser, gradient)
        adam.clip(optimiser)
        adam.update(optimiser, rates[k], done + k + 1)
    restore_denormals(before)
