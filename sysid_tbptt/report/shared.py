"""What the rows of a table share is told above it; what varies is a column."""

from __future__ import annotations

import pandas as pd

from .formats import MISSING

VARYING = {
    "split": "split",
    "revision": "data revision",
    "data": "data files",
    "test_set": "test set",
    "model": "model",
    "hidden_size": "H",
    "setting": "setting",
    "batch_size": "B",
}
"""Columns shown where they vary, and their headings."""

VARYING_WORDS = ("split", "data revision", "data files", "test set", "model", "setting")
"""Those that are words."""

STUDY_WORDS = (*VARYING_WORDS, "budget", "rule")
"""The same, of a study's table."""


def varying(table: pd.DataFrame) -> dict[str, pd.Series[str]]:
    """The columns that vary, of those that there are, by heading, as text."""
    return {heading: table[name].astype(str) for name, heading in _there(table) if table[name].nunique() > 1}


def windows(table: pd.DataFrame) -> dict[str, pd.Series[str]]:
    """N, and the columns that vary: what a row is of."""
    return {"N": table["seq_len"].astype(str), **varying(table)}


def choice(table: pd.DataFrame) -> dict[str, pd.Series[str]]:
    """The rule, and the m* that it chose."""
    return {"rule": table["rule"], "m*": table["m_star"].astype(str)}


def tried(table: pd.DataFrame) -> dict[str, list[str]]:
    """How many values of m the choice was from."""
    return {"of m": [MISSING if pd.isna(count) else f"{count:.0f}" for count in table["m_tried"]]}


def shared(table: pd.DataFrame) -> str:
    """What all rows have in common, and no column shows."""
    alike = {heading: table[name].iloc[0] for name, heading in _there(table) if table[name].nunique() == 1}
    return ", ".join(f"{heading} {value}" for heading, value in alike.items() if value != "")


def _there(table: pd.DataFrame) -> list[tuple[str, str]]:
    return [(name, heading) for name, heading in VARYING.items() if name in table]
