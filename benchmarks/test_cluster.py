"""What runs of five seconds and more lose on a cluster of worker processes, beside the same runs in this process.

``pytest benchmarks/test_cluster.py -o addopts=`` on an idle machine. Both take as many runs at a time as there are
cores, from the plan to the files that `sysid-tbptt run` writes; scheduler and driver share the cores with the workers.
Before anything is timed, the records must have the same numbers to the bit.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import pytest
from conftest import cores
from rich.console import Console

from sysid_tbptt.config import RunConfig
from sysid_tbptt.runs.connection import Cluster, connect
from sysid_tbptt.runs.harness import train
from sysid_tbptt.runs.record import RunRecord

RUN_SECONDS = 6.0
RUNS_A_WORKER, ROUNDS = 8, 3
TRIED_STEPS = 400


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with connect(workers=cores()) as there:
        there.client.wait_for_workers(cores())
        yield there


def test_long_runs(cluster: Cluster, tmp_path: Path, benchmark: Any) -> None:
    def run(name: str, steps: int, there: Cluster | None) -> tuple[list[RunRecord], float]:
        began = perf_counter()
        quiet = Console(file=io.StringIO())
        records = train(_runs(steps), results=tmp_path / name, workers=cores(), cluster=there, console=quiet)
        return records, perf_counter() - began

    here, _ = run("inline", TRIED_STEPS, None)
    there, _ = run("cluster", TRIED_STEPS, cluster)
    assert [record.loss for record in here] == [record.loss for record in there]
    assert [record.metrics for record in here] == [record.metrics for record in there]
    steps = int(TRIED_STEPS * RUN_SECONDS / min(record.time.train_s for record in here if record.time))
    walls: dict[str, list[float]] = {"inline": [], "cluster": []}
    shortest = RUN_SECONDS

    def one_round() -> None:
        nonlocal shortest
        for name, where in (("inline", None), ("cluster", cluster)):
            records, wall = run(f"{name}-{len(walls[name])}", steps, where)
            shortest = min([shortest, *(record.time.train_s for record in records if record.time)])
            walls[name].append(wall)

    benchmark.pedantic(one_round, rounds=ROUNDS)
    inline, on_cluster = (min(walls[name]) for name in ("inline", "cluster"))
    medians = [median(walls[name]) for name in ("inline", "cluster")]
    benchmark.extra_info.update(
        runs=RUNS_A_WORKER * cores(),
        workers=cores(),
        shortest_run_s=shortest,
        inline_s=inline,
        cluster_s=on_cluster,
        overhead_percent=100 * (on_cluster / inline - 1),
        overhead_percent_of_medians=100 * (medians[1] / medians[0] - 1),
        overhead_ms_a_run=1e3 * (on_cluster - inline) / RUNS_A_WORKER,
        rounds=walls,
    )


def _runs(steps: int) -> list[RunConfig]:
    return [
        RunConfig(
            suite="overhead",
            dataset="sim_rlc",
            split="simulated",
            model="lstm",
            hidden_size=8,
            seq_len=100,
            burn_in=50,
            batch_size=100,
            learning_rate=1e-3,
            steps=steps,
            seed=seed,
        )
        for seed in range(RUNS_A_WORKER * cores())
    ]
