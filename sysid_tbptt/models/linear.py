"""Sanity anchors: mean, FIR and ARX by least squares, simulated in free run from a zero state.

They work on standardised signals, in which zero is the mean of the training part. L. Ljung, System Identification:
Theory for the User, 2nd edition, 1999, sections 4.2 and 7.3.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

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

    def __init__(self, *, n_u: int, n_y: int, input_lags: int, output_lags: int) -> None:
        super().__init__()
        self.n_u, self.n_y, self.input_lags, self.output_lags = n_u, n_y, input_lags, output_lags
        n_regressors = input_lags * n_u + output_lags * n_y
        self.register_buffer("weight", torch.zeros(n_regressors, n_y, dtype=torch.float64))
        self.register_buffer("bias", torch.zeros(n_y, dtype=torch.float64))

    def solve(self, records: Records, burn_in: int) -> float:
        """Least squares on the one-step-ahead errors; returns their mean square."""
        rows = [self._regressors(u, y)[burn_in:] for u, y in records]
        regressors = np.concatenate([np.pad(row, ((0, 0), (0, 1)), constant_values=1.0) for row in rows])
        targets = np.concatenate([y[burn_in:] for _, y in records]).astype(np.float64)
        solution = np.linalg.lstsq(regressors, targets)[0]
        self.weight.copy_(torch.from_numpy(solution[:-1]))
        self.bias.copy_(torch.from_numpy(solution[-1]))
        return float(np.mean(np.square(regressors @ solution - targets)))

    def forward(self, u: Float[Tensor, "B N n_u"]) -> Float[Tensor, "B N n_y"]:
        """Free run: lagged outputs are the model's own."""
        weight, n_inputs = self.weight.numpy(), self.input_lags * self.n_u
        forced = self.bias.numpy() + self._lagged_inputs(u.numpy()) @ weight[:n_inputs]
        with np.errstate(over="ignore", invalid="ignore"):  # an unstable model grows without bound
            y_hat = free_run(forced, weight[n_inputs:])
            return torch.from_numpy(y_hat.astype(np.float32))

    def _lagged_inputs(self, u: Float[np.ndarray, "*batch T n_u"]) -> Float64[np.ndarray, "*batch T k"]:
        return lagged(u, 0, self.input_lags - 1) if self.input_lags else np.zeros((*u.shape[:-1], 0))

    def _regressors(self, u: Float[np.ndarray, "T n_u"], y: Float[np.ndarray, "T n_y"]) -> Float64[np.ndarray, "T k"]:
        inputs = self._lagged_inputs(u)
        return np.concatenate([inputs, lagged(y, 1, self.output_lags)], axis=-1) if self.output_lags else inputs


def free_run(
    forced: Float64[np.ndarray, "B T n_y"], weight: Float64[np.ndarray, "k n_y"]
) -> Float64[np.ndarray, "B T n_y"]:
    """y_t = forced_t + (y_{t-1}, ..., y_{t-n}) . weight with k = n n_y, from zero outputs."""
    n_batch, length, n_y = forced.shape
    lags = len(weight) // n_y
    if not lags:
        return forced
    newest_last = np.concatenate([weight[lag * n_y : (lag + 1) * n_y] for lag in reversed(range(lags))])
    y = np.concatenate([np.zeros((n_batch, lags, n_y)), forced], axis=1)
    for t in range(length):
        y[:, t + lags] += y[:, t : t + lags].reshape(n_batch, -1) @ newest_last
    return y[:, lags:]


def mean(*, n_u: int, n_y: int, **_: int) -> Anchor:
    """The mean of the training outputs."""
    return Anchor(n_u=n_u, n_y=n_y, input_lags=0, output_lags=0)


def fir(*, n_u: int, n_y: int, hidden_size: int, **_: int) -> Anchor:
    """Finite impulse response of ``hidden_size`` samples, the current input among them."""
    return Anchor(n_u=n_u, n_y=n_y, input_lags=hidden_size, output_lags=0)


def arx(*, n_u: int, n_y: int, hidden_size: int, **_: int) -> Anchor:
    """ARX of order ``hidden_size``: as many past outputs and past inputs, and the current input."""
    return Anchor(n_u=n_u, n_y=n_y, input_lags=hidden_size + 1, output_lags=hidden_size)


ANCHORS = {"mean": mean, "fir": fir, "arx": arx}
