"""Methods in words: a model, and the optimiser that trained it unless that is Adam."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from ..config import method

_TOLD = {
    "lm": "(lm): trained by Levenberg-Marquardt; a network without it: by Adam. The two are separate methods.",
}
"""What a reader must know of the names of methods, by optimiser."""


def names(rows: pd.DataFrame) -> list[str]:
    """The method of each row, from its columns ``model`` and ``optimiser``."""
    return [method(*pair) for pair in zip(rows["model"], rows["optimiser"], strict=True)]


def told(optimisers: Iterable[str]) -> list[str]:
    """Sentences that explain the names; none where every name is a model's."""
    there = set(optimisers)
    return [text for optimiser, text in _TOLD.items() if optimiser in there]
