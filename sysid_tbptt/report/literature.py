"""Published errors on the official test records, as cited facts: shown apart from ours, and never ranked."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import pandas as pd

SPLITS = ("official", "champneys")
"""Our splits that have the official test records."""
CONFIDENCE = {
    "verified": "recomputed from the predictions that the authors stored",
    "transcribed": "copied from the source",
    "disputed": "contradicted by another source, or of doubtful unit or protocol",
}
COLUMNS = ["dataset", "test_set", "unit", "method", "rmse", "confidence", "source", "note", "citation", "protocol"]


def literature(dataset: str | None = None, test_set: str | None = None) -> pd.DataFrame:
    """One row a published value, in the order of the sources: of one data set and test set, or of all.

    ``rmse`` is in ``unit``; ``source`` is the key of ``citation``, ``confidence`` one of `CONFIDENCE`. The protocols
    differ from ours and from each other, see ``protocol``.
    """
    table = _table()
    for name, wanted in (("dataset", dataset), ("test_set", test_set)):
        table = table if wanted is None else table[table[name] == wanted]
    return table.reset_index(drop=True)


@cache
def _table() -> pd.DataFrame:
    return _read("official").merge(_read("official_sources"), left_on="source", right_on="key", validate="m:1")[COLUMNS]


def _read(name: str) -> pd.DataFrame:
    with files(__package__).joinpath(f"literature/{name}.csv").open(encoding="utf-8") as file:
        return pd.read_csv(file, comment="#", keep_default_na=False)
