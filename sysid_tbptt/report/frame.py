"""Records as a table: one row a run and test set."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from math import nan
from typing import Any

import pandas as pd

from ..config import RunConfig
from ..runs.record import RunRecord

_APART = {"suite", "dataset", "split", "model", "hidden_size", "seed", "steps", "epochs"}
_APART |= {"seq_len", "burn_in", "init_mode", "batch_size"}
SETTING = tuple(name for name in RunConfig.model_fields if name not in _APART)
"""Fields of a config that say how a model is trained, apart from windows, budget and seed."""
_OF_ADAM = ("learning_rate", "lr_schedule", "lr_stages", "lr_factor", "clip_norm", "weight_decay", "input_noise")
"""Those of `SETTING` that an lm run uses in its warm start alone, and so its batch size."""

COLUMNS = [
    "run_id",
    "status",
    "regime",
    *RunConfig.model_fields,
    "setting",
    "budget",
    "revision",
    "parameters",
    "train_s",
    "train_cpu_s",
    "steps_done",
    "engine",
    "device",
    "threads",
    "test_set",
]
DATA, NETWORK = ["dataset", "split", "revision"], ["model", "hidden_size", "setting"]
"""What runs share that are on the same data; and of the same model, trained in the same way."""

_UNKNOWN = {"mse_scaled": nan}
"""Scores of a part that a file of predictions does not hold."""

MEASURE = (
    "MSE in standardised units: of the free-run simulation from a zero state over all steps but the first "
    "init_outputs; or, with a horizon, of the forecasts at the end of each window"
)
"""What the columns ``train_mse``, ``val_mse`` and ``test_mse`` hold, in words."""

SCORES = ["train_mse", "val_mse", "test_mse", "test_rmse", "unit"]


def frame(records: Iterable[RunRecord]) -> pd.DataFrame:
    """One row a run and test set: the fields of its config, and of each part the standardised MSE.

    ``setting`` names the fields of `SETTING` that are not at their default, ``budget`` the steps or epochs,
    ``revision`` the data's; ``engine``, ``device`` and ``threads`` are empty, or 0, where a record does not tell.
    ``test_rmse`` and ``unit`` hold one entry an output channel. A run that did not end well has one row with no
    test set and no scores.
    """
    return pd.DataFrame([row for record in records for row in _rows(record)], columns=[*COLUMNS, *SCORES])


def _rows(record: RunRecord) -> Iterator[dict[str, Any]]:
    run = record.config.model_dump() | {
        "run_id": record.run_id,
        "status": record.status,
        "regime": record.regime,
        "setting": setting_in_words(record.config),
        "budget": budget_in_words(record.config),
        "revision": revision(record),
        "parameters": record.parameters,
        "train_s": record.time.train_s,
        "train_cpu_s": record.time.train_cpu_s,
        "steps_done": record.steps_done,
        "engine": record.engine or "",
        "device": str(record.provenance.get("device") or ""),
        "threads": int(record.provenance.get("threads") or 0),
    }
    if record.status != "ok":
        yield run
        return
    for test_set, scores in record.metrics["test"].items():
        yield run | {
            "test_set": test_set,
            "train_mse": _mse(record.metrics.get("train", _UNKNOWN)),
            "val_mse": _mse(record.metrics.get("val", _UNKNOWN)),
            "test_mse": _mse(scores),
            "test_rmse": tuple(scores["rmse"]),
            "unit": tuple(scores["unit"]),
        }


def _mse(scores: Mapping[str, Any]) -> float:
    """NaN where the record has null, and where it has null as an RMSE: the outputs were not finite then."""
    found = scores["mse_scaled"]
    return nan if found is None or None in scores.get("rmse", ()) else float(found)


def setting_in_words(config: RunConfig) -> str:
    """The fields of `SETTING` that are not at their default; those of a warm start stand with its number of steps."""
    given = config.model_dump(include=set(SETTING), exclude_defaults=True)
    told = {name: f"{name}={given[name]}" for name in SETTING if name in given}
    if config.warm_steps:
        of_adam = [f"batch_size={config.batch_size}", *(told.pop(name) for name in _OF_ADAM if name in told)]
        told["warm_steps"] += f" with {' and '.join(of_adam)}"
    return ", ".join(told.values())


def budget_in_words(config: RunConfig) -> str:
    """The steps, epochs, or iterations of lm."""
    if config.epochs is not None:
        return f"{config.epochs} epochs"
    return f"{config.steps} {'iterations' if config.optimiser == 'lm' else 'steps'}"


def revision(record: RunRecord) -> str:
    """The data's revision, as much of it as is shown."""
    return str((record.provenance.get("data") or {}).get("revision", ""))[:12]


def by_study(records: Iterable[RunRecord]) -> dict[tuple[str, str], list[RunRecord]]:
    """The records of each suite and data set."""
    studies: dict[tuple[str, str], list[RunRecord]] = {}
    for record in records:
        studies.setdefault((record.config.suite, record.config.dataset), []).append(record)
    return studies


def by_suite(records: Iterable[RunRecord]) -> dict[str, list[RunRecord]]:
    """The records of each suite."""
    suites: dict[str, list[RunRecord]] = {}
    for record in records:
        suites.setdefault(record.config.suite, []).append(record)
    return suites
