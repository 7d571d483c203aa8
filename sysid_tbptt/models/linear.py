"""Sanity anchors: mean, FIR and ARX by least squares, simulated in free run.

They work on standardised signals, in which zero is the mean of the training part. L. Ljung, System Identification:
Theory for the User, 2nd edition, 1999, sections 4.2 and 7.3.

The fit and the simulation use only samples whose lags all lie inside the record. ARX starts from the measured outputs
of the init window. Until all lags lie inside the record, a simulation repeats the last output that it was given, or the
mean if it was given none: inputs before the record are not known, and a jump from zero to the first sample excites
directions that the training input may never have excited.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

from ..errors import ModelError

Records = Sequence[tuple[np.ndarray, np.ndarray]]


def lagged(signal: Float[np.ndarray, "*batch T n"], first: int, last: int) -> Float64[np.ndarray, "*batch T k"]:
    """Columns signal(t - first) ... signal(t - last), zero before the record: k = (last - first + 1) n."""
    padding = [(0, 0)] * (signal.ndim - 2) + [(last, 0), (0, 0)]
    padded = np.pad(signal.astype(np.float64), padding)
    length = signal.shape[-2]
    return np.concatenate([padded[..., last - lag : last - lag + length, :] for lag in range(first, last + 1)], axis=-1)


class Anchor(torch.nn.Module):
    """A linear regression y_t = weight . (lagged inputs, lagged outputs) + bias."""

    weight: Tensor
    bias: Tensor

    def __init__(self, *, n_u: int, n_y: int, input_lags: int, output_lags: int = 0) -> None:
        super().__init__()
        self.n_u, self.n_y, self.input_lags, self.output_lags = n_u, n_y, input_lags, output_lags
        n_regressors = input_lags * n_u + output_lags * n_y
        self.register_buffer("weight", torch.zeros(n_regressors, n_y, dtype=torch.float64))
        self.register_buffer("bias", torch.zeros(n_y, dtype=torch.float64))

    def solve(self, records: Records, burn_in: int) -> float:
        """Least squares on the one-step-ahead errors; returns their mean square.

        Each record (u, y) of shapes (T, n_u) and (T, n_y) gives the rows from ``burn_in`` on whose lags lie inside it.

        Raises:
            ModelError: the records have fewer such rows than there are unknowns.
        """
        first = max(burn_in, self._lags)
        self._check_rows(records, burn_in)
        rows = np.concatenate([self._regressors(u, y)[first:] for u, y in records if len(y) > first])
        regressors = np.pad(rows, ((0, 0), (0, 1)), constant_values=1.0)
        targets = np.concatenate([y[first:] for _, y in records]).astype(np.float64)
        solution = np.linalg.lstsq(regressors, targets)[0]
        self.weight.copy_(torch.from_numpy(solution[:-1]))
        self.bias.copy_(torch.from_numpy(solution[-1]))
        return float(np.mean(np.square(regressors @ solution - targets)))

    @property
    def _lags(self) -> int:
        """Earlier samples that a row needs."""
        return max(self.input_lags - 1, self.output_lags, 0)

    def _check_rows(self, records: Records, burn_in: int) -> None:
        n_rows = sum(max(0, len(y) - max(burn_in, self._lags)) for _, y in records)
        if n_rows <= len(self.weight):
            raise ModelError(
                f"the training part ({_sizes(records)}) has {n_rows} samples that follow burn_in={burn_in} and "
                f"{self._lags} earlier samples of their record, fewer than the {len(self.weight) + 1} unknowns; choose "
                "a smaller hidden_size or burn_in, or longer records"
            )

    def forward(self, u: Float[Tensor, "B N n_u"]) -> Float[Tensor, "B N n_y"]:
        """Free run without measured outputs: lagged outputs are the model's own."""
        return self._free_run(u, u.new_zeros(len(u), 0, self.n_y))

    def _free_run(self, u: Float[Tensor, "B N n_u"], y_init: Float[Tensor, "B k n_y"]) -> Float[Tensor, "B N n_y"]:
        weight, n_inputs = self.weight.numpy(), self.input_lags * self.n_u
        forced = self.bias.numpy() + self._lagged_inputs(u.numpy()) @ weight[:n_inputs]
        known = _held(y_init.numpy(), max(y_init.shape[1], min(self._lags, u.shape[1])))
        with np.errstate(over="ignore", invalid="ignore"):  # an unstable model grows without bound
            y_hat = free_run(forced, weight[n_inputs:], known)
            return torch.from_numpy(y_hat.astype(np.float32))

    def _lagged_inputs(self, u: Float[np.ndarray, "*batch T n_u"]) -> Float64[np.ndarray, "*batch T k"]:
        return lagged(u, 0, self.input_lags - 1) if self.input_lags else np.zeros((*u.shape[:-1], 0))

    def _regressors(self, u: Float[np.ndarray, "T n_u"], y: Float[np.ndarray, "T n_y"]) -> Float64[np.ndarray, "T k"]:
        inputs = self._lagged_inputs(u)
        return np.concatenate([inputs, lagged(y, 1, self.output_lags)], axis=-1) if self.output_lags else inputs


class Arx(Anchor):
    """A linear regression with lagged outputs, whose free run starts from measured ones."""

    def forward_after(self, u: Float[Tensor, "B N n_u"], y_init: Float[Tensor, "B k n_y"]) -> Float[Tensor, "B N n_y"]:
        """Free run from the measured outputs ``y_init`` of the first k steps, which are the first k outputs."""
        return self._free_run(u, y_init)


def _sizes(records: Records) -> str:
    """How many samples the records have, in words."""
    longest = max(len(y) for _, y in records)
    return f"{longest} samples" if len(records) == 1 else f"{len(records)} records of at most {longest} samples"


def _held(y_init: Float[np.ndarray, "B k n_y"], length: int) -> Float[np.ndarray, "B K n_y"]:
    """The given outputs, the last of which is repeated up to ``length``; zero, the mean, where none is given."""
    last = y_init[:, -1:] if y_init.shape[1] else np.zeros((len(y_init), 1, y_init.shape[2]))
    return np.concatenate([y_init, np.repeat(last, length - y_init.shape[1], axis=1)], axis=1)


def free_run(
    forced: Float64[np.ndarray, "B T n_y"], weight: Float64[np.ndarray, "k n_y"], known: Float[np.ndarray, "B K n_y"]
) -> Float64[np.ndarray, "B T n_y"]:
    """y_t = forced_t + (y_{t-1}, ..., y_{t-n}) . weight with k = n n_y, after the K >= n known outputs."""
    n_batch, length, n_y = forced.shape
    start, lags = known.shape[1], len(weight) // n_y
    y = np.concatenate([known, forced[:, start:]], axis=1)
    if lags:
        newest_last = np.concatenate([weight[lag * n_y : (lag + 1) * n_y] for lag in reversed(range(lags))])
        for t in range(start, length):
            y[:, t] += y[:, t - lags : t].reshape(n_batch, -1) @ newest_last
    return y


def mean(*, n_u: int, n_y: int, **_: int) -> Anchor:
    """The mean of the training outputs."""
    return Anchor(n_u=n_u, n_y=n_y, input_lags=0)


def fir(*, n_u: int, n_y: int, hidden_size: int, **_: int) -> Anchor:
    """Finite impulse response of ``hidden_size`` samples, the current input among them."""
    return Anchor(n_u=n_u, n_y=n_y, input_lags=hidden_size)


def arx(*, n_u: int, n_y: int, hidden_size: int, **_: int) -> Arx:
    """ARX of order ``hidden_size``: as many past outputs and past inputs, and the current input."""
    return Arx(n_u=n_u, n_y=n_y, input_lags=hidden_size + 1, output_lags=hidden_size)


ANCHORS = {"mean": mean, "fir": fir, "arx": arx}
