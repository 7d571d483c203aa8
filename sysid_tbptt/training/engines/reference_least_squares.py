"""The least-squares problem of Levenberg-Marquardt for any torch module, by forward-mode automatic differentiation.

A column of the Jacobian is the derivative of the scored outputs in the direction of one weight (`torch.func.jvp`);
`torch.func.vmap` computes many columns at a time. The Jacobian is kept for one block of windows at a time. It is
computed in the precision of the module; all sums are float64, in a fixed order.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any
from warnings import catch_warnings

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor
from torch.func import functional_call, jvp, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel

from ...errors import ModelError, one_line
from ..job import Arrays, Job
from ..modules import module_simulator, window_inputs, windows_view
from ..simulator import validation_mse
from ..weights import weights_of
from .levenberg_marquardt import Normal, Weights

BLOCK = 2**20
"""Largest number of windows x steps x columns of the Jacobian that are computed at a time, unless one is more."""


def n_trained(module: torch.nn.Module) -> int:
    """The number of real numbers in the parameters that are trained; a complex number counts twice."""
    return sum(_real(parameter).numel() for parameter in _trained(module).values())


class ReferenceLeastSquares:
    """See `levenberg_marquardt.LeastSquares`.

    The outputs must be a function of the weights, so the module is in evaluation mode: dropout and noise are off, and
    batch normalization uses its running statistics. Buffers and frozen parameters keep the values that `flat` was
    given last: those after the warm start.
    """

    def __init__(self, job: Job) -> None:
        config = job.config
        self.job, self.name = job, f"model '{config.model}'"
        self.module = deepcopy(job.module).eval()
        self.trained = _trained(self.module)
        self.inputs = window_inputs(job.u, job.y, config.seq_len, config.init_outputs)
        self.targets = windows_view(job.y, config.seq_len)[:, config.burn_in :]
        self.columns = max(1, min(n_trained(self.module), BLOCK // config.seq_len))
        windows = max(1, BLOCK // (config.seq_len * self.columns))
        self.blocks = torch.from_numpy(job.starts).split(windows)
        self.residuals = len(job.starts) * self.targets[0].numel()

    def flat(self, weights: Arrays) -> Weights:
        self.module.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
        parts = [_real(parameter).flatten() for parameter in self.trained.values()]
        dtype = torch.float64 if any(part.dtype == torch.float64 for part in parts) else torch.float32
        return torch.cat([part.to(dtype) for part in parts]).numpy()

    def arrays(self, weights: Weights) -> Arrays:
        self._put(weights)
        return weights_of(self.module)

    def mse(self, weights: Weights) -> float:
        flat, squares = torch.from_numpy(weights), 0.0
        with self._differentiable():
            for block in self.blocks:
                squares += float(self._errors(flat, block).square().sum())
        return squares / self.residuals

    def normal(self, weights: Weights) -> Normal:
        flat, squares = torch.from_numpy(weights), 0.0
        matrix = flat.new_zeros((len(flat), len(flat)), dtype=torch.float64)
        gradient = flat.new_zeros(len(flat), dtype=torch.float64)
        with self._differentiable():
            for block in self.blocks:
                errors, J = self._errors(flat, block), self._jacobian(flat, block)
                matrix.addmm_(J, J.T)
                gradient.addmv_(J, errors)
                squares += float(errors.square().sum())
        if not bool(matrix.any()):
            raise ModelError(
                f"{self.name} cannot be trained by optimiser='lm': the derivatives of its outputs by all weights are "
                "zero; do not detach its weights"
            )
        return Normal((matrix / self.residuals).numpy(), (gradient / self.residuals).numpy(), squares / self.residuals)

    def validation_mse(self, weights: Weights) -> float:
        self._put(weights)
        job = self.job
        return validation_mse(module_simulator(self.module), job.val, job.config.init_outputs, job.n_init)

    def _put(self, weights: Weights) -> None:
        """Gives the module these weights."""
        with torch.no_grad():
            for name, value in self._parameters(torch.from_numpy(weights)).items():
                self.trained[name].copy_(value)

    def _parameters(self, flat: Float[Tensor, " P"]) -> dict[str, Tensor]:
        """The trained parameters by name, in their own types."""
        parts = flat.split([_real(parameter).numel() for parameter in self.trained.values()])
        trained = zip(self.trained.items(), parts, strict=True)
        return {name: _like(parameter, part) for (name, parameter), part in trained}

    def _outputs(self, flat: Float[Tensor, " P"], u: Float[Tensor, "B N n_in"]) -> Float[Tensor, "B n n_y"]:
        """The scored outputs; the module gets a copy of its inputs."""
        outputs: Tensor = functional_call(self.module, self._parameters(flat), (u.clone(),))
        return outputs[:, self.job.config.burn_in :]

    def _errors(self, flat: Float[Tensor, " P"], block: Int64[Tensor, " B"]) -> Float64[Tensor, " rows"]:
        return (self._outputs(flat, self.inputs(block)).double() - self.targets[block]).flatten()

    def _jacobian(self, flat: Float[Tensor, " P"], block: Int64[Tensor, " B"]) -> Float64[Tensor, "P rows"]:
        """The transposed Jacobian of the scored outputs of a block of windows."""
        u = self.inputs(block)

        def derivative(direction: Tensor) -> Tensor:
            column: Tensor = jvp(lambda flat: self._outputs(flat, u), (flat,), (direction,))[1]
            return column

        directions = torch.eye(len(flat), dtype=flat.dtype, device=flat.device)
        return vmap(derivative, chunk_size=self.columns)(directions).flatten(1).double()

    @contextmanager
    def _differentiable(self) -> Iterator[None]:
        """Without the fused kernels that have no forward-mode derivative. An error in the module's code names it."""
        try:
            with torch.no_grad(), _plain_kernels():
                yield
        except Exception as error:  # whatever the module's own code raises
            raise ModelError(
                f"{self.name} cannot be trained by optimiser='lm', which differentiates its outputs by torch.func.jvp "
                f"under torch.func.vmap: {one_line(error)}; change what these do not support, or choose "
                "optimiser='adam'"
            ) from error


def _trained(module: torch.nn.Module) -> dict[str, torch.nn.Parameter]:
    return {name: parameter for name, parameter in module.named_parameters() if parameter.requires_grad}


def _real(parameter: Tensor) -> Tensor:
    """The parameter as real numbers: a complex number is two of them."""
    parameter = parameter.detach()
    return torch.view_as_real(parameter) if parameter.is_complex() else parameter


def _like(parameter: Tensor, flat: Tensor) -> Tensor:
    """A flat vector of real numbers as a parameter."""
    values = flat.reshape(_real(parameter).shape)
    return (torch.complex(values[..., 0], values[..., 1]) if parameter.is_complex() else values).to(parameter.dtype)


@contextmanager
def _plain_kernels() -> Iterator[None]:
    """Turns off the fused kernels of oneDNN (LSTM) and of attention; torch has plain ones for the same functions.

    Torch's forward mode warns that it uses a deprecated function of torch itself.
    """
    onednn: Any = torch.backends.mkldnn
    before = onednn.enabled, torch.backends.mha.get_fastpath_enabled()
    try:
        onednn.enabled = False
        torch.backends.mha.set_fastpath_enabled(False)
        with sdpa_kernel(SDPBackend.MATH), catch_warnings(action="ignore", category=DeprecationWarning):
            yield
    finally:
        onednn.enabled = before[0]
        torch.backends.mha.set_fastpath_enabled(before[1])
