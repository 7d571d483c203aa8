"""The leaderboard: test errors in physical units of the setting of each method that validation chose."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import inf, nan
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..runs.choice import validation_error
from ..runs.record import RunRecord, Time
from ..runs.store import Store
from .contests import PROTOCOL, Contest, Entry, Errors, contests, entry, errors, paired
from .frame import budget_in_words, setting_in_words
from .sources import once
from .stats import change, holm, median_interval, paired_p

COLUMNS = [
    *("dataset", "split", "test_set", "rank", "model", "optimiser", "hidden_size", "seq_len", "burn_in"),
    *("rmse", "rmse_low", "rmse_high", "unit", "seeds", "best_seed", "rmse_best_seed"),
    *("rmse_m0", "rmse_m0_low", "rmse_m0_high", "effect", "p_m0", "p_m0_holm", "p_first", "p_first_holm"),
    *("worse_than_mean", "validation", "chosen", "parameters", "train_cpu_s", "not_ok"),
    *("suite", "channel", "setting", "budget", "regime"),
    *("batch_size", "init_outputs", "n_init", "n_scored", "engine", "protocol", "revision", "run_ids"),
]
TEST = [*PROTOCOL, "test_set", "channel"]
"""What rows that are ranked together share."""
MEAN = "mean"
"""The anchor that a model must beat to have learnt anything."""

_WHOLE = {"best_seed": "Int64", "n_init": "Int64", "n_scored": "Int64"}


def leaderboard(results: str | Path, *, suite: str | None = None) -> pd.DataFrame:
    """`board` of the records in a results folder, of one suite or of all.

    Raises:
        StoreError: the results folder cannot be read.
    """
    return board(record for record in Store(results).records() if suite in (None, record.config.suite))


def board(records: Iterable[RunRecord]) -> pd.DataFrame:
    """One row a test set, output channel and method, least error first within each test set of each protocol.

    A method is a model and its optimiser: a network that was trained by Adam and by lm has two rows. ``optimiser`` is
    empty where none trained the model, in closed form or elsewhere. A method stands with its chosen setting: of all
    fields of its config but the seed, those that have the least median validation error over the seeds among the
    suite's records. Test data never decide. A model without validation errors (predictions from a file) is taken as it
    is.

    ``rmse`` is the median over ``seeds`` of the RMSE of the free-run simulation after the benchmark's init window, in
    ``unit``, ``rmse_low`` and ``rmse_high`` its 95 % bootstrap interval; that of a diverged run is infinite, and a
    failed one has none; ``not_ok`` counts both. ``best_seed`` has the least validation error. ``rmse_m0`` is of the
    same setting at burn_in=0, and ``effect`` the relative change of the median against it, over the seeds that both
    have; ``p_m0`` its paired Wilcoxon test, Holm-corrected over the suite's tests of that method. ``p_first`` is the
    paired test against the first of the same test set, Holm-corrected within it. ``worse_than_mean`` tells whether the
    error is above that of the training mean as a prediction. ``validation`` is the median validation error of the
    setting, missing where it is not known or not finite; ``chosen`` tells which method of the protocol has the least,
    the first of equals. ``train_cpu_s`` is the median of the processor seconds of training, missing where the runs are
    of several devices. ``run_ids`` are those of all records behind the row, the ones at burn_in=0 last.

    Suites, splits, data revisions and init windows are never ranked together.
    """
    rows = [row for contest in contests(records) for row in _rows(contest)]
    table = pd.DataFrame(rows, columns=[*COLUMNS, "errors", "nrmse"]).astype(_WHOLE)
    if table.empty:
        return table[COLUMNS]
    table["p_m0_holm"] = table.groupby(["suite", "model", "optimiser"])["p_m0"].transform(holm)
    tests = [part for _, part in table.groupby(TEST, dropna=False)]
    return pd.concat([_ranked(part) for part in tests], ignore_index=True)[COLUMNS]


def _rows(contest: Contest) -> Iterator[dict[str, Any]]:
    """The rows of one protocol, not yet ranked."""
    entries = [entry(tried) for tried in contest.methods.values()]
    best = min(entries, key=lambda found: found.chosen.validation)
    for found in entries:
        about = contest.protocol | _about(found) | {"chosen": found is best and found.chosen.validation < inf}
        for (test_set, channel), unit in contest.units.items():
            if of_seeds := errors(found.chosen, test_set, channel):
                place = {"test_set": test_set, "channel": channel, "unit": unit}
                yield about | place | _scores(found, test_set, channel, of_seeds)


def _about(entry: Entry) -> dict[str, Any]:
    """What the chosen setting is, whatever the test set."""
    config, records = entry.chosen.config, entry.chosen.records
    behind = [*records, *(entry.at_zero.records if entry.at_zero and entry.at_zero is not entry.chosen else ())]
    fields = ("model", "hidden_size", "seq_len", "burn_in", "batch_size", "init_outputs")
    return {name: getattr(config, name) for name in fields} | {
        "optimiser": entry.chosen.optimiser,
        "setting": setting_in_words(config),
        "budget": budget_in_words(config),
        "regime": records[0].regime,
        "validation": entry.chosen.validation if entry.chosen.validation < inf else nan,
        "parameters": max(record.parameters for record in records),
        "train_cpu_s": _train_cpu_s(records),
        "not_ok": sum(record.status != "ok" for record in records),
        "engine": once(record.engine for record in records),
        "protocol": once((record.provenance.get("data") or {}).get("protocol") for record in records),
        "run_ids": tuple(record.run_id for record in behind),
    }


def _train_cpu_s(records: Sequence[RunRecord]) -> float:
    """The median; missing where several devices took it."""
    devices = {record.provenance.get("device") for record in records} - {None, ""}
    return nan if len(devices) > 1 else float(np.median([_cpu_s(record.time) for record in records]))


def _cpu_s(time: Time) -> float:
    """Processor seconds of the training; of the wall clock where these are not known."""
    return time.train_cpu_s or time.train_s


def _scores(entry: Entry, test_set: str, channel: int, of_seeds: Errors) -> dict[str, Any]:
    """The errors of the chosen setting on one test set, and without burn-in."""
    low, high = median_interval(list(of_seeds.values()))
    best = min(entry.chosen.records, key=validation_error)
    known = best.config.seed in of_seeds and (validation_error(best) < inf or len(of_seeds) == 1)
    scored = [record.metrics["test"][test_set] for record in entry.chosen.records if _has(record, test_set)]
    return {
        "rmse": float(np.median(list(of_seeds.values()))),
        "rmse_low": low,
        "rmse_high": high,
        "seeds": len(of_seeds),
        "best_seed": best.config.seed if known else None,
        "rmse_best_seed": of_seeds[best.config.seed] if known else nan,
        "n_scored": next((scores["n_scored"] for scores in scored if "n_scored" in scores), None),
        "nrmse": np.median([_at(scores.get("nrmse"), channel) for scores in scored]) if scored else nan,
        "errors": of_seeds,
        **_burn_in(entry, test_set, channel, of_seeds),
    }


def _burn_in(entry: Entry, test_set: str, channel: int, of_seeds: Errors) -> dict[str, float]:
    """The same setting at burn_in=0 beside it."""
    if entry.at_zero is None:
        return {}
    with_m, without = paired(of_seeds, errors(entry.at_zero, test_set, channel))
    low, high = median_interval(without)
    return {
        "rmse_m0": float(np.median(without)) if without else nan,
        "rmse_m0_low": low,
        "rmse_m0_high": high,
        "effect": 0.0 if entry.at_zero is entry.chosen else change(with_m, without),
        "p_m0": nan if entry.at_zero is entry.chosen else paired_p(with_m, without),
    }


def _ranked(part: pd.DataFrame) -> pd.DataFrame:
    """The rows of one test set, least error first, compared with the first and with the mean."""
    part = part.sort_values(["rmse", "model", "optimiser"])
    first = part["errors"].iloc[0]
    p_first = [nan if one is first else paired_p(*paired(one, first)) for one in part["errors"]]
    return part.assign(
        rank=part["rmse"].rank(method="min").astype(int),
        p_first=p_first,
        p_first_holm=holm(p_first),
        worse_than_mean=_worse_than_mean(part),
    )


def _worse_than_mean(part: pd.DataFrame) -> pd.Series[bool]:
    """Against the anchor where it was run; else an RMSE above the deviation of the test output says it too."""
    anchor = part.loc[part["model"] == MEAN, "rmse"]
    return part["rmse"] > anchor.min() if len(anchor) else (part["nrmse"] > 1) | (part["rmse"] == inf)


def _has(record: RunRecord, test_set: str) -> bool:
    return record.status == "ok" and test_set in record.metrics["test"]


def _at(values: Sequence[float | None] | None, channel: int) -> float:
    value = values[channel] if values and channel < len(values) else None
    return nan if value is None else value
