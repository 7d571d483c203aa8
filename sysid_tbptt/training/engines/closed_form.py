"""The engine of models whose weights follow from the data in closed form: one solution, no gradient, no windows."""

from __future__ import annotations

import threading
from copy import deepcopy
from typing import Any, cast

import numpy as np
from threadpoolctl import threadpool_limits

from ...seeding import seeded
from ..job import Arrays, Control, Job, Trained
from ..modules import simulator_with
from ..simulator import Simulator
from ..weights import weights_of

_ALONE = threading.Lock()
"""Numbers depend on how many threads a linear algebra library has, which is the process's to say."""

NAME = "closed_form"
PARALLEL = "threads"


def declines(job: Job) -> str | None:
    """Why the job cannot be taken; None if it can."""
    trainable = any(parameter.requires_grad for parameter in job.module.parameters())
    if job.config.init_outputs:
        return "it fits inputs to outputs, and takes no init_outputs"
    solves = hasattr(job.module, "solve") and not trainable
    return None if solves else "it has no solve(records, burn_in), or parameters to train"


def train(job: Job, control: Control) -> Trained:
    """Fits a copy of ``job.module`` to the whole training records; ``burn_in`` samples of each are left out."""
    module = cast(Any, deepcopy(job.module))
    ends = np.cumsum(job.lengths)[:-1]
    records = list(zip(np.split(job.u.copy(), ends), np.split(job.y.copy(), ends), strict=True))
    with seeded(job.config.seed), _ALONE, threadpool_limits(1, "blas"):
        mse = module.solve(records, job.config.burn_in)
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
