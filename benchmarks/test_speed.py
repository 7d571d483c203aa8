"""Speed and memory of the CPU engine, beside the reference implementation's own path in the same minutes.

``pytest benchmarks -o addopts= --benchmark-json=FILE``; `perf_table.py` makes the table. Before anything is timed,
the engine's losses must equal those of the path that it is compared with.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import Any

import numpy as np
import pytest
import reference_path
import torch
from conftest import SAMPLES, cores, timed

from sysid_tbptt.training.engines import cpu, reference
from sysid_tbptt.training.engines.kernels.shapes import BatchShape
from sysid_tbptt.training.job import Control, Job

ROUNDS = 10
NO_OUTPUTS = np.empty((0, 1), np.float32)
ROUND_SECONDS = 0.1
CHECKED_STEPS = 3
TURNS = 5
"""Steps of torch and of JAX in a round."""

torch.set_num_threads(1)  # the reference path's fastest setting for networks this small


def burn_ins(N: int) -> tuple[int, ...]:
    return (0, N // 2, N - 1)


CASES = [(cell, N, m) for cell in ("lstm", "gru", "rnn") for N in (100, 200, 500, 1000) for m in burn_ins(N)]

PEERS = [(cell, H, N) for cell in ("lstm", "gru", "rnn") for H in (8, 32) for N in (100, 1000)]


@pytest.mark.parametrize("threads", sorted({1, cores()}), ids=lambda n: f"threads={n}")
@pytest.mark.parametrize(("cell", "N", "m"), CASES, ids=lambda value: str(value))
def test_training(cell: str, N: int, m: int, threads: int, job: Any, peak: float, benchmark: Any) -> None:
    def run(steps: int) -> Job:
        return job(model=cell, hidden_size=8, seq_len=N, burn_in=m, batch_size=100, steps=steps)

    theirs = reference_path.losses(run(1))
    assert_equivalent(run(CHECKED_STEPS), [next(theirs) for _ in range(CHECKED_STEPS)])
    measured = run(round_steps(run))
    seconds = compare(benchmark, measured, lambda: next(theirs), threads)
    gflops = flops(measured) / seconds["ours"] / 1e9
    benchmark.extra_info.update(
        cell=cell,
        N=N,
        m=m,
        threads=threads,
        ms_per_step=1e3 * seconds["ours"],
        processor_ms_per_step=1e3 * seconds["processor"],
        wall_ms_per_step=1e3 * seconds["wall"],
        reference_ms_per_step=1e3 * seconds["theirs"],
        ratio=seconds["theirs"] / seconds["ours"],
        gflops=gflops,
        peak_gflops=peak,
        fraction_of_peak=gflops / (threads * peak),
        peak_memory_mb=peak_memory(run(2)) / 1e6,
    )


@pytest.mark.parametrize(("cell", "H", "N"), PEERS, ids=lambda value: str(value))
def test_beside_jax(cell: str, H: int, N: int, job: Any, benchmark: Any) -> None:
    """The CPU engine, torch and JAX train one run each on one thread, in turns."""
    jax_path = pytest.importorskip("jax_path", reason="JAX is not installed: pip install -e '.[bench]'")

    def run(steps: int) -> Job:
        return job(model=cell, hidden_size=H, seq_len=N, burn_in=N // 2, batch_size=100, steps=steps)

    torchs, jaxs = reference_path.losses(run(1)), jax_path.losses(run(1))
    for theirs in (torchs, jaxs):
        assert_equivalent(run(CHECKED_STEPS), [next(theirs) for _ in range(CHECKED_STEPS)])
    measured = run(round_steps(run))
    benchmark.pedantic(lambda: cpu.train(measured, Control()), rounds=1)
    rounds = [
        (
            timed(lambda: cpu.train(measured, Control())) / measured.config.steps,
            *(timed(lambda path=path: [next(path) for _ in range(TURNS)]) / TURNS for path in (torchs, jaxs)),
        )
        for _ in range(ROUNDS)
    ]
    ours, torch_s, jax_s = map(min, zip(*rounds, strict=True))
    benchmark.extra_info.update(
        cell=cell,
        H=H,
        N=N,
        ms_per_step=1e3 * ours,
        torch_ms_per_step=1e3 * torch_s,
        jax_ms_per_step=1e3 * jax_s,
        torch_ratio=torch_s / ours,
        jax_ratio=jax_s / ours,
    )


@pytest.mark.parametrize("N", [48, 96, 192])
@pytest.mark.parametrize("scored", ["all", "last"])
def test_forecasting(N: int, scored: str, job: Any, benchmark: Any) -> None:
    """The paper's forecasting network: 96 units, a head of 96 steps, 24 windows a step."""
    m = {"all": 0, "last": N - 1}[scored]

    def run(steps: int) -> Job:
        shape = {"model": "lstm", "hidden_size": 96, "horizon": 96, "batch_size": 24}
        return job(**shape, seq_len=N, burn_in=m, steps=steps)

    theirs = reference_path.losses(run(1))
    assert_equivalent(run(CHECKED_STEPS), [next(theirs) for _ in range(CHECKED_STEPS)])
    seconds = compare(benchmark, run(round_steps(run)), lambda: next(theirs), 1)
    benchmark.extra_info.update(
        N=N,
        m=m,
        ms_per_step=1e3 * seconds["ours"],
        reference_ms_per_step=1e3 * seconds["theirs"],
        ratio=seconds["theirs"] / seconds["ours"],
        peak_memory_mb=peak_memory(run(2)) / 1e6,
    )


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_full_bptt(cell: str, job: Any, benchmark: Any) -> None:
    """One window, the whole record: the time is that of the chain of steps."""

    def run(steps: int) -> Job:
        return job(model=cell, hidden_size=8, seq_len=SAMPLES, batch_size=1, steps=steps)

    theirs = reference_path.losses(run(1))
    assert_equivalent(run(1), [next(theirs)])
    seconds = compare(benchmark, run(round_steps(run)), lambda: next(theirs), 1)
    benchmark.extra_info.update(
        cell=cell,
        microseconds_per_sample=1e6 * seconds["ours"] / SAMPLES,
        ratio=seconds["theirs"] / seconds["ours"],
        peak_memory_mb=peak_memory(run(2)) / 1e6,
    )


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_simulation(cell: str, job: Any, benchmark: Any) -> None:
    run = job(model=cell, hidden_size=8, seq_len=100, steps=1)
    u = np.random.default_rng(0).normal(size=(40_000, 1)).astype(np.float32)
    ours, theirs = (engine.simulator(run, run.weights()) for engine in (cpu, reference))
    assert np.allclose(ours(u, NO_OUTPUTS), theirs(u, NO_OUTPUTS), rtol=0, atol=1e-5)
    benchmark.pedantic(ours, args=(u, NO_OUTPUTS), rounds=ROUNDS)
    took, their_time = (min(timed(lambda f=f: f(u, NO_OUTPUTS)) for _ in range(ROUNDS)) for f in (ours, theirs))
    benchmark.extra_info.update(cell=cell, ms_per_40k_samples=1e3 * took, ratio=their_time / took)


def assert_equivalent(job: Job, expected: list[float]) -> None:
    assert np.allclose(cpu.train(job, Control()).curve, expected, rtol=1e-5, atol=0)


def compare(benchmark: Any, job: Job, their_step: Callable[[], Any], threads: int) -> dict[str, float]:
    """Seconds a step and run of ours, ``threads`` runs at a time, and of theirs, one at a time, in turns.

    The best round counts. One thread is timed by the processor time that it got, so that other work on the machine
    matters little; several can only be timed by the wall clock.
    """
    turns = max(1, round(ROUND_SECONDS / timed(their_step)))
    rounds: dict[str, list[float]] = {"wall": [], "processor": [], "theirs": []}

    def their_round() -> None:
        rounds["theirs"].append(timed(lambda: [their_step() for _ in range(turns)]) / turns)

    with ThreadPoolExecutor(threads) as pool:

        def our_round() -> None:
            list(pool.map(lambda _: cpu.train(job, Control()), range(threads)))

        def both_clocks() -> None:
            wall = perf_counter()
            rounds["processor"].append(timed(our_round) / threads / job.config.steps)
            rounds["wall"].append((perf_counter() - wall) / threads / job.config.steps)

        benchmark.pedantic(both_clocks, setup=their_round, rounds=ROUNDS, warmup_rounds=1)
    best = {name: min(times) for name, times in rounds.items()}
    return best | {"ours": best["processor" if threads == 1 else "wall"]}


def round_steps(run: Callable[[int], Job]) -> int:
    """Steps that fill a round."""
    tried = run(10)
    return max(1, round(ROUND_SECONDS / timed(lambda: cpu.train(tried, Control())) * tried.config.steps))


def flops(job: Job) -> float:
    """Of one step's matrix products: forward, backward, weights; the activations come on top."""
    config = job.config
    shape = BatchShape(config.model, config.hidden_size, job.u.shape[1], job.y.shape[1])
    cell = sum(2 * gates * shape.H * columns for _, gates, _, columns in shape.blocks()) + shape.recurrent * shape.H
    readout = shape.n_y * (2 * shape.state_and_one + shape.H)
    return 2 * config.batch_size * (config.seq_len * cell + (config.seq_len - config.burn_in) * readout)


def peak_memory(job: Job) -> int:
    """Bytes allocated at the worst moment of a run, on top of the data."""
    tracemalloc.start()
    try:
        cpu.train(job, Control())
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
