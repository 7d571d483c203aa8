"""Published errors of the data sets on the page, apart from ours and in the order of their sources."""

from __future__ import annotations

import pandas as pd

from .. import literature as published
from .cells import cell, significant
from .runs import Json


def literature(board: pd.DataFrame) -> Json:
    """The rows for the data sets that the leaderboard has under a split with the official test records, and the names
    to filter them by."""
    ours = set(board.loc[board["split"].isin(published.SPLITS), "dataset"])
    found = [row for row in published.literature().to_dict("records") if row["dataset"] in ours]
    return {
        "rows": [_row({str(name): value for name, value in row.items()}) for row in found],
        "datasets": sorted({str(row["dataset"]) for row in found}),
        "confidences": published.CONFIDENCE,
    }


def _row(row: Json) -> Json:
    return row | {
        "test": "" if row["test_set"] == "test" else row["test_set"],
        "rmse": cell(row["rmse"], significant),
    }
