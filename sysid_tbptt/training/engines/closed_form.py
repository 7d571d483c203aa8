"""The engine of models whose weights follow from the data in closed form: one solution, no gradient, no windows."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, cast

import numpy as np
import torch

from ...errors import EngineError, ModelError
from ...seeding import seeded
from ..blas import one_blas_thread
from ..job import Arrays, Control, Job, Trained
from ..modules import simulator_with, starts_from_outputs
from ..simulator import Simulator
from ..weights import weights_of

NAME = "closed_form"
PARALLEL = "threads"
OPTIMISERS = ("adam",)
"""The default: no optimiser is used."""


def is_for(module: torch.nn.Module) -> bool:
    """Whether the module has a closed-form solution: a method ``solve`` and no parameter to train."""
    return hasattr(module, "solve") and not any(parameter.requires_grad for parameter in module.parameters())


def declines(job: Job) -> str | None:
    """Why the job cannot be taken; None if it can."""
    if not is_for(job.module):
        return "it has no solve(records, burn_in), or parameters to train"
    if job.config.optimiser not in OPTIMISERS:
        return f"it has a solution in closed form: leave out optimiser='{job.config.optimiser}'"
    if job.config.init_outputs:
        return "init_outputs adds inputs of a network; leave it out"
    if job.config.horizon and starts_from_outputs(job.module):
        return (
            "with a horizon, the lagged outputs that it is fitted on are the values to forecast; choose fir, and name "
            "the output among the inputs, so that the measured past is an input"
        )
    return None


def train(job: Job, control: Control) -> Trained:
    """Fits a copy of ``job.module`` to the whole training records; ``burn_in`` samples of each are left out.

    Raises:
        EngineError: the job cannot be taken.
        ModelError: the model has more unknowns than the records have rows.
    """
    if reason := declines(job):
        raise EngineError(f"engine '{NAME}': {reason}")
    module = cast(Any, deepcopy(job.module))
    ends = np.cumsum(job.lengths)[:-1]
    records = list(zip(np.split(job.u.copy(), ends), np.split(job.y.copy(), ends), strict=True))
    try:
        with seeded(job.config.seed), one_blas_thread():
            mse = module.solve(records, job.config.burn_in)
    except ModelError as error:
        of = job.config
        raise ModelError(f"{of.dataset}: {of.model} of order hidden_size={of.hidden_size}: {error}") from error
    weights = weights_of(module)
    finite = all(np.isfinite(array).all() for array in weights.values())
    control.progress(1)
    return Trained(
        status="ok" if finite else "diverged",
        weights=weights,
        steps_done=1,
        curve=[mse],
        curve_every=1,
        last100_mean=mse,
    )


def simulator(job: Job, weights: Arrays) -> Simulator:
    """The job's module with other weights, as a free-run simulator."""
    return simulator_with(job.module, weights)
