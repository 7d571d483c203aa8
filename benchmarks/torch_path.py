"""The normal equations by `torch.func`: the tangents of all parameters under `vmap`, several hundred at a time."""

from __future__ import annotations

from collections.abc import Callable
from warnings import catch_warnings

import numpy as np
import torch
from torch.func import functional_call, jvp, vmap

from sysid_tbptt.training.engines.levenberg_marquardt import Normal
from sysid_tbptt.training.job import Job

torch.set_num_threads(1)  # the fastest setting for networks this small

NUMBERS = 2048
"""Tangents times hidden units in one call: fewer are slower, more take gigabytes."""


def normal_equations(job: Job) -> Callable[[], Normal]:
    """The normal equations of the job's windows at its initial weights, all windows at once."""
    config, module = job.config, job.module
    u, y = (
        torch.from_numpy(np.stack([array[start : start + config.seq_len] for start in job.starts]))
        for array in (job.u, job.y)
    )
    parameters = {name: parameter.detach() for name, parameter in module.named_parameters()}
    weights = torch.cat([parameter.ravel() for parameter in parameters.values()])

    def residuals(weights: torch.Tensor) -> torch.Tensor:
        parts = weights.split([parameter.numel() for parameter in parameters.values()])
        named = {
            name: part.view_as(parameter) for (name, parameter), part in zip(parameters.items(), parts, strict=True)
        }
        return (functional_call(module, named, (u,)) - y)[:, config.burn_in :].ravel()

    def tangent(direction: torch.Tensor) -> torch.Tensor:
        return jvp(residuals, (weights,), (direction,))[1]

    def normal() -> Normal:
        # oneDNN's LSTM has no forward derivative; torch warns of functions of its own
        with torch.no_grad(), catch_warnings(action="ignore"), torch.backends.mkldnn.flags(enabled=False):
            J = vmap(tangent, chunk_size=NUMBERS // config.hidden_size)(torch.eye(len(weights)))
            r = residuals(weights)
        n = len(r)
        return Normal((J @ J.T / n).double().numpy(), (J @ r / n).double().numpy(), float(r @ r) / n)

    return normal
