"""Cells of a table: numbers as people read them, and as they are sorted."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from typing import Any, NamedTuple

import pandas as pd

MISSING = "–"

LAST = 1e300
"""What is sorted after every number; DataTables takes no infinity."""


class Cell(NamedTuple):
    """What is shown, and the number to sort by; what is missing comes last."""

    shown: str
    order: float

    @property
    def missing(self) -> bool:
        return self.shown == MISSING


def cell(value: Any, shown: Callable[[float], str]) -> Cell:
    return Cell(MISSING, LAST) if pd.isna(value) else Cell(shown(value), min(value, LAST))


def count(value: Any) -> Cell:
    return cell(value, lambda number: f"{number:.0f}")


def significant(value: float) -> str:
    """Three significant digits, without an exponent where one can do without."""
    if not isfinite(value):
        return "diverged"
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:#.3g}".rstrip(".")


def percent(value: float) -> str:
    if not isfinite(value):
        return "diverged"
    return f"{100 * value:+.1f} %".replace("-", "−") if value else "0 %"


def probability(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def seconds(value: float) -> str:
    if value < 0.1:
        return "< 0.1 s"
    return f"{value:.0f} s" if value >= 100 else f"{value:.2g} s"
