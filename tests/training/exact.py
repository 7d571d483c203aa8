"""The least-squares problem of a job's windows in float64, by reverse-mode automatic differentiation of torch."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call

from sysid_tbptt.training.job import Job


def outputs_of(job: Job) -> tuple[Callable[..., Tensor], tuple[Tensor, ...], Tensor]:
    """The scored outputs (S, N - m, n_y) as a function of the parameters, their values, and the measured outputs."""
    module, config = deepcopy(job.module).double().eval(), job.config
    steps = job.starts[:, None] + np.arange(config.seq_len)
    u, y = (torch.from_numpy(signal[steps]).double() for signal in (job.u, job.y))
    if config.init_outputs:
        known = (torch.arange(config.seq_len) < config.init_outputs).double()[:, None].expand(*u.shape[:2], 1)
        u = torch.cat([u, y * known, known], dim=2)
    names = [name for name, parameter in module.named_parameters() if parameter.requires_grad]
    values = tuple(module.get_parameter(name).detach() for name in names)

    def outputs(*values: Tensor) -> Tensor:
        y_hat: Tensor = functional_call(module, dict(zip(names, values, strict=True)), (u,))
        return y_hat[:, config.burn_in :]

    return outputs, values, y[:, config.burn_in :]


def jacobian(job: Job) -> tuple[np.ndarray, np.ndarray]:
    """The Jacobian (rows, P) of the scored outputs, and the residuals (rows,)."""
    outputs, values, y = outputs_of(job)
    parts = torch.autograd.functional.jacobian(outputs, values)
    residuals = (outputs(*values) - y).detach().numpy().ravel()
    return np.concatenate([part.reshape(len(residuals), -1).numpy() for part in parts], axis=1), residuals
