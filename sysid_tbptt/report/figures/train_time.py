"""Training time a run by N and regime, relative to full BPTT."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from ..regimes import WINDOWS, bptt
from ..studies import MACHINE
from . import groups
from .groups import Key
from .traces import BLUE, COLUMN_WIDTH, GREY, ORANGE, PAGE_WIDTH, Bar, Look, Page, Panel

NAME = "time"
NOTE = "Processor seconds of training a run, evaluation left out: median over m and seeds, whisker from least to most."
LOOKS = {"stateless": Look(BLUE), "stateful": Look(ORANGE), "bptt": Look(GREY)}

_BAR_INCHES, _FRAME_INCHES, _PAGE_INCHES = 0.18, 0.65, 8.0


def pages(runs: pd.DataFrame) -> list[Page]:
    """A panel for every model and machine: times on different machines or engines are never set beside each other."""
    once = groups.usable(runs).drop_duplicates("run_id")
    once = once[once["regime"].isin(LOOKS)]
    once = once.assign(budgets=once["budget"].mask(once["budget"].str.endswith("epochs"), "epochs"))
    parts = [(key, part) for key, part in groups.grouped(once, [*groups.MODEL, *MACHINE, "budgets"])]
    parts = [(key, part) for key, part in parts if len(list(_rows(key, part))) > 1]
    keys = [key for key, _ in parts]
    names = groups.varying(keys)
    return _paged([_panel(groups.told(key, names), list(_rows(key, part))) for key, part in parts])


def _rows(key: Key, part: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """The runs of each bar and its name: by N the stateless and the stateful ones, then full BPTT."""
    truncated = part[part["regime"] != "bptt"]
    windows = list(groups.grouped(truncated, [*WINDOWS, "regime"]))
    names = [name for name in groups.varying([window for window, _ in windows]) if name in WINDOWS[1:]]
    for window, runs in sorted(windows, key=lambda found: (found[0]["seq_len"], found[0]["regime"] == "stateful")):
        regime = "stateful" if window["regime"] == "stateful" else ""
        yield ", ".join(filter(None, [f"N = {window['seq_len']}", regime, groups.told(window, names)])), runs
    full = bptt(part, key["budgets"])
    if len(full):
        yield "full BPTT", full


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
    if name != "full BPTT":
        name, runs = rows[0]
        least = int(runs["burn_in"].min())
        name, runs = f"{name}, m = {least}", runs[runs["burn_in"] == least]
    return float(runs["train_cpu_s"].median()), name


def _bar(name: str, seconds: pd.Series[float], reference: float, look: Look) -> Bar:
    median, low, high = (float(value) for value in (seconds.median(), seconds.min(), seconds.max()))
    return Bar(name, median / reference, low / reference, high / reference, f"{_rounded(median)} s", look)


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
