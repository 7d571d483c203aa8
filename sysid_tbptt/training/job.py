"""What an engine is given, what it says on the way, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
from jaxtyping import Float32, Float64, Int64

from ..config import Ended, RunConfig
from .inputs import width
from .windows import BatchOrder

if TYPE_CHECKING:
    import torch

Arrays = dict[str, np.ndarray]
"""Arrays by name: a model's weights, or the state of a run between two steps."""


@dataclass(frozen=True)
class Job:
    """One run as plain arrays.

    ``u`` (T, n_u) and ``y`` (T, n_y) are the standardised training records laid end to end, ``lengths`` the
    records' lengths, ``starts`` (S,) the first sample of each window, ``val`` the standardised validation records.
    ``module`` holds the initial weights and does not change; ``build`` builds it when it is first needed. For the zoo's
    own networks, ``cell`` names the cell ("rnn", "gru", "lstm"), so that a kernel can replace the module, and
    ``initial`` holds the same initial weights, so that such a kernel does not need torch. ``warm`` is the Adam run that
    an lm run begins with, ``n_init`` the length of the benchmark's init window, which lm leaves out of the validation.
    """

    config: RunConfig
    u: Float32[np.ndarray, "T n_u"]
    y: Float32[np.ndarray, "T n_y"]
    lengths: tuple[int, ...]
    starts: Int64[np.ndarray, " S"]
    order: BatchOrder
    val: tuple[tuple[np.ndarray, np.ndarray], ...]
    build: Callable[[], torch.nn.Module]
    cell: str | None = None
    initial: Arrays | None = None
    warm: Job | None = None
    n_init: int = 0

    @cached_property
    def module(self) -> torch.nn.Module:
        """The module with its initial weights."""
        return self.build()

    @property
    def n_in(self) -> int:
        """Inputs of the network."""
        return width(self.u.shape[1], self.y.shape[1], self.config.init_outputs)

    def weights(self) -> Arrays:
        """Copies of the initial weights under torch's names (``rnn.weight_ih_l0`` ... ``readout.bias``)."""
        if self.initial is not None:
            return {name: array.copy() for name, array in self.initial.items()}
        from .weights import weights_of

        return weights_of(self.module)


@dataclass(frozen=True)
class Optimum:
    """What a run that was solved to an optimum gives beside its weights, unrounded.

    The least ``loss``, the recurrent weight ``w_hh``, the outputs ``y_hat`` of every subsequence from the initial state
    it was trained with, ``coercivity`` (how fast the loss grows with the outputs' mean squared change), and iterations.
    """

    loss: float
    w_hh: float
    y_hat: Float64[np.ndarray, "S N n_y"]
    coercivity: float
    iterations: int


@dataclass(frozen=True)
class Trained:
    """What an engine gives back.

    ``curve`` holds the mean training loss of each block of ``curve_every`` steps, ``validation`` the
    standardised free-run MSE at each validation. A run that met a loss or weight that is not finite is
    ``diverged``: ``steps_done`` is then the step at which that happened. ``ended`` says why an lm run took no further
    iteration.
    """

    status: Literal["ok", "diverged"]
    weights: Arrays
    steps_done: int
    curve: list[float]
    curve_every: int
    last100_mean: float
    validation: list[float] = field(default_factory=list)
    best_step: int | None = None
    optimum: Optimum | None = None
    ended: Ended | None = None


class Interrupted(Exception):
    """The run was asked to stop; its state is in the checkpoint."""


@dataclass
class Control:
    """The thread between a running engine and whoever started it.

    An engine calls ``turn(step, state)`` several times a second: it reports progress, writes a checkpoint
    when one is due, and raises `Interrupted`, after a last checkpoint, when the run is to stop. ``resume`` is
    the checkpoint to go on from. ``threads()`` is the number of threads that the run may use now; the engine adds the
    processor time, in seconds, of those that are not the run's own to ``helpers_cpu_s``.
    """

    resume: Mapping[str, np.ndarray] | None = None
    progress: Callable[[int], None] = lambda _: None
    checkpoint_due: Callable[[], bool] = lambda: False
    save: Callable[[Arrays], None] = lambda _: None
    stopping: Callable[[], bool] = lambda: False
    threads: Callable[[], int] = lambda: 1
    helpers_cpu_s: float = 0.0

    def turn(self, step: int, state: Callable[[], Arrays]) -> None:
        self.progress(step)
        stopping = self.stopping()
        if stopping or self.checkpoint_due():
            self.save(state())
        if stopping:
            raise Interrupted(f"stopped after step {step}")
