"""Which runs may be compared: those of one study, and the stateful and full-BPTT runs that stand beside it."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Any

import pandas as pd

WINDOWS = ["seq_len", "batch_size", "budget"]
"""What the runs of one study share beside the model: their windows, and the budget."""


def finished(runs: pd.DataFrame) -> pd.DataFrame:
    """Rows of `frame` of the runs that came to an end; a diverged one has infinite errors on every test set."""
    ended = runs[runs["status"] == "ok"]
    diverged = runs[runs["status"] == "diverged"].drop(columns="test_set")
    tests = ended[["dataset", "split", "test_set"]].drop_duplicates()
    diverged = diverged.merge(tests, on=["dataset", "split"])
    return pd.concat([ended, diverged.assign(train_mse=inf, val_mse=inf, test_mse=inf)], ignore_index=True)


def comparable(runs: pd.DataFrame, study: list[str]) -> pd.DataFrame:
    """The rows of which each study has every m with every seed; ``study`` names what the runs of one share.

    Where a study lacks some, as while it is under way, the seeds and m that keep the most runs: with m = 0, if that
    was run, and more than one m, if there can be.
    """
    seeds = [runs.groupby(names)["seed"].transform("nunique") for names in ([*study, "burn_in"], study)]
    lacking = (seeds[0] != seeds[1]).groupby([runs[name] for name in study]).transform("any").astype(bool)
    kept = [part.index[_complete(part)] for _, part in runs[lacking].groupby(study)]
    return runs[~lacking | runs.index.isin([row for rows in kept for row in rows])]


def _complete(part: pd.DataFrame) -> pd.Series[bool]:
    """Which rows of a study are kept."""
    seeds: dict[int, set[int]] = {}
    for m, seed in zip(part["burn_in"], part["seed"], strict=True):
        seeds.setdefault(m, set()).add(seed)
    of_all = set.intersection(*seeds.values())
    sets = [seeds.get(0, of_m) & of_m for of_m in (of_all, *seeds.values())]

    def worth(chosen: set[int]) -> tuple[bool, int, int]:
        values = sum(chosen <= of_m for of_m in seeds.values())
        return values > 1, values * len(chosen), len(chosen)

    best = max(sorted(filter(None, sets), key=sorted), key=worth)
    values = [m for m, of_m in seeds.items() if best <= of_m]
    return part["burn_in"].isin(values) & part["seed"].isin(best)


def stateful(of_model: pd.DataFrame, study: Mapping[str, Any]) -> pd.DataFrame:
    """The runs with carried state on the same windows, at their usual m."""
    return _usual_m(on_windows(of_model[of_model["regime"] == "stateful"], study))


def on_windows(runs: pd.DataFrame, study: Mapping[str, Any]) -> pd.DataFrame:
    """Those on the study's windows, of its budget."""
    for name in WINDOWS:
        runs = runs[runs[name] == study[name]]
    return runs


def bptt(of_model: pd.DataFrame, budget: str) -> pd.DataFrame:
    """The runs on the whole record at their usual m: of the same budget in steps, or of the most epochs, since an
    epoch is one step."""
    runs = of_model[of_model["regime"] == "bptt"]
    same = runs["epochs"] == runs["epochs"].max() if budget.endswith("epochs") else runs["budget"] == budget
    return _usual_m(runs[same])


def _usual_m(runs: pd.DataFrame) -> pd.DataFrame:
    """The least; of forecasts, which usually are trained at the last step of a window, the largest."""
    m = runs["burn_in"]
    return runs[m == (m.max() if runs["horizon"].notna().any() else m.min())]
