"""The same training in JAX, on one thread: `lax.scan` over time, value and gradient and Adam in one `jit`.

Also the normal equations of Levenberg-Marquardt, in one `jit`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")

import jax
import jax.numpy as jnp
import numpy as np

from sysid_tbptt.config import RunConfig
from sysid_tbptt.training.engines.kernels.adam import BETA1, BETA2, EPSILON
from sysid_tbptt.training.engines.levenberg_marquardt import Normal
from sysid_tbptt.training.engines.steps import StepQueue
from sysid_tbptt.training.job import Job

Weights = dict[str, jax.Array]


def elman(w: Weights, a: jax.Array, state: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
    """One step from the input's pre-activations ``a``; torch's equations, as in the other cells."""
    return (jnp.tanh(a + hidden(w, state[0])),)


def gru(w: Weights, a: jax.Array, state: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
    (h,) = state
    (a_r, a_z, a_n), (b_r, b_z, b_n) = jnp.split(a, 3, -1), jnp.split(hidden(w, h), 3, -1)
    z = jax.nn.sigmoid(a_z + b_z)
    n = jnp.tanh(a_n + jax.nn.sigmoid(a_r + b_r) * b_n)
    return ((1 - z) * n + z * h,)


def lstm(w: Weights, a: jax.Array, state: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
    h, c = state
    i, f, g, o = jnp.split(a + hidden(w, h), 4, -1)
    c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
    return jax.nn.sigmoid(o) * jnp.tanh(c), c


def hidden(w: Weights, h: jax.Array) -> jax.Array:
    return h @ w["rnn.weight_hh_l0"].T + w["rnn.bias_hh_l0"]


CELLS: dict[str, tuple[Callable[..., tuple[jax.Array, ...]], int]] = {
    "rnn": (elman, 1),
    "gru": (gru, 1),
    "lstm": (lstm, 2),
}
"""A cell's step, and how many vectors its state has."""


def residuals(config: RunConfig, w: Weights, u: jax.Array, y: jax.Array) -> jax.Array:
    """Of the scored steps of a batch of windows (N, B, ...), or of one window (N, ...)."""
    cell, n_states = CELLS[config.model]
    a = u @ w["rnn.weight_ih_l0"].T + w["rnn.bias_ih_l0"]
    zero = (jnp.zeros((*u.shape[1:-1], config.hidden_size)),) * n_states

    def step(state: tuple[jax.Array, ...], a_t: jax.Array) -> tuple[tuple[jax.Array, ...], jax.Array]:
        state = cell(w, a_t, state)
        return state, state[0]

    h = jax.lax.scan(step, zero, a)[1][config.burn_in :]
    return h @ w["readout.weight"].T + w["readout.bias"] - y[config.burn_in :]


def losses(job: Job) -> Iterator[float]:
    """One optimiser step for each loss taken, from the job's weights and batches."""
    config = job.config

    def loss(w: Weights, u: jax.Array, y: jax.Array) -> jax.Array:
        return jnp.mean(jnp.square(residuals(config, w, u, y)))

    @jax.jit
    def update(w: Weights, m: Weights, v: Weights, k: int, u: jax.Array, y: jax.Array, starts: jax.Array) -> Any:
        window = starts[None] + jnp.arange(config.seq_len)[:, None]
        value, g = jax.value_and_grad(loss)(w, u[window], y[window])
        m = jax.tree.map(lambda m, g: m + (1 - BETA1) * (g - m), m, g)
        v = jax.tree.map(lambda v, g: BETA2 * v + (1 - BETA2) * g * g, v, g)
        size, correction = config.learning_rate / (1 - BETA1**k), jnp.sqrt(1 - BETA2**k)
        w = jax.tree.map(lambda w, m, v: w - size * m / (jnp.sqrt(v) / correction + EPSILON), w, m, v)
        return value, w, m, v

    w = {name: jnp.asarray(array) for name, array in job.weights().items()}
    m = v = jax.tree.map(jnp.zeros_like, w)
    u, y = jnp.asarray(job.u), jnp.asarray(job.y)
    queue, k = StepQueue(job, 0), 0
    while True:
        k += 1
        value, w, m, v = update(w, m, v, float(k), u, y, queue.take(1).starts[0])
        yield float(value)


def normal_equations(job: Job) -> Callable[[], Normal]:
    """The normal equations of the job's windows at its initial weights: `jacfwd` of a window under `vmap`."""
    u, y = (jnp.stack([array[start : start + job.config.seq_len] for start in job.starts]) for array in (job.u, job.y))
    initial = job.weights()
    ends = np.cumsum([array.size for array in initial.values()])[:-1]

    def of_window(weights: jax.Array, u: jax.Array, y: jax.Array) -> jax.Array:
        parts = zip(initial.items(), jnp.split(weights, ends), strict=True)
        return residuals(job.config, {name: part.reshape(array.shape) for (name, array), part in parts}, u, y).ravel()

    @jax.jit
    def means(weights: jax.Array, u: jax.Array, y: jax.Array) -> tuple[jax.Array, ...]:
        J, r = (jax.vmap(f, (None, 0, 0))(weights, u, y) for f in (jax.jacfwd(of_window), of_window))
        J, r = J.reshape(r.size, -1), r.ravel()
        return J.T @ J / r.size, r @ J / r.size, r @ r / r.size

    weights = jnp.concatenate([array.ravel() for array in initial.values()])

    def normal() -> Normal:
        matrix, gradient, mse = means(weights, u, y)
        return Normal(np.asarray(matrix, np.float64), np.asarray(gradient, np.float64), float(mse))

    return normal
