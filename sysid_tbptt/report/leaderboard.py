"""Test errors in physical units of everything that was run, least first within each test set of each protocol."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ..runs.store import Store
from .frame import frame

TEST = ["dataset", "split", "revision", "test_set", "channel", "unit"]
ENTRY = [
    "suite",
    "regime",
    "model",
    "hidden_size",
    "seq_len",
    "burn_in",
    "batch_size",
    "setting",
    "budget",
    "parameters",
]
FIRST = ["dataset", "split", "test_set", "model", "hidden_size", "seq_len", "burn_in", "rmse", "unit"]


def leaderboard(results: str | Path) -> pd.DataFrame:
    """One row a test set, output channel and setting: median, least and largest test RMSE over the seeds.

    The RMSE is that of the free-run simulation after the benchmark's init window, in the unit of the column ``unit``;
    ``seeds`` counts the runs behind a row. Rows of one test set are sorted by the median, and test sets of different
    splits or data revisions are never mixed. All settings are listed, so that the first row is the least test error
    and no choice: a setting is chosen on validation data, see `sysid_tbptt.report.selection`.

    Raises:
        StoreError: the results folder cannot be read.
    """
    runs = frame(Store(results).records())
    scored = runs[runs["status"] == "ok"].copy()
    scored["channel"] = [list(range(len(unit))) for unit in scored["unit"]]
    scored = scored.explode(["test_rmse", "unit", "channel"])
    scored["test_rmse"] = scored["test_rmse"].astype(float)
    rmse = scored.groupby([*TEST, *ENTRY])["test_rmse"]
    spread = {"rmse": rmse.median(), "rmse_min": rmse.min(), "rmse_max": rmse.max(), "seeds": rmse.count()}
    rows = pd.DataFrame(spread).reset_index().sort_values([*TEST, "rmse"], ignore_index=True)
    return rows[[*FIRST, *(name for name in rows if name not in FIRST)]]
