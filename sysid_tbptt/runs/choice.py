"""The choice among settings, from validation errors alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import inf
from statistics import fmean, median

from ..config import RunConfig
from .record import PREDICTIONS, RunRecord


@dataclass(frozen=True)
class Setting:
    """Everything that makes a run but its seed, and the records of all its seeds; ``config`` has seed 0."""

    config: RunConfig
    records: tuple[RunRecord, ...]

    @property
    def optimiser(self) -> str:
        """See `RunRecord.optimiser`."""
        return self.records[0].optimiser

    @property
    def validation(self) -> float:
        """Median of `validation_error` over the seeds."""
        return median(validation_error(record) for record in self.records)


def validation_error(record: RunRecord) -> float:
    """RMSE on the validation records after the init window, mean over output channels, in units of the output.

    Infinite for a run that did not end well, or has no validation.
    """
    errors = record.metrics.get("val", {}).get("rmse") if record.status == "ok" else None
    return fmean(inf if error is None else error for error in errors) if errors else inf


def settings(records: Iterable[RunRecord]) -> list[Setting]:
    """The records by setting, in the order in which each first comes."""
    groups: dict[RunConfig, list[RunRecord]] = {}
    for record in records:
        groups.setdefault(record.config.model_copy(update={"seed": 0}), []).append(record)
    return [Setting(config, tuple(group)) for config, group in groups.items()]


def eligible(tried: Iterable[Setting]) -> list[Setting]:
    """The settings with the most seeds: one lucky seed is no choice.

    Outputs that came in a file have no validation error, and stand only where nothing else does.
    """
    tried = list(tried)
    tried = [one for one in tried if any(record.engine != PREDICTIONS for record in one.records)] or tried
    most = max(len(setting.records) for setting in tried)
    return [one for one in tried if len(one.records) == most]


def choose(tried: Iterable[Setting]) -> Setting:
    """The setting with the least validation error among those with the most seeds; the first of equals."""
    return min(eligible(tried), key=lambda setting: setting.validation)
