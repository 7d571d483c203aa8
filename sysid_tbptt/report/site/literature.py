"""Published errors of the data sets on the page, apart from ours."""

from __future__ import annotations

import pandas as pd

from .. import literature as published
from .cells import cell, significant
from .runs import Json


def literature(board: pd.DataFrame) -> Json:
    """The rows for the data sets that the leaderboard has under a split with the official test records, by test and in
    the order of their sources; the sources, each once; and the names to filter by."""
    ours = set(board.loc[board["split"].isin(published.SPLITS), "dataset"])
    table = published.literature()
    table = table[table["dataset"].isin(ours)].sort_values(["dataset", "test_set"], kind="stable")
    rows = [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]
    return {
        "rows": [_row(row) for row in rows],
        "sources": {row["source"]: {name: row[name] for name in ("citation", "protocol")} for row in rows},
        "datasets": sorted(set(table["dataset"])),
        "confidences": published.CONFIDENCE,
    }


def _row(row: Json) -> Json:
    return row | {
        "test": "" if row["test_set"] == "test" else row["test_set"],
        "rmse": cell(row["rmse"], significant),
        "protocol": row["protocol"].partition(":")[0],
    }
