"""A small data set that every room can use: a first-order system, as a `Dataset` and as a user's own log."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch

from sysid_tbptt.config import RunConfig
from sysid_tbptt.data import cache
from sysid_tbptt.data.series import Dataset, Series, Units
from sysid_tbptt.training.job import Job
from sysid_tbptt.training.trainer import make_job

FOREGROUND = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
"""
"""A script starts its background jobs with SIGINT ignored, and nohup ignores SIGHUP; children inherit that."""


def first_order(length: int, n_u: int, n_y: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Inputs (T, n_u) of white noise and outputs (T, n_y) of y_t = 0.8 y_{t-1} + tanh(B u_t)."""
    rng = np.random.default_rng(seed)
    u, mixing = rng.normal(size=(length, n_u)), np.random.default_rng(99).normal(size=(n_u, n_y))
    y = np.zeros((length, n_y))
    for t in range(1, length):
        y[t] = 0.8 * y[t - 1] + np.tanh(u[t] @ mixing)
    return u, y


def make_dataset(lengths: tuple[int, ...] = (300,), n_u: int = 1, n_y: int = 1) -> Dataset:
    units = Units(u=("V",) * n_u, y=("m",) * n_y)

    def series(length: int, seed: int, name: str) -> Series:
        return Series(*first_order(length, n_u, n_y, seed), dt=0.1, units=units, n_init=5, name=name)

    train = tuple(series(length, k, f"train-{k}") for k, length in enumerate(lengths))
    val, test = series(100, 50, "val"), series(120, 60, "test")
    return Dataset("first_order", "made", train, (val,), (test,), "none", "made for a test", "0")


torch.set_num_threads(1)  # models this small only wait for other threads


@pytest.fixture
def real_data() -> Path:
    """The directory of real records; the test is skipped where SYSID_TBPTT_DATA is not set."""
    if not os.environ.get(cache.ENVIRONMENT):
        pytest.skip(f"{cache.ENVIRONMENT} is not set: no real records to read")
    return Path(os.environ[cache.ENVIRONMENT])


@pytest.fixture
def make_data() -> Callable[..., Dataset]:
    return make_dataset


def config_of(**changes: object) -> RunConfig:
    fields: dict[str, object] = {
        "suite": "test",
        "dataset": "first_order",
        "split": "made",
        "model": "lstm",
        "hidden_size": 4,
        "seq_len": 12,
        "burn_in": 3,
        "batch_size": 8,
        "steps": 30,
    }
    return RunConfig.model_validate(fields | changes)


@pytest.fixture
def config() -> Callable[..., RunConfig]:
    return config_of


@pytest.fixture
def job() -> Callable[..., Job]:
    """A job on the small data set; ``lengths``, ``n_u`` and ``n_y`` shape the data, the rest the config."""

    def build(
        *, data: Dataset | None = None, lengths: tuple[int, ...] = (300,), n_u: int = 1, n_y: int = 1, **changes: object
    ) -> Job:
        return make_job(config_of(**changes), data or make_dataset(lengths, n_u, n_y))

    return build


@pytest.fixture
def own_log(tmp_path: Path) -> Path:
    """A description of a log of 400 samples; its path is the data set's name."""
    u, y = first_order(400, 1, 1, 7)
    rows = "\n".join(f"{a!r},{b!r}" for a, b in zip(u[:, 0].tolist(), y[:, 0].tolist(), strict=True))
    (tmp_path / "log.csv").write_text(f"valve,level\n{rows}\n")
    description = tmp_path / "tank.toml"
    description.write_text(
        'file = "log.csv"\ninputs = ["valve"]\noutputs = ["level"]\ndt = 0.1\nsplit = [0.5, 0.25, 0.25]\n'
    )
    return description


@pytest.fixture
def runs(own_log: Path) -> Callable[..., list[RunConfig]]:
    """Configs on the log, by their burn-in."""

    def make(*burn_ins: int, **changes: object) -> list[RunConfig]:
        return [config_of(dataset=str(own_log), split="file", burn_in=m, **changes) for m in burn_ins]

    return make


@pytest.fixture
def child() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts Python code in a process group of its own, by default as from a terminal; ends all groups at the end."""
    started: list[subprocess.Popen[str]] = []

    def start(code: str, *arguments: str, prelude: str = FOREGROUND, **options: int) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", f"{prelude}\n{code}", *arguments]
        started.append(subprocess.Popen(command, start_new_session=True, text=True, **options))
        return started[-1]

    yield start
    for process in started:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
