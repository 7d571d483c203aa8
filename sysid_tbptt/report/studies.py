"""Burn-in studies: the runs of one model, data set, N and budget at m = 0 and at more m, summed up over the seeds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any

import numpy as np
import pandas as pd

from .frame import DATA, NETWORK
from .regimes import WINDOWS, bptt, comparable, finished, stateful
from .selection import Rule, names_by_choice

MODEL = [*DATA, "test_set", *NETWORK]
"""What the runs of one study share beside the windows."""

KEY = [*MODEL, *WINDOWS, "optimiser"]
MACHINE = ["engine", "device", "threads"]
"""Processor times are comparable where these are the same."""

_USED = [*KEY, *MACHINE, "regime", "horizon", "epochs", "burn_in", "seed", "steps_done", "train_cpu_s"]
_USED += ["train_mse", "val_mse", "test_mse"]
"""Columns of a run that is looked at; to cut a frame takes as long as it has columns."""

_SUMS: dict[str, Any] = {
    f"{part}_{name}": (f"{part}_mse", name) for part in ("train", "test") for name in ("median", "min", "max")
}
_SUMS |= {"val_median": ("val_mse", "median"), "steps": ("steps_done", "median"), "cpu_s": ("train_cpu_s", "median")}
_SUMS |= {"seeds": ("seed", "nunique"), "machine": ("machine", "first"), "machines": ("machine", "nunique")}
_SUMS |= {"test_by_seed": ("test_mse", tuple), "budget": ("told", "first")}


@dataclass(frozen=True)
class Point:
    """The runs of one m: medians over the seeds of the errors, of the steps and of the processor seconds, the least
    and the largest error, and the test errors in the order of the seeds.

    MSE in standardised units, infinite of runs that diverged; ``machine`` is None where the runs are of several.
    """

    budget: str
    seeds: int
    train_median: float
    train_min: float
    train_max: float
    val_median: float
    test_median: float
    test_min: float
    test_max: float
    test_by_seed: tuple[float, ...]
    steps: float
    cpu_s: float
    machine: str | None

    def error(self, part: str, name: str = "median") -> float:
        """``train`` or ``test``: ``median``, ``min`` or ``max`` over the seeds."""
        return float(getattr(self, f"{part}_{name}"))


@dataclass(frozen=True)
class Study:
    """``key`` holds `KEY`; ``points`` the stateless runs by m, rising, 0 among them, each m with all
    the seeds; ``stateful`` and ``bptt`` the runs that stand beside them, where there are any."""

    key: dict[str, Any]
    points: Mapping[int, Point]
    stateful: Point | None
    bptt: Point | None

    @property
    def seq_len(self) -> int:
        return int(self.key["seq_len"])

    @property
    def seeds(self) -> int:
        return self.points[0].seeds

    @cached_property
    def curve(self) -> dict[str, np.ndarray]:
        """``burn_in`` and the medians over the seeds of ``train_mse``, ``val_mse`` and ``test_mse``."""
        medians = {
            f"{part}_mse": np.array([getattr(point, f"{part}_median") for point in self.points.values()])
            for part in ("train", "val", "test")
        }
        return {"burn_in": np.array(list(self.points))} | medians

    def m_star(self, rule: Rule) -> int:
        return rule.choose(self.curve, self.key["dataset"], self.key["split"])

    @cached_property
    def chosen(self) -> dict[int, str]:
        """The values of m* and the names of the rules that choose them."""
        return names_by_choice(self.m_star)


def studies(runs: pd.DataFrame) -> Iterator[Study]:
    """The studies among rows of `frame`, those of one suite: m = 0 and one more m, each with all the seeds.

    Forecasts and runs that were solved to an optimum have tables of their own, see
    `sysid_tbptt.report.forecasting_table` and `sysid_tbptt.report.initial_states`.
    """
    rows = finished(runs[runs["horizon"].isna() & (runs["optimiser"] != "ipopt")])[_USED]
    machines = [str(machine) for machine in zip(*(rows[name] for name in MACHINE), strict=True)]
    rows = rows.assign(machine=pd.Series(machines, index=rows.index, dtype=object), told=rows["budget"])
    stateless = rows["regime"] == "stateless"
    others = dict(list(rows[~stateless].groupby(MODEL)))
    for key, found in groupby(_points(comparable(rows[stateless], KEY), KEY), key=lambda one: one[0]):
        points = {m: point for _, m, point in found}
        if len(points) > 1 and 0 in points:
            yield _study(dict(zip(KEY, key, strict=True)), points, others.get(key[: len(MODEL)]))


def _study(key: dict[str, Any], points: Mapping[int, Point], others: pd.DataFrame | None) -> Study:
    if others is None:
        return Study(key, points, None, None)
    return Study(key, points, _one(stateful(others, key)), _one(bptt(others, key["budget"])))


def _one(runs: pd.DataFrame) -> Point | None:
    """The only point of runs at one m."""
    return next((point for _, _, point in _points(runs, MODEL)), None)


def _points(runs: pd.DataFrame, names: list[str]) -> Iterator[tuple[tuple[Any, ...], int, Point]]:
    """Key, m and point, sorted."""
    sums = runs.sort_values("seed", kind="stable").groupby([*names, "burn_in"]).agg(**_SUMS)
    sums["machine"] = sums["machine"].where(sums.pop("machines") == 1, None)
    for key, values in zip(sums.index, sums.to_dict("records"), strict=True):
        yield key[:-1], int(key[-1]), Point(**{str(name): value for name, value in values.items()})
