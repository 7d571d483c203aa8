"""The runs of a suite with another model in the place of one of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..config import RunConfig
from .choice import Setting, choose, settings
from .expand import expand
from .store import Store


def substitute(suite: str | Path, *, like: str, model: str, results: str | Path, **filters: Any) -> list[RunConfig]:
    """The suite's runs of the model ``like``, done by ``model`` instead.

    Of each data set and optimiser those of the setting that validated best among their records, and of the same at
    m = 0; all of them where there are no records. Without a filter on ``optimiser``, those of Adam if there are any.

    Raises:
        ConfigError, DataError, ModelError: as of `sysid_tbptt.runs.expand.expand`.
        StoreError: the results folder cannot be read.
    """
    runs = expand(suite, model=like, **filters)
    tried = settings(Store(results).records())
    if filters.get("optimiser") is None:
        runs = [run for run in runs if run.optimiser == "adam"] or runs
    groups: dict[tuple[str, str, str], list[RunConfig]] = {}
    for run in runs:
        groups.setdefault((run.dataset, run.split, run.optimiser), []).append(run)
    chosen = [run for group in groups.values() for run in _chosen(group, tried)]
    return [run.model_copy(update={"model": model}) for run in chosen]


def _chosen(runs: Sequence[RunConfig], tried: Sequence[Setting]) -> Sequence[RunConfig]:
    offered = {_without_seed(run) for run in runs}
    records = [setting for setting in tried if setting.config in offered]
    if not records:
        return runs
    best = choose(records).config
    wanted = (best, best.model_copy(update={"burn_in": 0}))
    return [run for run in runs if _without_seed(run) in wanted]


def _without_seed(run: RunConfig) -> RunConfig:
    return run.model_copy(update={"seed": 0})
