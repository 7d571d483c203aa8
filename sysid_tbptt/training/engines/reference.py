"""The reference engine: plain torch and autograd, any module. The oracle that every kernel is judged by."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from ...errors import EngineError
from ...seeding import generator_states, seeded, set_generator_states
from ..job import Arrays, Control, Job, Trained
from ..modules import module_simulator, simulator_with, window_inputs, windows_view
from ..monitor import Monitor
from ..schedule import learning_rates
from ..simulator import Simulator, validation_mse
from ..weights import weights_of
from ..windows import noisy_input
from . import levenberg_marquardt
from .optimisers import not_implemented
from .reference_least_squares import ReferenceLeastSquares, n_trained

NAME = "reference"
PARALLEL = "processes"
OPTIMISERS = ("adam", "lm")
_TURN_SECONDS = 0.2
_MOMENTS = ("exp_avg", "exp_avg_sq", "step")


def declines(job: Job) -> str | None:
    """Why the job cannot be taken; None if it can."""
    if reason := not_implemented(job.config, OPTIMISERS):
        return reason
    if not (parameters := n_trained(job.module)):
        return "it has no parameter to train"
    if job.config.init_mode == "carry" and not hasattr(job.module, "forward_from"):
        return "init_mode='carry' needs a module with forward_from(u, state) -> (y, state)"
    return levenberg_marquardt.too_large(parameters) if job.config.optimiser == "lm" else None


def train(job: Job, control: Control) -> Trained:
    """Trains a copy of ``job.module`` by Adam or Levenberg-Marquardt on the mean squared error of the N-m scored steps.

    Raises:
        EngineError: the job cannot be taken.
        ModelError: the module cannot be differentiated as Levenberg-Marquardt needs.
    """
    if reason := declines(job):
        raise EngineError(f"engine '{NAME}': {reason}")
    with _one_thread(), _denormals_flushed(), seeded(job.config.seed):
        if job.config.optimiser == "adam":
            return _Run(job).train(control)
        return levenberg_marquardt.train(job, control, ReferenceLeastSquares(job), train)


def simulator(job: Job, weights: Arrays) -> Simulator:
    """The job's module with other weights, as a free-run simulator."""
    return simulator_with(job.module, weights)


class _Run:
    """One training under way: module, optimiser, monitor, and the carried states of a stateful run."""

    def __init__(self, job: Job) -> None:
        config = job.config
        self.job, self.config = job, config
        self.module = deepcopy(job.module).train()
        self.parameters = dict(self.module.named_parameters())
        optimiser = torch.optim.AdamW if config.weight_decay else torch.optim.Adam
        self.optimiser = optimiser(self.parameters.values(), lr=config.learning_rate, weight_decay=config.weight_decay)
        self.monitor = Monitor(config)
        self.carried: dict[int, tuple[Tensor, ...]] = {}
        self.y_windows = windows_view(job.y, config.seq_len)

    def train(self, control: Control) -> Trained:
        if control.resume:
            self.load(dict(control.resume))
        last_turn = time.monotonic()
        for batch, inputs, windows in self.batches():
            going_on = self.monitor.losses(np.array([self.step(batch, inputs(windows), windows)]))
            if going_on and self.monitor.validation_due:
                going_on = self.monitor.validated(self.validation_mse(), self.weights())
            if not going_on:
                break
            if time.monotonic() - last_turn > _TURN_SECONDS:
                control.turn(self.monitor.step, self.state)
                last_turn = time.monotonic()
        return self.monitor.trained(self.weights())

    def batches(self) -> Iterator[tuple[int, Callable[[Tensor], Tensor], Tensor]]:
        """Batch number within its epoch, the epoch's inputs and the batch's first samples, to the end."""
        per_epoch = self.job.order.steps_per_epoch
        epoch, skip = divmod(self.monitor.step, per_epoch)
        for windows_of_epoch in self.job.order.epochs(epoch):
            inputs = self.inputs(epoch)
            for batch in range(skip, per_epoch):
                if self.monitor.step == self.config.steps:
                    return
                yield batch, inputs, torch.from_numpy(self.job.starts[windows_of_epoch[batch]])
            epoch, skip = epoch + 1, 0

    def inputs(self, epoch: int) -> Callable[[Tensor], Tensor]:
        """What gathers the inputs (B, N, n_in) of the windows that begin at given samples."""
        u, y, config = self.job.u, self.job.y, self.config
        if config.input_noise:
            u = noisy_input(u, config.input_noise, config.seed, epoch)
        return window_inputs(u, y, config.seq_len, config.init_outputs)

    def step(self, batch: int, u: Tensor, windows: Tensor) -> float:
        """One optimiser step; the loss is the one before the update."""
        config = self.config
        y_hat = self.outputs(batch, u)
        loss = torch.nn.functional.mse_loss(y_hat[:, config.burn_in :], self.y_windows[windows, config.burn_in :])
        self.optimiser.zero_grad()
        loss.backward()
        if config.clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(self.parameters.values(), config.clip_norm)
        step = self.monitor.step
        self.optimiser.param_groups[0]["lr"] = float(learning_rates(config, step, step + 1)[0])
        self.optimiser.step()
        return float(loss.detach())

    def outputs(self, batch: int, u: Tensor) -> Tensor:
        """Batch outputs; a stateful run starts from the state of the batch that ended N samples earlier."""
        if self.config.init_mode == "zero":
            return self.module(u)
        lag = self.config.seq_len // self.config.batch_size
        if batch == 0:
            self.carried.clear()
        y_hat, state = cast(Any, self.module).forward_from(u, _as_state(self.carried.pop(batch, None)))
        self.carried[batch + lag] = tuple(tensor.detach().clone() for tensor in _as_tuple(state))
        return y_hat

    def validation_mse(self) -> float:
        simulate = module_simulator(self.module)
        return validation_mse(simulate, self.job.val, self.config.init_outputs)

    def weights(self) -> Arrays:
        return weights_of(self.module)

    def state(self) -> Arrays:
        """Everything that the rest of the run depends on, as named arrays."""
        moments = {
            f"{key}.{name}": self.optimiser.state[parameter][key].numpy()
            for name, parameter in self.parameters.items()
            if parameter in self.optimiser.state  # one that never had a gradient has no moments
            for key in _MOMENTS
        }
        carried = {
            f"carried.{batch}.{i}": tensor.numpy()
            for batch, state in self.carried.items()
            for i, tensor in enumerate(state)
        }
        weights = {f"weight.{name}": array for name, array in self.weights().items()}
        return weights | moments | carried | generator_states() | self.monitor.state()

    def load(self, state: Arrays) -> None:
        tensors = {name: torch.from_numpy(np.array(array)) for name, array in state.items()}
        self.module.load_state_dict({name: tensors[f"weight.{name}"] for name in self.module.state_dict()})
        for name, parameter in self.parameters.items():
            if f"step.{name}" in tensors:
                self.optimiser.state[parameter] = {key: tensors[f"{key}.{name}"] for key in _MOMENTS}
        for name in sorted(key for key in tensors if key.startswith("carried.")):
            batch = int(name.split(".")[1])
            self.carried[batch] = (*self.carried.get(batch, ()), tensors[name])
        set_generator_states(state)
        self.monitor.load(state)


def _as_tuple(state: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return state if isinstance(state, tuple) else (state,)


def _as_state(tensors: tuple[Tensor, ...] | None) -> Tensor | tuple[Tensor, ...] | None:
    return tensors[0] if tensors is not None and len(tensors) == 1 else tensors


@contextmanager
def _one_thread() -> Iterator[None]:
    """One thread a run: faster for models this small, and the numbers do not depend on the number of cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _denormals_flushed() -> Iterator[None]:
    """Flushes denormals while training and restores the state; without it long windows are up to 11x slower."""
    tiny = torch.tensor(1e-40)
    flushed_before = bool((tiny * 1.0) == 0)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(flushed_before)
