"""Speed of Levenberg-Marquardt on the official Wiener-Hammerstein record, beside the same normal equations elsewhere.

The peers compute J'J and J'r of some of the windows. Before anything is timed, both must be equal to the engine's. All
times are processor times, so that other work on the machine matters little, unless they are called wall times.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import log
from time import perf_counter, thread_time
from typing import Any

import numpy as np
import pytest
from conftest import cores, timed

from sysid_tbptt import registry
from sysid_tbptt.config import RunConfig
from sysid_tbptt.training.engines import cpu
from sysid_tbptt.training.engines.cpu_least_squares import CpuLeastSquares
from sysid_tbptt.training.engines.kernels.shapes import SequenceShape
from sysid_tbptt.training.engines.levenberg_marquardt import LARGER, SMALLER, Normal, _Quadratic
from sysid_tbptt.training.job import Control, Job
from sysid_tbptt.training.trainer import make_job

ROUNDS = 4
N, BURN_IN = 400, 100

TRIALS = 1 + log(SMALLER) / log(LARGER)
"""Trial steps of an iteration, on average over a run whose damping ends where it began."""

NETWORKS = [(cell, H) for cell in ("gru", "lstm") for H in (8, 16)]
PEERS = {"loops": 64, "torch": 16, "jax": 16}
"""And on how many windows they are timed."""


@pytest.fixture
def lm_job() -> Callable[[str, int], Job]:
    dataset = {"dataset": "wiener_hammerstein", "split": "official"}
    data = registry.at_hand(**dataset, horizon=None)
    if data is None:
        pytest.skip("the record of Wiener-Hammerstein is not at hand: load_dataset('wiener_hammerstein') downloads it")

    def build(cell: str, H: int) -> Job:
        fields = {"suite": "speed", "optimiser": "lm", "steps": 1, "seq_len": N, "burn_in": BURN_IN, **dataset}
        return make_job(RunConfig(model=cell, hidden_size=H, **fields), data)

    return build


@pytest.mark.parametrize("threads", sorted({1, cores()}), ids=lambda n: f"threads={n}")
@pytest.mark.parametrize(("cell", "H"), NETWORKS, ids=lambda value: str(value))
def test_lm_iteration(cell: str, H: int, threads: int, lm_job: Any, peak: float, benchmark: Any) -> None:
    """The normal equations of all windows, and a trial step: the solution and its loss."""
    job = lm_job(cell, H)
    problem = least_squares(job, threads)
    weights = problem.flat(job.weights())

    def model() -> _Quadratic:
        return _Quadratic(problem.normal(weights), weights, ridge=0.0)

    now = model()

    def trial() -> float:
        return problem.mse((weights + now.step(job.config.damping)).astype(np.float32))

    rounds: list[tuple[float, ...]] = []

    def both() -> None:
        start = perf_counter()
        normal_s = timed(model)
        middle = perf_counter()
        trial_s = timed(trial)
        rounds.append((normal_s, trial_s, middle - start + TRIALS * (perf_counter() - middle)))

    benchmark.pedantic(both, rounds=ROUNDS)
    normal_s, trial_s, wall_s = map(min, zip(*rounds, strict=True))
    gflops = flops(problem) / normal_s / 1e9
    benchmark.extra_info.update(
        cell=cell,
        H=H,
        parameters=len(weights),
        threads=threads,
        s_per_iteration=normal_s + TRIALS * trial_s,
        wall_s_per_iteration=wall_s,
        normal_s=normal_s,
        trial_ms=1e3 * trial_s,
        microseconds_per_sample=1e6 * normal_s / problem.residuals,
        gflops=gflops,
        fraction_of_peak=gflops / peak,
    )


@pytest.mark.parametrize("peer", PEERS)
@pytest.mark.parametrize(("cell", "H"), NETWORKS, ids=lambda value: str(value))
def test_normal_equations(cell: str, H: int, peer: str, lm_job: Any, benchmark: Any) -> None:
    """The engine and a peer, on one thread each, in turns.

    JAX's threads are busy for a while after its result is there, so the engine is timed by the clock of its own thread.
    """
    path = pytest.importorskip(f"{peer}_path", reason=f"{peer} is not installed: pip install -e '.[bench]'")
    job = lm_job(cell, H)
    job = replace(job, starts=job.starts[: PEERS[peer]])
    problem, theirs = least_squares(job, 1), path.normal_equations(job)
    weights = problem.flat(job.weights())
    assert_equivalent(problem.normal(weights), theirs())
    rounds: list[tuple[float, float]] = []

    def in_turns() -> None:
        rounds.append((timed(lambda: problem.normal(weights), thread_time), timed(theirs)))

    benchmark.pedantic(in_turns, rounds=ROUNDS)
    our_s, their_s = map(min, zip(*rounds, strict=True))
    benchmark.extra_info.update(
        cell=cell,
        H=H,
        peer=peer,
        windows=PEERS[peer],
        microseconds_per_sample=1e6 * our_s / problem.residuals,
        peer_microseconds_per_sample=1e6 * their_s / problem.residuals,
        ratio=their_s / our_s,
    )


def least_squares(job: Job, threads: int) -> CpuLeastSquares:
    shape = SequenceShape(*cpu._sizes(job))
    return CpuLeastSquares(job, shape, lambda weights: cpu.simulator(job, weights), Control(threads=lambda: threads))


def assert_equivalent(ours: Normal, theirs: Normal) -> None:
    """Relative to the size of the two columns of J, or of a column and the residual."""
    column, residual = np.sqrt(np.diag(ours.matrix)), np.sqrt(ours.mse)
    assert np.all(np.abs(theirs.matrix - ours.matrix) <= 1e-5 * column * column[:, np.newaxis])
    assert np.all(np.abs(theirs.gradient - ours.gradient) <= 1e-5 * column * residual)
    assert np.isclose(theirs.mse, ours.mse, rtol=1e-5, atol=0)


def flops(problem: CpuLeastSquares) -> float:
    """Of the normal equations' matrix products; the cell, the read-out and the padding come on top.

    A step multiplies H x H numbers by H x (columns of W), in the LSTM twice; two biases that are only ever added share
    a column. A residual adds half the square of the Jacobian's columns, of which it is one itself.
    """
    columns, shape = problem.columns, problem.shape
    steps = len(problem.job.starts) * problem.job.config.seq_len
    sensitivities = shape.H**2 * columns.recurrent * (2 if shape.memories else 1)
    return 2 * (steps * sensitivities + problem.residuals * columns.n**2 / 2)
