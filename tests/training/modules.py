"""Modules as users write them, by the name ``tests.training.modules:NAME``: some keep the contract, some break it."""

from __future__ import annotations

import random
import warnings
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn


class Net(nn.Module):
    """A GRU with a read-out."""

    def __init__(self, n_u: int, n_y: int, hidden_size: int, **_: int) -> None:
        super().__init__()
        self.r = nn.GRU(n_u, hidden_size, batch_first=True)
        self.o = nn.Linear(hidden_size, n_y)

    def forward(self, u: Tensor) -> Tensor:
        return self.o(self.r(u)[0])


causal = Net

# Modules that keep the contract


class Twice(Net):
    def forward(self, u: Tensor) -> Tensor:
        return super().forward(2.0 * u)


class InPlace(Net):
    """The same function as `Twice`."""

    def forward(self, u: Tensor) -> Tensor:
        return super().forward(u.mul_(2.0))


class Lazy(Net):
    def __init__(self, n_u: int, n_y: int, hidden_size: int, **_: int) -> None:
        super().__init__(n_u, n_y, hidden_size)
        self.o = nn.Sequential(nn.LazyLinear(hidden_size), nn.Tanh(), nn.LazyLinear(n_y))


class LateBuilt(Net):
    """Builds its read-out at the first call, without torch's lazy layers."""

    def __init__(self, n_u: int, n_y: int, hidden_size: int, **_: int) -> None:
        super().__init__(n_u, n_y, hidden_size)
        self.n_y, self.o = n_y, None

    def forward(self, u: Tensor) -> Tensor:
        h = self.r(u)[0]
        self.o = self.o or nn.Linear(h.shape[2], self.n_y)
        return self.o(h)


class DrawnByNumpy(Net):
    def __init__(self, n_u: int, n_y: int, hidden_size: int, **_: int) -> None:
        super().__init__(n_u, n_y, hidden_size)
        self.r.weight_hh_l0.data = torch.tensor(np.random.randn(3 * hidden_size, hidden_size)).float() / 9  # noqa: NPY002
        self.o.bias.data.fill_(random.gauss(0.0, 1.0))


class Reservoir(Net):
    """Draws a matrix that is not among its weights."""

    def __init__(self, n_u: int, n_y: int, hidden_size: int, **_: int) -> None:
        super().__init__(n_u, n_y, hidden_size)
        self.mixing = torch.tensor(np.random.randn(n_u, n_u)).float()  # noqa: NPY002

    def forward(self, u: Tensor) -> Tensor:
        return super().forward(u @ self.mixing)


class NoisyTraining(Net):
    """Draws from all three generators in training."""

    def forward(self, u: Tensor) -> Tensor:
        if self.training:
            noise = torch.randn(()) + np.random.randn() + random.gauss(0.0, 1.0)  # noqa: NPY002
            u = u + 0.1 * noise
        return super().forward(nn.functional.dropout(u, 0.1, self.training))


class Normalized(Net):
    """Has an integer buffer, ``num_batches_tracked``."""

    def __init__(self, n_u: int, n_y: int, hidden_size: int, **_: int) -> None:
        super().__init__(n_u, n_y, hidden_size)
        self.norm = nn.BatchNorm1d(hidden_size)
        self.register_buffer("mask", torch.ones(hidden_size, dtype=torch.bool))
        self.register_buffer("gain", torch.ones(hidden_size, dtype=torch.float16))

    def forward(self, u: Tensor) -> Tensor:
        return self.o(self.norm(self.r(u)[0].transpose(1, 2)).transpose(1, 2) * self.mask * self.gain)


class Complex(nn.Module):
    def __init__(self, n_u: int, n_y: int, hidden_size: int, **_: int) -> None:
        super().__init__()
        self.pole = nn.Parameter(torch.polar(torch.full((hidden_size,), 0.8), torch.linspace(0, 1, hidden_size)))
        self.b = nn.Parameter(torch.randn(n_u, hidden_size, dtype=torch.cfloat))
        self.c = nn.Parameter(torch.randn(hidden_size, n_y, dtype=torch.cfloat))

    def forward(self, u: Tensor) -> Tensor:
        x, v, xs = torch.zeros(len(u), len(self.pole), dtype=torch.cfloat), u.to(torch.cfloat) @ self.b, []
        for t in range(u.shape[1]):
            x = self.pole * x + v[:, t]
            xs.append(x)
        return (torch.stack(xs, dim=1) @ self.c).real


class CarryingComplex(nn.Module):
    """A complex state that can be carried, and an integer buffer."""

    def __init__(self, n_u: int, n_y: int, hidden_size: int, **_: int) -> None:
        super().__init__()
        self.pole = nn.Parameter(torch.polar(torch.full((hidden_size,), 0.8), torch.linspace(0, 1, hidden_size)))
        self.b, self.c = nn.Linear(n_u, hidden_size), nn.Linear(hidden_size, n_y)
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))

    def forward_from(self, u: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        v, xs = self.b(u), []
        x = torch.zeros_like(self.pole).expand(len(u), -1) if state is None else state
        for t in range(u.shape[1]):
            x = self.pole * x + v[:, t]
            xs.append(x)
        return self.c(torch.stack(xs, dim=1).real), x

    def forward(self, u: Tensor) -> Tensor:
        return self.forward_from(u, None)[0]


class Conv(nn.Module):
    """Causal, of a receptive field of 9 samples; shorter inputs are an error."""

    def __init__(self, n_u: int, n_y: int, **_: int) -> None:
        super().__init__()
        self.c = nn.Conv1d(n_u, n_y, 9)

    def forward(self, u: Tensor) -> Tensor:
        return nn.functional.pad(self.c(u.transpose(1, 2)), (8, 0)).transpose(1, 2)


class Chaotic(nn.Module):
    """Amplifies rounding to any size within tens of samples."""

    def __init__(self, n_u: int, n_y: int, **_: int) -> None:
        super().__init__()
        self.w, self.b = nn.Parameter(4 * torch.randn(16, 16)), nn.Parameter(torch.randn(n_u, 16))
        self.o = nn.Linear(16, n_y)

    def forward(self, u: Tensor) -> Tensor:
        h, hs = torch.zeros(len(u), 16), []
        for t in range(u.shape[1]):
            h = torch.tanh(h @ self.w + u[:, t] @ self.b)
            hs.append(h)
        return self.o(torch.stack(hs, dim=1))


class InDouble(Net):
    dtype = torch.float64

    def __init__(self, n_u: int, n_y: int, hidden_size: int, **_: int) -> None:
        super().__init__(n_u, n_y, hidden_size)
        self.to(self.dtype)

    def forward(self, u: Tensor) -> Tensor:
        return super().forward(u.to(self.dtype))


class InHalf(InDouble):
    dtype = torch.float16

    def forward(self, u: Tensor) -> Tensor:
        return super().forward(u).float()


class WeightNorm(Net):
    def __init__(self, n_u: int, n_y: int, hidden_size: int, **_: int) -> None:
        super().__init__(n_u, n_y, hidden_size)
        nn.utils.parametrizations.weight_norm(self.o)


class _Rectified(torch.autograd.Function):
    """Has a derivative in reverse mode only."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return gradient * (x > 0)


class NoForwardMode(Net):
    """Only Adam can train it."""

    def forward(self, u: Tensor) -> Tensor:
        return super().forward(u) + _Rectified.apply(self.o.bias)


class InNumpy(Net):
    """Computes with one of its weights in numpy."""

    def forward(self, u: Tensor) -> Tensor:
        return super().forward(u * float(self.o.weight.detach().numpy().std()))


class Detached(Net):
    """Trains nothing."""

    def forward(self, u: Tensor) -> Tensor:
        return super().forward(u).detach()


class Carrying(Net):
    def forward_from(self, u: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        h, state = self.r(u, state)
        return self.o(h), state


class CarryingInPlace(Carrying):
    """Doubles inputs in place, and overwrites the state that it was given."""

    def forward_from(self, u: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        y, after = super().forward_from(u.mul_(2.0), None if state is None else state.clone())
        if state is not None:
            state.zero_()
        return y, after

    def forward(self, u: Tensor) -> Tensor:
        return self.forward_from(u, None)[0]


# Modules that break it


class TimeFirst(Net):
    def __init__(self, n_u: int, n_y: int, hidden_size: int, **_: int) -> None:
        super().__init__(n_u, n_y, hidden_size)
        self.r = nn.GRU(n_u, hidden_size)


class BatchMean(Net):
    def forward(self, u: Tensor) -> Tensor:
        return super().forward(u - u.mean(dim=0))


class BothWays(Net):
    def __init__(self, n_u: int, n_y: int, hidden_size: int, **_: int) -> None:
        super().__init__(n_u, n_y, hidden_size)
        self.r, self.o = nn.GRU(n_u, hidden_size, batch_first=True, bidirectional=True), nn.Linear(2 * hidden_size, n_y)


class TimeMean(Net):
    def forward(self, u: Tensor) -> Tensor:
        return super().forward(u - u.mean(dim=1, keepdim=True))


class Ahead(Net):
    """Looks so many samples ahead, with a weight that is drawn, or zero at first."""

    steps, zero = 1, False

    def __init__(self, n_u: int, n_y: int, hidden_size: int, **_: int) -> None:
        super().__init__(n_u, n_y, hidden_size)
        self.later = nn.Linear(n_u, n_y)
        self.gate = nn.Parameter(torch.zeros(1) if self.zero else torch.ones(1))

    def forward(self, u: Tensor) -> Tensor:
        coming = nn.functional.pad(u[:, self.steps :], (0, 0, 0, min(self.steps, u.shape[1])))
        return super().forward(u) + self.gate * self.later(coming)


class AheadTen(Ahead):
    steps = 10


class AheadLater(Ahead):
    zero = True


class AheadBeyond(Ahead):
    """Looks further ahead than a training window is long."""

    steps = 30


class Blocks(Net):
    """The outputs of a block of 4 samples depend on the whole block."""

    def forward(self, u: Tensor) -> Tensor:
        padded = nn.functional.pad(u, (0, 0, 0, -u.shape[1] % 4))
        means = padded.unflatten(1, (-1, 4)).mean(dim=2, keepdim=True).expand(-1, -1, 4, -1).flatten(1, 2)
        return super().forward(means[:, : u.shape[1]])


class Length(Net):
    """Its clock runs from 0 to 1 over whatever it is given."""

    def forward(self, u: Tensor) -> Tensor:
        return super().forward(u + torch.linspace(0, 1, u.shape[1])[:, None])


class KeepsState(Net):
    h = None

    def forward(self, u: Tensor) -> Tensor:
        known = self.h is not None and self.h.shape[1] == len(u)
        h, self.h = self.r(u, self.h.detach() if known else None)
        return self.o(h)


class KeepsStateOfOne(Net):
    """Keeps a state where it is given one window, as in simulation."""

    h = None

    def forward(self, u: Tensor) -> Tensor:
        h, after = self.r(u, self.h if len(u) == 1 else None)
        self.h = after.detach() if len(u) == 1 else self.h
        return self.o(h)


class StateBuffer(Net):
    def __init__(self, n_u: int, n_y: int, hidden_size: int, **_: int) -> None:
        super().__init__(n_u, n_y, hidden_size)
        self.register_buffer("h", torch.zeros(1, 1, hidden_size))

    def forward(self, u: Tensor) -> Tensor:
        h, after = self.r(u, self.h if self.h.shape[1] == len(u) else None)
        self.h = after.detach()
        return self.o(h)


class TrainingBuffer(Net):
    """A buffer takes the shape of the last batch in training."""

    def __init__(self, n_u: int, n_y: int, hidden_size: int, **_: int) -> None:
        super().__init__(n_u, n_y, hidden_size)
        self.register_buffer("last", torch.zeros(1))

    def forward(self, u: Tensor) -> Tensor:
        if self.training:
            self.last = u.detach().clone()
        return super().forward(u)


class RunningMean(Net):
    """Subtracts a running mean of the inputs, which training updates."""

    persistent = True

    def __init__(self, n_u: int, n_y: int, hidden_size: int, **_: int) -> None:
        super().__init__(n_u, n_y, hidden_size)
        self.register_buffer("mean", torch.zeros(n_u), persistent=self.persistent)

    def forward(self, u: Tensor) -> Tensor:
        if self.training:
            self.mean.lerp_(u.detach().mean(dim=(0, 1)) + 1.0, 0.1)
        return super().forward(u - self.mean)


class LostMean(RunningMean):
    persistent = False


class CarriesInTraining(Net):
    """Starts a batch in training from the state after the last one; evaluation starts from zero."""

    state: Tensor | None = None

    def forward(self, u: Tensor) -> Tensor:
        carried = self.state if self.training and self.state is not None and self.state.shape[1] == len(u) else None
        h, state = self.r(u, carried)
        self.state = state.detach()
        return self.o(h)


class OwnGenerator(Net):
    """Noise in training from a generator whose state no checkpoint holds."""

    def __init__(self, n_u: int, n_y: int, hidden_size: int, **_: int) -> None:
        super().__init__(n_u, n_y, hidden_size)
        self.generator = np.random.default_rng(0)

    def forward(self, u: Tensor) -> Tensor:
        return super().forward(u + self.generator.normal() if self.training else u)


class RandomInEvaluation(Net):
    def forward(self, u: Tensor) -> Tensor:
        return super().forward(nn.functional.dropout(u, 0.3, True))


class NumpyInEvaluation(Net):
    def forward(self, u: Tensor) -> Tensor:
        return super().forward(u + np.random.randn())  # noqa: NPY002


class NotFinite(Net):
    def forward(self, u: Tensor) -> Tensor:
        return super().forward(u.log())


class Table(Net):
    """Has a table of 64 positions."""

    def __init__(self, n_u: int, n_y: int, hidden_size: int, **_: int) -> None:
        super().__init__(n_u, n_y, hidden_size)
        self.p = nn.Parameter(torch.zeros(64, n_u))

    def forward(self, u: Tensor) -> Tensor:
        return super().forward(u + self.p[: u.shape[1]])


class OneLengthOnly(Net):
    """Does not take records of 100 samples."""

    def forward(self, u: Tensor) -> Tensor:
        if u.shape[1] == 100:
            raise ValueError("100 is too round")
        return super().forward(u)


class Extra(Net):
    def get_extra_state(self) -> dict[str, int]:
        return {"a": 1}

    def set_extra_state(self, state: object) -> None:
        pass


class Bfloat(InHalf):
    dtype = torch.bfloat16


class ComplexDouble(Complex):
    def __init__(self, n_u: int, n_y: int, hidden_size: int, **_: int) -> None:
        super().__init__(n_u, n_y, hidden_size)
        self.register_buffer("phase", torch.zeros(1, dtype=torch.complex128))


class NotCopied(Net):
    def __deepcopy__(self, memo: object) -> None:
        raise TypeError("there is but one")


class ForgetsWeights(Net):
    """Loads other weights than it is given."""

    def load_state_dict(self, state_dict: dict[str, Tensor], *rest: object, **more: object) -> object:
        return super().load_state_dict({name: 2 * tensor for name, tensor in state_dict.items()}, *rest, **more)


class UnusedLazy(Net):
    def __init__(self, n_u: int, n_y: int, hidden_size: int, **_: int) -> None:
        super().__init__(n_u, n_y, hidden_size)
        self.idle = nn.LazyLinear(3)


class NoGradient(Net):
    @torch.no_grad()
    def forward(self, u: Tensor) -> Tensor:
        return super().forward(u)


class DoubleOnly(Net):
    """Built of float64, it does not take float32."""

    def __init__(self, n_u: int, n_y: int, hidden_size: int, **_: int) -> None:
        super().__init__(n_u, n_y, hidden_size)
        self.double()


class ForgetfulCarrying(Carrying):
    def forward_from(self, u: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        return super().forward_from(u, None)


class ListedState(Carrying):
    def forward_from(self, u: Tensor, state: list[Tensor] | None) -> tuple[Tensor, list[Tensor]]:
        y, after = super().forward_from(u, state and state[0])
        return y, [after]


class Computed(Net):
    """Has an attribute that was computed from its weights."""

    def __init__(self, n_u: int, n_y: int, hidden_size: int, **_: int) -> None:
        super().__init__(n_u, n_y, hidden_size)
        self.largest = self.o.weight.max()


def script(*, n_u: int, n_y: int, hidden_size: int, num_layers: int) -> nn.Module:
    with warnings.catch_warnings(action="ignore"):  # it is deprecated
        return torch.jit.script(nn.Linear(n_u, n_y))


class CentredFir(nn.Module):
    """Solved by least squares on the inputs of 3 samples before to 3 samples after."""

    def __init__(self, n_u: int, n_y: int, **_: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.zeros(7 * n_u, n_y))

    def lagged(self, u: Tensor) -> Tensor:
        return nn.functional.pad(u, (0, 0, 3, 3)).unfold(-2, 7, 1).flatten(-2)

    def solve(self, records: list[tuple[np.ndarray, np.ndarray]], burn_in: int) -> float:
        ((u, y),) = records
        columns = self.lagged(torch.tensor(u))
        self.weight.copy_(torch.linalg.lstsq(columns, torch.tensor(y)).solution)
        return float(((columns @ self.weight - torch.tensor(y)) ** 2).mean())

    def forward(self, u: Tensor) -> Tensor:
        return self.lagged(u) @ self.weight
