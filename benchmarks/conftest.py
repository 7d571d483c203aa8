"""What a measurement says of its machine, and the data it is made on."""

from __future__ import annotations

import os
from collections.abc import Callable
from time import process_time
from typing import Any

import fma_peak
import numpy as np
import pytest
import torch

from sysid_tbptt.config import RunConfig
from sysid_tbptt.data.horizon import ahead
from sysid_tbptt.data.series import Dataset, Series, Units
from sysid_tbptt.training.job import Job
from sysid_tbptt.training.trainer import make_job

SAMPLES = 20_000


def pytest_benchmark_update_machine_info(config: pytest.Config, machine_info: dict[str, Any]) -> None:
    """The kind of machine, not its name."""
    machine_info.pop("node", None)
    machine_info["cores"] = cores()
    machine_info["torch"] = torch.__version__
    machine_info["load"] = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")


def pytest_benchmark_update_json(config: pytest.Config, benchmarks: Any, output_json: dict[str, Any]) -> None:
    for benchmark in output_json["benchmarks"]:
        benchmark["stats"].pop("data", None)


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def timed(work: Callable[[], Any], clock: Callable[[], float] = process_time) -> float:
    """Seconds of processor time, of all threads unless the clock is of one."""
    began = clock()
    work()
    return clock() - began


@pytest.fixture(scope="session")
def peak() -> float:
    """GFLOP/s of one core."""
    return fma_peak.gflops()


@pytest.fixture(scope="session")
def data() -> Dataset:
    """A record as long as the reference experiment's: filtered noise through a saturation."""
    rng = np.random.default_rng(0)
    u = rng.normal(size=(SAMPLES, 1))
    y = np.tanh(np.convolve(u[:, 0], 0.8 ** np.arange(40), "full")[:SAMPLES, None])
    part = Series(u, y, dt=1.0, units=Units(u=("-",), y=("-",)), n_init=0, name="noise")
    return Dataset("noise", "made", (part,), (part.slice(0, 1000),), (part.slice(0, 1000),), "none", "made", "0")


@pytest.fixture
def job(data: Dataset) -> Callable[..., Job]:
    def build(**changes: Any) -> Job:
        fields = {"suite": "speed", "dataset": "noise", "split": "made", "learning_rate": 1e-4, **changes}
        config = RunConfig(**fields)
        return make_job(config, ahead(data, config.horizon) if config.horizon else data)

    return build
