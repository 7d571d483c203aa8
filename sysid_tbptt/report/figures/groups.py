"""Runs that may stand in one panel: of one suite, data set, split, model and setting, the same windows and budget."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from ...config import RETRAIN
from ..frame import DATA, NETWORK
from ..regimes import WINDOWS, comparable, finished
from ..selection import RULES

MODEL = ["suite", *DATA, *NETWORK]
SHOWN = {
    "suite": "suite {}",
    "dataset": "{}",
    "split": "split {}",
    "revision": "data {}",
    "model": "{}",
    "hidden_size": "H = {}",
    "setting": "{}",
    "batch_size": "B = {}",
    "budget": "{}",
    "budgets": "{}",
    "engine": "engine {}",
    "device": "{}",
    "threads": "{} threads a run",
    "test_set": "test set {}",
}
"""How a field is told in a title or a note."""

Key = dict[str, Any]


def usable(runs: pd.DataFrame) -> pd.DataFrame:
    """The rows of runs that ended well."""
    return runs[runs["status"] == "ok"]


def grouped(runs: pd.DataFrame, names: Sequence[str]) -> Iterator[tuple[Key, pd.DataFrame]]:
    """The rows by the named fields, sorted."""
    for key, part in runs.groupby(list(names)):
        yield dict(zip(names, key if isinstance(key, tuple) else (key,), strict=True)), part


def studies(runs: pd.DataFrame) -> Iterator[tuple[Key, pd.DataFrame, pd.DataFrame]]:
    """Each burn-in study: its model and windows, its `comparable` stateless runs at m = 0 and more, and all runs of the
    model; of those that diverged the errors are infinite."""
    for model, of_model in grouped(finished(runs), MODEL):
        for windows, part in grouped(comparable(of_model[of_model["regime"] == "stateless"], WINDOWS), WINDOWS):
            if part["burn_in"].nunique() > 1 and (part["burn_in"] == 0).any():
                yield model | windows, part, of_model


def chosen_m(part: pd.DataFrame) -> dict[str, int]:
    """m* by the name of the rule, from the medians over seeds; none where validation data were trained on."""
    first = part.iloc[0]
    if first["split"].endswith(RETRAIN):
        return {}
    curve = part.groupby("burn_in")[["train_mse", "val_mse"]].median().reset_index()
    return {rule.name: rule.choose(curve, first["dataset"], first["split"]) for rule in RULES}


def block(study: Key) -> tuple[object, ...]:
    """What studies share that differ in N alone."""
    return tuple(value for name, value in study.items() if name != "seq_len")


def told_m(chosen: Mapping[str, int]) -> str:
    return "m* = " + ", ".join(f"{m} ({rule})" for rule, m in chosen.items()) if chosen else "m* is of stage one"


def varying(keys: Sequence[Key]) -> list[str]:
    """Fields of the keys that are not the same in all of them."""
    return [name for name in keys[0] if len({key[name] for key in keys}) > 1] if keys else []


def told(key: Key, names: Iterable[str]) -> str:
    """Fields in words; what is at its default says nothing."""
    return ", ".join(words.format(key[name]) for name, words in SHOWN.items() if name in names and key[name] != "")


def title(key: Key, keys: Sequence[Key]) -> str:
    """N, after the fields, and of the setting the parts, that tell the studies apart."""
    names = [name for name in varying(keys) if name != "seq_len"]
    key = key | {"setting": _apart(key["setting"], [other["setting"] for other in keys])}
    return ", ".join(filter(None, [told(key, names), f"N = {key['seq_len']}"]))


def _apart(setting: str, settings: Sequence[str]) -> str:
    """A setting without the parts that all have in common."""
    common = set.intersection(*(set(other.split(", ")) for other in settings))
    return ", ".join(part for part in setting.split(", ") if part not in common)


def run_ids(*parts: pd.DataFrame) -> frozenset[str]:
    return frozenset(run_id for part in parts for run_id in part["run_id"])


def burn_ins(rows: pd.DataFrame) -> tuple[float, ...]:
    """The values of m, for an axis."""
    return tuple(float(m) for m in rows["burn_in"])


def run_ids_behind(rows: pd.DataFrame) -> frozenset[str]:
    """The ids in the lists of the column ``run_ids``."""
    return frozenset(run_id for run_ids in rows["run_ids"] for run_id in run_ids)
