"""How the module of a run is built, and its outputs in evaluation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from ..config import RunConfig
from ..errors import ModelError, one_line
from ..registry import build_model, is_built_in
from ..seeding import seeded

TRIED_WINDOWS = 3
"""Windows of the first call: a number that differs from the steps, outputs and units of most models."""

_OUTPUTS = (torch.float16, torch.float32, torch.float64)


def built(name: str, *, n_in: int, n_y: int, hidden_size: int, num_layers: int, n_steps: int) -> torch.nn.Module:
    """The module of that name. A plug-in is called once on windows of ``n_steps`` steps, which builds lazy layers.

    All weights are drawn from the global random generators; seed them first.

    Raises:
        ModelError: it cannot be built, does not take such inputs, or its outputs have the wrong shape or type.
    """
    module = build_model(name, n_u=n_in, n_y=n_y, hidden_size=hidden_size, num_layers=num_layers)
    if not is_built_in(name):
        outputs(module, windows(TRIED_WINDOWS, n_steps, n_in, torch.Generator().manual_seed(0)), n_y, f"model '{name}'")
    return module


def seeded_module(config: RunConfig, n_in: int, n_y: int) -> tuple[torch.nn.Module, Callable[[], Iterator[int]]]:
    """The module of a run, and a function that starts again the draws of torch's default generator after the building.

    The global random generators are seeded while the module is built, and then restored.
    """
    with seeded(config.seed):
        module = built(
            config.model,
            n_in=n_in,
            n_y=n_y,
            hidden_size=config.hidden_size,
            num_layers=config.num_layers,
            n_steps=config.seq_len,
        )
        return module, partial(seeds_after, torch.get_rng_state())


def seeds_after(state: Tensor) -> Iterator[int]:
    """Draws of a generator in this state, each as ``torch.empty((), dtype=torch.int64).random_()``."""
    generator = torch.Generator()
    generator.set_state(state)
    while True:
        yield int(torch.empty((), dtype=torch.int64).random_(generator=generator))


def windows(n_windows: int, n_steps: int, n_in: int, generator: torch.Generator) -> Float[Tensor, "B N n_in"]:
    """Random inputs with the distribution of standardized records: zero mean, unit standard deviation."""
    return torch.randn(n_windows, n_steps, n_in, generator=generator, dtype=torch.float32)


def outputs(
    module: torch.nn.Module, u: Float[Tensor, "B N n_in"], n_y: int, name: str, about: str = ""
) -> Float[Tensor, "B N n_y"]:
    """The outputs in evaluation, without gradients; the module gets a copy of ``u``. ``about`` names ``u`` in messages.

    Raises:
        ModelError: the module's own code fails, or the outputs have the wrong shape or type.
    """
    inputs = f"float32 inputs (B, N, n_u) = {tuple(u.shape)}{about}"
    training = module.training
    module.eval()
    try:
        with torch.no_grad():
            y = module(u.clone())
    except Exception as error:  # whatever the module's own code raises
        raise ModelError(f"{name} does not take {inputs}: {one_line(error)}") from error
    finally:
        module.train(training)
    if not isinstance(y, Tensor):
        raise ModelError(f"{name} gives a {type(y).__name__}; its forward must give one tensor")
    expected = (*u.shape[:2], n_y)
    if tuple(y.shape) != expected:
        raise ModelError(f"{name} gives shape {tuple(y.shape)} for {inputs}; expected {expected}")
    if y.dtype not in _OUTPUTS:
        raise ModelError(f"{name} gives outputs of type {y.dtype}; convert them to torch.float32")
    return y.clone()
