"""What 100,000 runs on 1,000 workers would lose to scheduling: a model of three queues, fed with costs measured here.

    python benchmarks/scheduling.py [--runs 100000] [--workers 1000] [--seconds 1 5 25]

The costs are those of the real thing: `sysid_tbptt.runs.cluster` performs runs of milliseconds on a scheduler and two
workers, each in a process of its own, in bundles of one and of many; what scheduler and driver (this process) spend is
divided among runs and bundles. The model then moves every run of a study through a worker, scheduler and driver, and
each does one thing at a time. It is checked against the real cluster first. Runs that last long enough to send their
states are not in it: they are refused.
"""

from __future__ import annotations

import argparse
import heapq
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psutil
from distributed import Client
from tabulate import tabulate

from sysid_tbptt.config import RunConfig
from sysid_tbptt.registry import load_dataset
from sysid_tbptt.runs import cluster
from sysid_tbptt.runs.bundle import BUNDLE_SECONDS
from sysid_tbptt.runs.connection import Cluster
from sysid_tbptt.runs.harness import CHECKPOINT_SECONDS
from sysid_tbptt.runs.record import RunRecord
from sysid_tbptt.runs.schedule import makespan
from sysid_tbptt.runs.store import Store
from sysid_tbptt.runs.worker import Task

N_MEASURED, N_WARM, MEASURED_WORKERS = 400, 40, 2


@dataclass(frozen=True)
class Costs:
    """Seconds that one run, and one bundle beside its runs, keeps the scheduler, the driver and the worker busy."""

    scheduler_run: float
    scheduler_bundle: float
    driver_run: float
    driver_bundle: float
    worker_run: float


@dataclass(frozen=True)
class Predicted:
    """Seconds from the first run to the last record, and the part of them that each was busy."""

    makespan: float
    scheduler: float
    driver: float


def predict(costs: Costs, *, runs: int, per_bundle: int, workers: int, seconds: float) -> Predicted:
    """Moves the runs through workers, scheduler and driver, in the order in which they arrive.

    A worker waits for the scheduler to take the record of a run before it begins the next.
    """
    left = _sizes(runs, per_bundle)[::-1]
    scheduler, driver = _Server(), _Server()
    waiting = [(0.0, 0)] * workers  # when a worker has something to say, runs left in its bundle; below 0 one has ended
    while waiting:
        now, in_bundle = heapq.heappop(waiting)
        if in_bundle < 0:
            taken = scheduler.serve(now, costs.scheduler_run)
            driver.serve(taken, costs.driver_run)
            heapq.heappush(waiting, (taken, -in_bundle - 1))
            continue
        if not in_bundle:
            if not left:
                continue
            in_bundle = left.pop()
            now = scheduler.serve(now, costs.scheduler_bundle)
            driver.serve(now, costs.driver_bundle)
        heapq.heappush(waiting, (now + seconds + costs.worker_run, -in_bundle))
    end = max(scheduler.free_at, driver.free_at)
    return Predicted(end, scheduler.busy / end, driver.busy / end)


def _sizes(runs: int, per_bundle: int) -> list[int]:
    return [min(per_bundle, runs - first) for first in range(0, runs, per_bundle)]


@dataclass
class _Server:
    """Does one thing at a time, in the order in which it is asked."""

    free_at: float = 0.0
    busy: float = 0.0

    def serve(self, asked: float, cost: float) -> float:
        """When that is done."""
        self.free_at = max(asked, self.free_at) + cost
        self.busy += cost
        return self.free_at


@dataclass(frozen=True)
class Measured:
    """Seconds of the wall clock, and seconds that scheduler and driver were busy."""

    wall: float
    scheduler: float
    driver: float
    bundles: int


def measure(client: Client, scheduler: psutil.Process, per_bundle: int, *, runs: int = N_MEASURED) -> Measured:
    """Trains runs of milliseconds each on the real cluster, in bundles of so many."""
    tasks, waited = list(_tasks(runs)), 0.0
    seconds = dict.fromkeys((task.run_id for task in tasks), BUNDLE_SECONDS / per_bundle)
    with tempfile.TemporaryDirectory() as folder:
        store = Store(folder)

        def keep(record: RunRecord) -> None:
            nonlocal waited
            if record.status != "ok":
                raise SystemExit(f"a run failed: {record.reason}")
            began = time.perf_counter() - time.thread_time()
            store.save(record)
            waited += time.perf_counter() - time.thread_time() - began

        before, began, own = sum(scheduler.cpu_times()[:2]), time.perf_counter(), time.process_time()
        cluster.execute(tasks, Cluster(client), seconds=seconds, on_record=keep, on_steps=lambda _: None, tell=print)
        wall, own = time.perf_counter() - began, time.process_time() - own
    return Measured(wall, sum(scheduler.cpu_times()[:2]) - before, own + waited, -(-runs // per_bundle))


def _tasks(runs: int) -> Iterator[Task]:
    """Runs of the model that predicts the mean: 20 burn-ins to a file of records, as in a burn-in study."""
    revision = load_dataset("sim_linear", "paper").revision
    for k in range(runs):
        config = RunConfig(
            suite="scheduling",
            dataset="sim_linear",
            split="paper",
            model="mean",
            seq_len=21,
            burn_in=k % 20,
            batch_size=80,
            steps=1,
            seed=k // 20,
        )
        yield Task(config, config.run_id(revision), "closed_form", k, "benchmarks/scheduling.py")


def costs_of(single: Measured, many: Measured, runs: int = N_MEASURED) -> Costs:
    """What two ways of bundling the same runs cost, divided among runs and bundles."""

    def divided(of_single: float, of_many: float) -> tuple[float, float]:
        a_bundle = max(0.0, (of_single - of_many) / (single.bundles - many.bundles))
        return max(0.0, (of_many - a_bundle * many.bundles) / runs), a_bundle

    scheduler_run, scheduler_bundle = divided(single.scheduler, many.scheduler)
    driver_run, driver_bundle = divided(single.driver, many.driver)
    worker_run = max(0.0, many.wall * MEASURED_WORKERS / runs - scheduler_run)
    return Costs(scheduler_run, scheduler_bundle, driver_run, driver_bundle, worker_run)


@contextmanager
def real_cluster() -> Iterator[tuple[Client, psutil.Process]]:
    """A scheduler and workers in processes of their own, so that each one's time can be told."""
    with tempfile.TemporaryDirectory() as folder:
        file = f"{folder}/scheduler.json"
        command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--port", "0", "--no-dashboard"]
        scheduler = subprocess.Popen([*command, "--scheduler-file", file], stderr=subprocess.DEVNULL)
        command = [sys.executable, "-m", "distributed.cli.dask_worker", "--no-dashboard", "--nthreads", "1"]
        command += ["--nworkers", str(MEASURED_WORKERS), "--local-directory", folder, "--scheduler-file", file]
        workers = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            with Client(scheduler_file=file, set_as_default=False) as client:
                client.wait_for_workers(MEASURED_WORKERS)
                yield client, psutil.Process(scheduler.pid)
        finally:
            for process in (workers, scheduler):
                process.terminate()
                process.wait()


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--runs", type=int, default=100_000)
    options.add_argument("--workers", type=int, default=1_000)
    options.add_argument(
        "--seconds", type=_length, nargs="+", default=[1.0, 5.0, 25.0], help="length of a run (default: 1 5 25)"
    )
    return options


def _length(text: str) -> float:
    """Seconds of a run that sends nothing before its record."""
    with suppress(ValueError):
        if 0 < float(text) < CHECKPOINT_SECONDS:
            return float(text)
    raise argparse.ArgumentTypeError(
        f"'{text}': expected more than 0 and less than {CHECKPOINT_SECONDS:g} seconds; a longer run sends its state "
        f"every {CHECKPOINT_SECONDS:g} seconds, which the model leaves out"
    )


def main() -> None:
    options = parser().parse_args()
    with real_cluster() as (client, scheduler):
        measure(client, scheduler, 1, runs=N_WARM)
        single, many, check = (measure(client, scheduler, per_bundle) for per_bundle in (1, 20, 5))
    costs = costs_of(single, many)
    foretold = predict(costs, runs=N_MEASURED, per_bundle=5, workers=MEASURED_WORKERS, seconds=0.0)
    print("Measured here, in milliseconds:", {name: round(1e3 * cost, 2) for name, cost in vars(costs).items()})
    print(
        f"Check: {N_MEASURED} runs in bundles of 5 on {MEASURED_WORKERS} workers took {check.wall:.2f} s, the model "
        f"says {foretold.makespan:.2f} s\n"
    )
    rows = [_row(costs, options.runs, options.workers, seconds) for seconds in options.seconds]
    headers = (
        "a run lasts",
        "bundle",
        "ideal",
        "foretold",
        "lost a run",
        "scheduler busy",
        "driver busy",
        "bottleneck",
    )
    print(tabulate(rows, headers, tablefmt="github"))


def _row(costs: Costs, runs: int, workers: int, seconds: float) -> tuple[object, ...]:
    per_bundle = max(1, math.ceil(BUNDLE_SECONDS / seconds))
    foretold = predict(costs, runs=runs, per_bundle=per_bundle, workers=workers, seconds=seconds)
    ideal = makespan([size * seconds for size in _sizes(runs, per_bundle)], workers)
    busy = {"scheduler": foretold.scheduler, "driver": foretold.driver, "workers": ideal / foretold.makespan}
    return (
        f"{seconds:g} s",
        per_bundle,
        f"{ideal:.0f} s",
        f"{foretold.makespan:.0f} s",
        f"{100 * (foretold.makespan / ideal - 1):.1f} %",
        f"{100 * foretold.scheduler:.0f} %",
        f"{100 * foretold.driver:.0f} %",
        max(busy, key=lambda name: busy[name]),
    )


if __name__ == "__main__":
    main()
