"""Printing the leaderboard with the rows of some records marked."""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite
from typing import Any

from ..config import method
from .printing import print_table

HEADINGS = (
    "",
    "rank",
    "model",
    "H",
    "N",
    "m",
    "RMSE",
    "95 % interval",
    "seeds",
    "at m=0",
    "effect",
    "p, m=0",
    "p, first",
    "",
)
LEGEND = (
    "> new. RMSE: median over the seeds, with its bootstrap interval. effect: of the burn-in phase, against the same "
    "setting at m=0. p: paired Wilcoxon tests, Holm-corrected, against m=0 and against the first row; - where there "
    "are too few seeds."
)


Row = dict[Any, Any]
"""A row of the leaderboard by column."""


def show(results: str, records: Iterable[Any]) -> None:
    """Prints the leaderboards of the results folder in which the records stand, their rows marked.

    Forecasts stand in none, and their suites are named.
    """
    from ..report.leaderboard import TEST, leaderboard

    records = list(records)
    for suite in dict.fromkeys(record.config.suite for record in records if record.config.horizon):
        print(f"Suite '{suite}': forecasts have no leaderboard; `sysid-tbptt report` writes their tables.")
    records = [record for record in records if not record.config.horizon]
    if not records:
        return
    new = {record.run_id for record in records}
    for suite in dict.fromkeys(record.config.suite for record in records):
        for _, rows in leaderboard(results, suite=suite).groupby(TEST, sort=False, dropna=False):
            told: list[Row] = rows.to_dict("records")
            if any(_is_new(row, new) for row in told):
                _show_table(told, new)
                if all(_is_new(row, new) for row in told):
                    print(f"No other record of suite '{suite}' is in {results}: `sysid-tbptt run` makes them.\n")
    print(LEGEND)


def _is_new(row: Row, new: set[str]) -> bool:
    return not new.isdisjoint(row["run_ids"])


def _show_table(rows: list[Row], new: set[str]) -> None:
    first = rows[0]
    channel = f", channel {first['channel']}" if first["channel"] else ""
    print(f"{first['dataset']}, {first['split']} split, test set {first['test_set']}{channel}: RMSE in {first['unit']}")
    print_table(HEADINGS, [_cells(row, _is_new(row, new)) for row in rows])
    print()


def _cells(row: Row, new: bool) -> tuple[str, ...]:
    windows = ("-",) * 3 if row["regime"] == "external" else (row["hidden_size"], row["seq_len"], row["burn_in"])
    interval = f"[{_number(row['rmse_low'])}, {_number(row['rmse_high'])}]" if isfinite(row["rmse_low"]) else "-"
    burn_in = ("-",) * 3
    if row["burn_in"]:
        effect = f"{100 * row['effect']:+.1f} %" if isfinite(row["effect"]) else "-"
        burn_in = (_number(row["rmse_m0"]), effect, _number(row["p_m0_holm"], 2))
    notes = ["worse than mean"] if row["worse_than_mean"] else []
    notes += [f"{row['not_ok']} diverged or failed"] if row["not_ok"] else []
    return (
        ">" if new else "",
        str(row["rank"]),
        method(row["model"], row["optimiser"]),
        *map(str, windows),
        _number(row["rmse"]),
        interval,
        str(row["seeds"]),
        *burn_in,
        _number(row["p_first_holm"], 2),
        ", ".join(notes),
    )


def _number(value: float, digits: int = 4) -> str:
    return f"{value:.{digits}g}" if value == value else "-"
