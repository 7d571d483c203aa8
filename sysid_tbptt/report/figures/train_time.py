"""Training time a run by N and regime, relative to full BPTT."""

from __future__ import annotations

from collections import Counter

import pandas as pd

from ..studies import MACHINE
from . import groups
from .groups import Key
from .machines import FULL, kinds, machines
from .traces import BLUE, COLUMN_WIDTH, GREY, ORANGE, PAGE_WIDTH, Bar, Look, Page, Panel

NAME = "time"
NOTE = (
    "Processor seconds of training a run, evaluation left out: median over m and seeds, whisker from least to most; "
    "n: how many runs."
)
LOOKS = {"stateless": Look(BLUE), "stateful": Look(ORANGE), "bptt": Look(GREY)}

_BAR_INCHES, _FRAME_INCHES, _PAGE_INCHES = 0.18, 0.65, 8.0


def pages(runs: pd.DataFrame) -> list[Page]:
    """A panel for every model and machine: times on different machines or engines are never set beside each other.

    A model, with its budget, that has one bar alone has no panel.
    """
    found = [(key, list(kinds(key, part))) for key, part in machines(groups.usable(runs))]
    bars = Counter(_trained(key) for key, rows in found for _ in rows)
    found = [(key, rows) for key, rows in found if bars[_trained(key)] > 1]
    names = groups.varying([key for key, _ in found])
    return _paged([_panel(groups.told(key, names), rows) for key, rows in found])


def _trained(key: Key) -> tuple[object, ...]:
    """Model and budget."""
    return tuple(value for name, value in key.items() if name not in MACHINE)


def _panel(title: str, rows: list[tuple[str, pd.DataFrame]]) -> Panel:
    reference, name = _reference(rows)
    return Panel(
        title=title,
        x_label=f"training time relative to {name} [-]",
        y_label="",
        bars=tuple(_bar(name, runs["train_cpu_s"], reference, LOOKS[runs["regime"].iloc[0]]) for name, runs in rows),
        runs=groups.run_ids(*(runs for _, runs in rows)),
    )


def _reference(rows: list[tuple[str, pd.DataFrame]]) -> tuple[float, str]:
    """Median seconds of full BPTT, or else of the least m at the smallest N; and its name."""
    name, runs = rows[-1]
    if name != FULL:
        name, runs = rows[0]
        least = int(runs["burn_in"].min())
        name, runs = f"{name}, m = {least}", runs[runs["burn_in"] == least]
    return float(runs["train_cpu_s"].median()), name


def _bar(name: str, seconds: pd.Series[float], reference: float, look: Look) -> Bar:
    median, low, high = (float(value) for value in (seconds.median(), seconds.min(), seconds.max()))
    text = f"{_rounded(median)} s, n = {len(seconds)}"
    return Bar(name, median / reference, low / reference, high / reference, text, look)


def _rounded(seconds: float) -> str:
    """Three significant digits, and no exponent."""
    return f"{seconds:.0f}" if seconds >= 100 else f"{seconds:.3g}"


def _paged(panels: list[Panel]) -> list[Page]:
    """Panels two by two, each row as high as its longer panel."""
    pages: list[Page] = []
    for start in range(0, len(panels), 2):
        row = tuple(panels[start : start + 2])
        height = _FRAME_INCHES + _BAR_INCHES * max(len(panel.bars) for panel in row)
        if pages and sum(pages[-1].heights) + height <= _PAGE_INCHES:
            pages[-1] = Page((*pages[-1].rows, row), (*pages[-1].heights, height), pages[-1].width)
        else:
            pages.append(Page((row,), (height,), PAGE_WIDTH if len(panels) > 1 else COLUMN_WIDTH))
    return pages
