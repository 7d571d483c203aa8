"""The normal equations of GRU and LSTM in plain loops, compiled by Numba, with J'J by BLAS on one thread.

The sensitivities of the state are carried forward in time. The innermost loops run over the parameters, in torch's
order, so that the compiler vectorizes them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from sysid_tbptt.training.blas import one_blas_thread
from sysid_tbptt.training.engines.levenberg_marquardt import Normal
from sysid_tbptt.training.job import Job

plain = njit(nogil=True, fastmath=True, error_model="numpy")


class Linear(NamedTuple):
    """A matrix, its bias, and the places of both among all parameters."""

    W: np.ndarray
    b: np.ndarray
    at_W: int
    at_b: int


@plain
def product(linear: Any, x: Any, y: Any) -> None:
    """y = W x + b."""
    for row in range(len(y)):
        y[row] = linear.b[row]
        for k in range(len(x)):
            y[row] += linear.W[row, k] * x[k]


@plain
def product_of_sensitivities(linear: Any, S: Any, D: Any) -> None:
    """D = W S."""
    for row in range(len(D)):
        D[row] = 0
        for k in range(len(S)):
            for p in range(S.shape[1]):
                D[row, p] += linear.W[row, k] * S[k, p]


@plain
def add_direct(linear: Any, row: int, x: Any, factor: float, d: Any) -> None:
    """Adds to the sensitivity ``d`` what the parameters of one row of W x + b do themselves, times a factor."""
    for k in range(len(x)):
        d[linear.at_W + row * len(x) + k] += factor * x[k]
    d[linear.at_b + row] += factor


@plain
def logistic(x: float) -> float:
    return np.float32(1) / (np.float32(1) + np.exp(-x))


@plain
def gru(of_u: Any, of_h: Any, u: Any, h: Any, _c: Any, a: Any, b: Any, S: Any, _C: Any, D: Any) -> None:
    """One step. D has the sensitivities of W_h h + b_h."""
    H = len(h)
    product(of_u, u, a)
    product(of_h, h, b)
    product_of_sensitivities(of_h, S, D)
    for row in range(3 * H):
        add_direct(of_h, row, h, np.float32(1), D[row])
    for i in range(H):
        r, z = logistic(a[i] + b[i]), logistic(a[H + i] + b[H + i])
        n = np.tanh(a[2 * H + i] + r * b[2 * H + i])
        d_n = (1 - z) * (1 - n * n)
        d_r, d_z = d_n * b[2 * H + i] * r * (1 - r), (h[i] - n) * z * (1 - z)
        for p in range(S.shape[1]):
            S[i, p] = z * S[i, p] + d_r * D[i, p] + d_z * D[H + i, p] + d_n * r * D[2 * H + i, p]
        add_direct(of_u, i, u, d_r, S[i])
        add_direct(of_u, H + i, u, d_z, S[i])
        add_direct(of_u, 2 * H + i, u, d_n, S[i])
        b[i] = (1 - z) * n + z * h[i]
    h[:] = b[:H]


@plain
def lstm(of_u: Any, of_h: Any, u: Any, h: Any, c: Any, a: Any, b: Any, S: Any, C: Any, D: Any) -> None:
    """One step. D has the sensitivities of the pre-activations."""
    H = len(h)
    product(of_u, u, a)
    product(of_h, h, b)
    product_of_sensitivities(of_h, S, D)
    for row in range(4 * H):
        add_direct(of_h, row, h, np.float32(1), D[row])
        add_direct(of_u, row, u, np.float32(1), D[row])
    for k in range(H):
        i, f = logistic(a[k] + b[k]), logistic(a[H + k] + b[H + k])
        g, o = np.tanh(a[2 * H + k] + b[2 * H + k]), logistic(a[3 * H + k] + b[3 * H + k])
        d_i, d_f, d_g = g * i * (1 - i), c[k] * f * (1 - f), i * (1 - g * g)
        c[k] = f * c[k] + i * g
        squashed = np.tanh(c[k])
        d_c, d_o = o * (1 - squashed * squashed), squashed * o * (1 - o)
        for p in range(S.shape[1]):
            C[k, p] = f * C[k, p] + d_i * D[k, p] + d_f * D[H + k, p] + d_g * D[2 * H + k, p]
            S[k, p] = d_c * C[k, p] + d_o * D[3 * H + k, p]
        h[k] = o * squashed


def window_of(step: Any) -> Any:
    """What fills the Jacobian and the residuals of one window of a cell."""

    @plain
    def window(of_u: Any, of_h: Any, readout: Any, u: Any, y: Any, m: int, J: Any, residual: Any) -> None:
        rows, H = of_h.W.shape
        P = J.shape[1]
        h, c = np.zeros(H, np.float32), np.zeros(H, np.float32)
        a, b = np.empty(rows, np.float32), np.empty(rows, np.float32)
        S, C = np.zeros((H, P), np.float32), np.zeros((H, P), np.float32)
        D, y_hat = np.empty((rows, P), np.float32), np.empty(y.shape[1], np.float32)
        row = 0
        for t in range(len(u)):
            step(of_u, of_h, u[t], h, c, a, b, S, C, D)
            if t >= m:
                scored = J[row : row + len(y_hat)]
                product(readout, h, y_hat)
                product_of_sensitivities(readout, S, scored)
                for k in range(len(y_hat)):
                    add_direct(readout, k, h, np.float32(1), scored[k])
                    residual[row + k] = y_hat[k] - y[t, k]
                row += len(y_hat)

    return window


WINDOWS = {"gru": window_of(gru), "lstm": window_of(lstm)}


def normal_equations(job: Job) -> Callable[[], Normal]:
    """The normal equations of the job's windows at its initial weights, one window after another."""
    config, weights = job.config, job.weights()
    names, ends = list(weights), np.cumsum([0, *(array.size for array in weights.values())]).tolist()
    at, P = dict(zip(names, ends, strict=False)), ends[-1]

    def linear(weight: str, bias: str) -> Linear:
        return Linear(weights[weight], weights[bias], at[weight], at[bias])

    network = (
        linear("rnn.weight_ih_l0", "rnn.bias_ih_l0"),
        linear("rnn.weight_hh_l0", "rnn.bias_hh_l0"),
        linear("readout.weight", "readout.bias"),
    )
    scored = (config.seq_len - config.burn_in) * job.y.shape[1]
    J, residual = np.empty((scored, P), np.float32), np.empty(scored, np.float32)

    def normal() -> Normal:
        matrix, gradient, squares = np.zeros((P, P)), np.zeros(P), 0.0
        with one_blas_thread():
            for start in job.starts:
                window = slice(start, start + config.seq_len)
                WINDOWS[config.model](*network, job.u[window], job.y[window], config.burn_in, J, residual)
                matrix += J.T @ J
                gradient += J.T @ residual
                squares += float(residual @ residual)
        n = scored * len(job.starts)
        return Normal(matrix / n, gradient / n, squares / n)

    return normal
