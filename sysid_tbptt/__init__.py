"""Benchmark suite for recurrent networks trained with truncated back-propagation through time and a burn-in phase.

import sysid_tbptt as st
data = st.load_dataset("silverbox", split="paper")
runs = st.expand("benchmarks/suites/paper-sysid.toml", dataset="silverbox", seq_len=100, steps=2000)
records = st.train(runs, results="results")
frame = st.leaderboard("results")
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .config import RunConfig as RunConfig
    from .data.files import from_file as from_file
    from .data.series import Dataset as Dataset
    from .data.series import Series as Series
    from .errors import SysidError as SysidError
    from .registry import build_model as build_model
    from .registry import load_dataset as load_dataset
    from .report.leaderboard import leaderboard as leaderboard
    from .runs.connection import connect as connect
    from .runs.expand import expand as expand
    from .runs.harness import train as train
    from .runs.record import RunRecord as RunRecord
    from .runs.reproduction import Reproduction as Reproduction
    from .runs.reproduction import reproduce as reproduce
    from .training.evaluate import simulate as simulate
    from .training.metrics import score as score

_HOMES = {
    "Dataset": "data.series",
    "Reproduction": "runs.reproduction",
    "RunConfig": "config",
    "RunRecord": "runs.record",
    "Series": "data.series",
    "SysidError": "errors",
    "build_model": "registry",
    "connect": "runs.connection",
    "expand": "runs.expand",
    "from_file": "data.files",
    "leaderboard": "report.leaderboard",
    "load_dataset": "registry",
    "reproduce": "runs.reproduction",
    "score": "training.metrics",
    "simulate": "training.evaluate",
    "train": "runs.harness",
}
"""The public face, and where each name lives: torch is not imported before it is needed."""

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(_HOMES)
