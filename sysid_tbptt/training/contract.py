"""Checks that a module keeps its contract before it is trained. Each violation has its own message.

A module maps inputs (B, N, n_u) to outputs (B, N, n_y). In evaluation an output depends only on the weights and on the
inputs of its own window up to its own time, except for rounding.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from typing import Any, cast

import torch
from jaxtyping import Float
from torch import Tensor

from ..data.horizon import look_back
from ..data.series import Dataset
from ..errors import ModelError, one_line
from ..seeding import seeded
from .building import TRIED_WINDOWS, outputs, windows
from .engines import Engine
from .inputs import fed
from .job import Arrays, Control, Job
from .weights import check_storable, module_with, weights_of

LEAST_STEPS = 5
"""Minimum number of steps of a random window. It has N steps if N is larger, to find look-ahead within a window."""

UPDATES = {"steps": 3, "learning_rate": 0.01, "lr_schedule": "constant", "validate_every": None, "patience": None}
"""A short training, after which dependence is checked again: a branch of a network may start with zero weight."""

ITERATIONS = {"steps": 2, "patience": None}
"""The same for lm, whose warm start has the updates above; on few windows, since an iteration takes all of them."""

_SAME_SHAPE, _OTHER_SHAPE = 1e-4, 0.02
"""Tolerances relative to the largest output, for inputs of the same shape and of another shape. Rounding depends on the
shape, and a module may compute in 16 bits."""

_NUDGE, _AMPLIFIED = 1e-6, 100
"""For another shape, the tolerance also includes 100 times the effect of a relative change of the inputs by 1e-6: a
chaotic network amplifies rounding."""

Windows = Float[Tensor, "B N n_in"]


def check(job: Job, data: Dataset, engine: Engine) -> None:
    """Checks copies of a job's module; the module and the random generators do not change.

    The checks use random windows, with the initial weights and with those after a few steps of the engine. The module
    must also accept every record of the data set, and its weights must survive being written to a file.

    Raises:
        ModelError: the module breaks the contract. The message names the model, what is wrong and the remedy.
    """
    name = f"model '{job.config.model}'"
    with seeded(job.config.seed):
        check_storable(job.module, name)
        trial = _Trial(job, job.weights())
        trial.check_calls()
        trial.check_dependence()
        trial.check_records(data)
        if job.config.init_mode == "carry":
            trial.check_states()
        if job.config.optimiser in ("adam", "lm"):
            updated = _Trial(job, _updated(job, engine, name))
            updated.check_dependence()
            updated.check_stored()


def _updated(job: Job, engine: Engine, name: str) -> Arrays:
    """The weights after a few training steps."""
    try:
        weights = engine.train(_short(job), Control()).weights
    except ModelError:
        raise
    except Exception as error:  # whatever the module's own code raises
        raise ModelError(f"{name} cannot be trained: {one_line(error)}") from error
    for key, array in job.weights().items():
        if key not in weights or weights[key].shape != array.shape:
            raise ModelError(f"{name} changes the shape of its buffer '{key}'; do not keep a state between calls")
    return weights


def _short(job: Job) -> Job:
    """The job with a few updates only."""
    if job.config.optimiser == "adam":
        return replace(job, config=job.config.model_copy(update=UPDATES))
    config = job.config.model_copy(update=ITERATIONS)
    return replace(job, config=config, starts=job.starts[:TRIED_WINDOWS], warm=job.warm and _short(job.warm))


class _Trial:
    """The checks of a copy of a job's module with given weights, on random windows."""

    def __init__(self, job: Job, weights: Arrays) -> None:
        self.job, self.name = job, f"model '{job.config.model}'"
        self.module = module_with(job.module, weights)
        self.random = torch.Generator().manual_seed(0)
        self.n_steps = max(LEAST_STEPS, job.config.seq_len)
        self.u = self.drawn(TRIED_WINDOWS, self.n_steps)

    def drawn(self, n_windows: int, n_steps: int) -> Windows:
        return windows(n_windows, n_steps, self.job.n_in, self.random)

    def outputs(self, u: Windows, about: str = "") -> Float[Tensor, "B N n_y"]:
        return outputs(self.module, u, self.job.y.shape[1], self.name, about)

    def check_calls(self) -> None:
        """Outputs must be finite, and equal in a second call."""
        if not bool(torch.isfinite(self.outputs(self.u)).all()):
            raise ModelError(f"{self.name} gives outputs that are not finite for random inputs; check its weights")
        for u in (self.u, self.u[:1]):
            first, again, redrawn = (self.seeded_outputs(u, seed) for seed in (0, 0, 1))
            if _differ(first, again):
                raise ModelError(
                    f"{self.name} keeps a state between calls: a second call with the same inputs gives other outputs; "
                    "start each call from a zero state"
                )
            if _differ(first, redrawn):
                raise ModelError(
                    f"{self.name} draws random numbers in evaluation: two calls with the same inputs give different "
                    "outputs; apply dropout and noise only where self.training is true"
                )

    def seeded_outputs(self, u: Windows, seed: int) -> Float[Tensor, "B N n_y"]:
        with seeded(seed):
            return self.outputs(u)

    def check_dependence(self) -> None:
        """Outputs must depend neither on other windows nor on later inputs."""
        y, slack = self.outputs(self.u), self.slack(self.u)
        for k in range(TRIED_WINDOWS):
            others = self.drawn(TRIED_WINDOWS, self.n_steps)
            others[k] = self.u[k]
            alone = self.outputs(self.u[k, None])
            if _differ(self.outputs(others)[k, None], y[k, None]) or _differ(alone, y[k, None], slack):
                raise ModelError(
                    f"{self.name} mixes the windows of a batch: a window alone gives other outputs than the same "
                    "window in a batch; use batch_first=True, and no statistics over the batch in evaluation"
                )
        half = self.n_steps // 2
        for n in (half, half + 1, self.n_steps - 1):  # blocks of outputs cannot end at both of two neighbors
            self.check_past(self.u, y, n)

    def check_past(self, u: Windows, y: Float[Tensor, "B N n_y"], n: int) -> None:
        """The first n outputs y for the inputs u must not change when later inputs change."""
        later = torch.cat([u[:, :n], self.drawn(len(u), u.shape[1] - n)], dim=1)
        if _differ(self.outputs(later)[:, :n], y[:, :n]):
            raise ModelError(
                f"{self.name} looks ahead: inputs after the first {n} samples change the outputs of these; use "
                "bidirectional=False, convolutions that are padded on the left only, causal attention, and no "
                "statistics over time"
            )

    def check_stored(self) -> None:
        """All that training changes must be in the weights: a copy with these weights continues in the same way."""
        u = self.drawn(self.job.config.batch_size, self.n_steps)
        trained = deepcopy(self.module).train()
        try:
            trained(u.clone())
            stored = module_with(self.module, weights_of(trained))
            lost = any(
                _differ(_seeded(stored.train(training), u), _seeded(trained.train(training), u))
                for training in (True, False)
            )
        except Exception as error:  # whatever the module's own code raises
            raise ModelError(f"{self.name} fails in training: {one_line(error)}") from error
        if lost:
            raise ModelError(
                f"{self.name} keeps what training changes outside of its weights: a copy with the same weights gives "
                "other outputs; register such a tensor as a persistent buffer, do not keep a state between calls, and "
                "draw random numbers from the global generators"
            )

    def slack(self, u: Windows) -> Float[Tensor, " N"]:
        """Tolerance of each step's outputs, when they are compared with outputs for inputs of another shape."""
        y = self.outputs(u)
        nudged = self.outputs(u * (1 + _NUDGE * self.drawn(*u.shape[:2])))
        amplified = (nudged - y).abs().amax(dim=(0, 2)).cummax(dim=0).values
        return _AMPLIFIED * amplified + _OTHER_SHAPE * y.abs().max()

    def check_records(self, data: Dataset) -> None:
        """Every record can be simulated, and the first N outputs of the longest do not depend on its length."""
        n = self.job.config.seq_len
        for k, (about, u) in enumerate(_fed(self.job, data)):
            y = self.outputs(u, about)
            if k or n >= u.shape[1]:
                continue
            self.check_past(u, y, n)
            if _differ(y[:, :n], self.outputs(u[:, :n]), self.slack(u[:, :n])):
                raise ModelError(
                    f"{self.name} gives other outputs for the first {n} samples of a record of {u.shape[1]} samples "
                    "than for these samples alone; do not let outputs depend on the length of the record"
                )

    def check_states(self) -> None:
        """Two consecutive windows, with the state carried from the first to the second, equal one long window."""
        following, forward_from = self.drawn(*self.u.shape[:2]), cast(Any, self.module.eval()).forward_from
        whole = torch.cat([self.u, following], dim=1)
        y, slack = self.outputs(whole), self.slack(whole)
        try:
            with torch.no_grad():
                first, state = forward_from(self.u.clone(), None)
                parts = state if isinstance(state, tuple) else (state,)
                own = tuple(part.clone() for part in parts)
                second, _ = forward_from(following.clone(), own if isinstance(state, tuple) else own[0])
                parted = torch.cat([first, second], dim=1)
        except Exception as error:  # whatever the module's own code raises
            raise ModelError(
                f"{self.name}: forward_from(u, state) must give (y, state), the state one tensor or a tuple of "
                f"tensors: {one_line(error)}"
            ) from error
        if parted.shape != y.shape or _differ(parted, y, slack):
            raise ModelError(
                f"{self.name}: forward_from does not continue from the given state: two consecutive windows give other "
                "outputs than forward for one long window; return the state after the last step, and start from the "
                "given state"
            )


def _seeded(module: torch.nn.Module, u: Windows) -> Float[Tensor, "B N n_y"]:
    """The outputs in the module's present mode."""
    with seeded(0), torch.no_grad():
        return cast(Tensor, module(u.clone())).clone()


def _fed(job: Job, data: Dataset) -> Iterator[tuple[str, Windows]]:
    """The module's inputs in scoring: one record of each length, the longest first, or one window of a forecast."""
    records = {len(series): series for series in (*data.test, *data.val, *data.train)}
    for length in sorted(records, reverse=True):
        u, y = data.scaler.scale(records[length])
        if data.horizon:
            n = look_back(job.config, data)
            yield f", the {n} samples that a forecast is made from", torch.tensor(u[None, :n])
            return
        whole = fed(u, y[: job.config.init_outputs])
        yield f", the record '{records[length].name}' of {length} samples", torch.tensor(whole[None])


def _differ(
    one: Float[Tensor, "B N n_y"], other: Float[Tensor, "B N n_y"], slack: Float[Tensor, " N"] | None = None
) -> bool:
    """Whether two outputs differ by more than ``slack``, by default that of inputs of one shape. NaN never differs."""
    if slack is None:
        slack = _SAME_SHAPE * other.abs().max()
    return bool(((one - other).abs().amax(dim=(0, 2)) > slack).any())
