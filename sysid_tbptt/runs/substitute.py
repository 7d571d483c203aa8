"""The runs of a suite with another model in the place of one of its own."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from statistics import fmean, median
from typing import Any

from ..config import RunConfig
from .expand import expand
from .record import RunRecord
from .store import Store

Setting = tuple[object, ...]


def substitute(suite: str | Path, *, like: str, model: str, results: str | Path, **filters: Any) -> list[RunConfig]:
    """The suite's runs of the model ``like``, done by ``model`` instead.

    Of each data set those of the setting that the suite's records choose, and of the same at m = 0; all of them where
    there are no records of these runs, or the filters leave out what they choose.

    Raises:
        ConfigError, DataError, ModelError: as of `sysid_tbptt.runs.expand.expand`.
        StoreError: the results folder cannot be read.
    """
    runs = expand(suite, model=like, **filters)
    records = Store(results).records()
    chosen: list[RunConfig] = []
    for split in dict.fromkeys((run.dataset, run.split) for run in runs):
        of_split = [run for run in runs if (run.dataset, run.split) == split]
        chosen += _chosen(of_split, records) or of_split
    return list(dict.fromkeys(run.model_copy(update={"model": model}) for run in chosen))


def _chosen(runs: list[RunConfig], records: Iterable[RunRecord]) -> list[RunConfig]:
    """Those of the setting with the least median validation error among the records, at its m and at m = 0."""
    errors: dict[Setting, list[float]] = {}
    settings = {_setting(run) for run in runs}
    for record in records:
        if record.status == "ok" and (key := _setting(record.config)) in settings:
            errors.setdefault(key, []).append(fmean(record.metrics["val"]["rmse"]))
    if not errors:
        return []
    best = min(errors, key=lambda setting: median(errors[setting]))
    at_m = {_setting(run): run for run in runs}[best]
    wanted = {best, _setting(at_m.model_copy(update={"burn_in": 0}))}
    return [run for run in runs if _setting(run) in wanted]


def _setting(config: RunConfig) -> Setting:
    """All but the seed."""
    return tuple(value for name, value in config.model_dump().items() if name != "seed")
