"""Burn-in at the optimum of the loss: training error and test error over m, and the rate at which networks forget."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite, sqrt
from typing import Any

import pandas as pd

from ...runs.record import RunRecord
from ...runs.stability import StabilityRecord
from ..optimum import NETWORK, network, optimum
from .groups import burn_ins, run_ids_behind
from .traces import (
    BLACK,
    BLUE,
    DASHED,
    DOTTED,
    GREEN,
    ORANGE,
    PAGE_WIDTH,
    SOLID,
    VERMILLION,
    Level,
    Line,
    Look,
    Page,
    Panel,
)

NAME = "optimum"
NOTE = (
    "Windows of N = m + the same number of scored steps; medians over the seeds. Left: root of the training loss at "
    "the end, in standard deviations of the output. Right: free-run simulation of the test set in the title, after its "
    "init window. Horizontal: the same network trained by lm on one window over the whole record. Black: λ^m through "
    "the first point, with λ the rate at which the network trained at the largest m forgets its state."
)
LOOKS = {
    ("gru", "lm"): Look(BLUE, SOLID, "o"),
    ("gru", "adam"): Look(BLUE, DASHED, "o", filled=False),
    ("lstm", "lm"): Look(VERMILLION, SOLID, "s"),
    ("lstm", "adam"): Look(VERMILLION, DASHED, "s", filled=False),
    ("rnn", "lm"): Look(GREEN, SOLID, "^"),
    ("rnn", "adam"): Look(GREEN, DASHED, "^", filled=False),
}
OTHER = Look(ORANGE, SOLID, "D")
_HEIGHT = 2.6


def pages(records: Sequence[RunRecord], estimates: Sequence[StabilityRecord]) -> list[Page]:
    """The page of the study of one suite and data set; an empty list if the records hold no such study."""
    rows = optimum(records)
    if rows.empty:
        return []
    shown = rows[rows["test_set"] == rows["test_set"].iloc[-1]]
    return [Page(((_training(shown, estimates), _test(shown)),), (_HEIGHT,), PAGE_WIDTH)]


def _training(rows: pd.DataFrame, estimates: Sequence[StabilityRecord]) -> Panel:
    networks = _networks(rows)
    return Panel(
        title=_title(rows),
        x_label="burn-in m [steps]",
        y_label="training error [-]",
        lines=(*(_line(part, "rms") for part in networks), *_forgetting(rows, estimates)),
        levels=tuple(_levels(networks, lambda row: sqrt(row["loss_full"]))),
        log_y=True,
        runs=run_ids_behind(rows),
    )


def _test(rows: pd.DataFrame) -> Panel:
    networks = _networks(rows)
    return Panel(
        title=f"test: {rows['test_set'].iloc[0]}",
        x_label="burn-in m [steps]",
        y_label=f"test RMSE [{rows['unit'].iloc[0]}]",
        lines=tuple(_line(part, "test_rmse") for part in networks),
        levels=tuple(_levels(networks, lambda row: row["test_full"])),
        log_y=True,
        runs=run_ids_behind(rows),
    )


def _networks(rows: pd.DataFrame) -> list[pd.DataFrame]:
    """The rows of each network and optimiser."""
    return [part for _, part in rows.groupby(NETWORK, sort=False)]


def _line(rows: pd.DataFrame, column: str) -> Line:
    first = rows.iloc[0]
    return Line(network(first), burn_ins(rows), tuple(rows[column]), _look(first))


def _levels(networks: Sequence[pd.DataFrame], value: Callable[[pd.Series[Any]], float]) -> list[Level]:
    """Of the runs on one window, those that there are."""
    firsts = [part.iloc[0] for part in networks]
    known = [row for row in firsts if isfinite(row["loss_full"])]
    return [
        Level(network(row), "one window over the whole record", value(row), Look(_look(row).colour, DOTTED))
        for row in known
    ]


def _forgetting(rows: pd.DataFrame, estimates: Sequence[StabilityRecord]) -> list[Line]:
    """λ^m through the error at m = 0, as far as the errors reach, for each network whose rate is known."""
    lines: list[Line] = []
    for part in _networks(rows):
        ours = run_ids_behind(part)
        known = [one for one in estimates if one.run_id in ours]
        if known:
            last = max(known, key=lambda one: one.config.burn_in)
            start, least = float(part["rms"].iloc[0]), float(rows["rms"].min())
            m = tuple(m for m in burn_ins(part) if start * last.factor**m >= least)
            label = f"λ^m, {part['model'].iloc[0]}: λ = {last.factor:.4f}"
            look = Look(BLACK, DASHED if lines else DOTTED, width=0.8)
            lines.append(Line(label, m, tuple(start * last.factor**k for k in m), look))
    return lines


def _look(row: pd.Series[Any]) -> Look:
    return LOOKS.get((row["model"], row["optimiser"]), OTHER)


def _title(rows: pd.DataFrame) -> str:
    first = rows.iloc[0]
    return f"{first['dataset']}, {first['split']}: N - m = {first['scored']}"
