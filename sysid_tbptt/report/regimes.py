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
    """The rows at those m that were run with all the seeds of the study; ``study`` names what its runs share."""
    seeds = [runs.groupby(names)["seed"].transform("nunique") for names in ([*study, "burn_in"], study)]
    return runs[seeds[0] == seeds[1]]


def stateful(of_model: pd.DataFrame, study: Mapping[str, Any]) -> pd.DataFrame:
    """The runs with carried state on the same windows, at their least m."""
    runs = of_model[of_model["regime"] == "stateful"]
    for name in WINDOWS:
        runs = runs[runs[name] == study[name]]
    return _least_m(runs)


def bptt(of_model: pd.DataFrame, budget: str) -> pd.DataFrame:
    """The runs on the whole record at their least m: of the same budget in steps, or of the most epochs, since an
    epoch is one step."""
    runs = of_model[of_model["regime"] == "bptt"]
    same = runs["epochs"] == runs["epochs"].max() if budget.endswith("epochs") else runs["budget"] == budget
    return _least_m(runs[same])


def _least_m(runs: pd.DataFrame) -> pd.DataFrame:
    return runs[runs["burn_in"] == runs["burn_in"].min()]
