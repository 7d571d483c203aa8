"""A trained module whose state is taken out, put in and measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from ..errors import ModelError, one_line
from ..models.base import CarriesState, State

States = tuple[Tensor, ...]
"""The tensors that the states of a batch are made of, the batch first in each; one of LSTM's holds h, the other c."""


@dataclass(frozen=True)
class Network:
    """A float64 copy of a module; ``axes`` are those of the batch in its own states, one tensor if ``single``."""

    module: CarriesState
    axes: tuple[int, ...]
    single: bool

    def advance(
        self, u: Float64[Tensor, "B N n_in"], states: States | None
    ) -> tuple[Float64[Tensor, "B N n_y"], States]:
        """Outputs, and the states after the last step; ``states`` None is zero."""
        y, after = self.module.forward_from(u.clone(), None if states is None else self._own(states))
        return y, tuple(part.movedim(axis, 0).clone() for part, axis in zip(_parts(after), self.axes, strict=True))

    def visit(self, u: Float64[Tensor, "T n_in"], at: Sequence[int]) -> Iterator[States]:
        """The states after so many steps, ascending and at least 1, of a free run from zero."""
        states: States | None = None
        for done, place in zip((0, *at), at, strict=False):
            if states is None or place > done:
                _, states = self.advance(u[None, done:place], states)
            yield states

    def _own(self, states: States) -> State:
        """Copies of the states as the module has them: it may change them."""
        parts = zip(states, self.axes, strict=True)
        own = tuple(part.movedim(0, axis).clone(memory_format=torch.contiguous_format) for part, axis in parts)
        return own[0] if self.single else own


def network(module: torch.nn.Module, n_in: int) -> Network:
    """A copy of the module to evaluate, fed ``n_in`` inputs.

    Raises:
        ModelError: it has no ``forward_from``, or none that takes float64 and gives a state with a batch axis.
    """
    if not isinstance(module, CarriesState):
        raise ModelError(
            f"{type(module).__name__} has no forward_from(u, state) -> (y, state) to set its state by: add it"
        )
    copy = cast(CarriesState, _in_double(deepcopy(module)).eval())
    try:
        (y, two), (_, three) = (copy.forward_from(torch.zeros(size, 1, n_in).double(), None) for size in (2, 3))
    except Exception as error:  # whatever the module's own code raises
        raise ModelError(
            f"{type(module).__name__}: forward_from does not take float64 inputs (B, 1, {n_in}): {one_line(error)}"
        ) from error
    if y.dtype != torch.float64:
        raise ModelError(
            f"{type(module).__name__}: forward_from gives {y.dtype} for float64 inputs; give the type of the inputs"
        )
    axes = tuple(_batch_axis(a, b) for a, b in zip(_parts(two), _parts(three), strict=True))
    return Network(copy, axes, isinstance(two, Tensor))


def _in_double(module: torch.nn.Module) -> torch.nn.Module:
    """With all its numbers in 64 bits, complex ones in twice as many."""
    module.double()
    for tensor in (*module.parameters(), *module.buffers()):
        if tensor.is_complex():
            tensor.data = tensor.data.to(torch.complex128)
    return module


def joined(states: Sequence[States]) -> States:
    """One batch of several."""
    return tuple(torch.cat(parts) for parts in zip(*states, strict=True))


def picked(states: States, at: Int64[Tensor, " K"]) -> States:
    """Those at the given places of the batch."""
    return tuple(part[at] for part in states)


def distances(one: States, other: States) -> Float64[Tensor, " B"]:
    """Euclidean, over all tensors together."""
    differences = [(a - b).flatten(1) for a, b in zip(one, other, strict=True)]
    return torch.linalg.vector_norm(torch.cat(differences, dim=1), dim=1)


def _parts(state: State) -> tuple[Tensor, ...]:
    return (state,) if isinstance(state, Tensor) else tuple(state)


def _batch_axis(of_two: Tensor, of_three: Tensor) -> int:
    for axis, sizes in enumerate(zip(of_two.shape, of_three.shape, strict=True)):
        if sizes == (2, 3):
            return axis
    raise ModelError(f"a state of shape {tuple(of_two.shape)} for a batch of 2 has no axis of the batch")
