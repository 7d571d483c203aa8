"""What may be compared: the methods of one protocol, each with all settings that were tried, and errors by seed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any

from ..runs.choice import Setting, choose, settings
from ..runs.record import RunRecord
from .frame import revision

PROTOCOL = ["suite", "dataset", "split", "revision", "n_init"]
"""What methods that are compared share; suites, splits, data revisions and init windows are never mixed."""

Errors = dict[int, float]
"""Test RMSE by seed."""


@dataclass(frozen=True)
class Contest:
    """The methods of one protocol, by model and optimiser, and the unit of each test set and output channel."""

    protocol: dict[str, Any]
    units: dict[tuple[str, int], str] = field(default_factory=dict)
    methods: dict[tuple[str, str], list[Setting]] = field(default_factory=dict)


def contests(records: Iterable[RunRecord]) -> list[Contest]:
    """The records by protocol and method.

    No contenders are runs that were solved to an optimum, see `sysid_tbptt.report.initial_states`, and forecasts, see
    `sysid_tbptt.report.forecasting_table`: both have tables of their own.
    """
    parts: dict[tuple[Any, ...], list[RunRecord]] = {}
    for record in (one for one in records if one.optimum is None and not one.config.horizon):
        config = record.config
        n_init = (record.provenance.get("data") or {}).get("n_init")
        parts.setdefault((config.suite, config.dataset, config.split, revision(record), n_init), []).append(record)
    return [_contest(dict(zip(PROTOCOL, key, strict=True)), part) for key, part in parts.items()]


def _contest(protocol: dict[str, Any], records: Sequence[RunRecord]) -> Contest:
    contest = Contest(protocol)
    for record in records:
        if record.status == "ok":
            for test_set, scores in record.metrics["test"].items():
                contest.units.update({(test_set, channel): unit for channel, unit in enumerate(scores["unit"])})
    for setting in settings(records):
        contest.methods.setdefault((setting.config.model, setting.optimiser), []).append(setting)
    return contest


@dataclass(frozen=True)
class Entry:
    """A method's chosen setting, and the same setting without burn-in: itself, or None where it was not run."""

    chosen: Setting
    at_zero: Setting | None


def entry(tried: Sequence[Setting]) -> Entry:
    """The entry of a method, from all settings of it that were tried."""
    chosen = choose(tried)
    without = chosen.config.model_copy(update={"burn_in": 0})
    return Entry(chosen, next((setting for setting in tried if setting.config == without), None))


def errors(setting: Setting, test_set: str, channel: int) -> Errors:
    """Test RMSE by seed, in the unit of the output: infinite where the run diverged, none where it failed."""
    found: Errors = {}
    for record in setting.records:
        if record.status == "diverged":
            found[record.config.seed] = inf
        elif record.status == "ok" and test_set in record.metrics["test"]:
            rmse = record.metrics["test"][test_set]["rmse"]
            if channel < len(rmse):  # records that came from elsewhere may differ in their channels
                found[record.config.seed] = inf if rmse[channel] is None else rmse[channel]
    return found


def paired(one: Errors, other: Errors) -> tuple[list[float], list[float]]:
    """The errors of the seeds that both have."""
    seeds = sorted(one.keys() & other.keys())
    return [one[seed] for seed in seeds], [other[seed] for seed in seeds]
