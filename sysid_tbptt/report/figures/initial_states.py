"""Truncated BPTT against the benchmark with coupled initial states: output difference, regret, performance."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from ...runs.record import RunRecord
from ..initial_states import PLACE, initial_states
from .groups import burn_ins, run_ids_behind
from .traces import (
    BLACK,
    BLUE,
    DASHED,
    DOTTED,
    GREEN,
    ORANGE,
    PAGE_WIDTH,
    PURPLE,
    SKY,
    SOLID,
    VERMILLION,
    Line,
    Look,
    Page,
    Panel,
)

DIFFERENCE, REGRET = "output-difference", "regret"
NOTES = {
    DIFFERENCE: (
        "Mean squared difference e_j, over subsequences, of the outputs of TBPTT (zero initial states) and the "
        "benchmark (coupled initial states), each from the initial states it was trained with, both solved to an "
        "optimum; filled: the first step that the loss counts. Dashed: |w_hh|^(2j) of the benchmark at the largest m."
    ),
    REGRET: (
        "Left: least training loss of TBPTT less that of the benchmark. Right: MSE of the free run of the whole record "
        "from a zero state over steps m+1 to T."
    ),
}
COLOURS = (VERMILLION, ORANGE, GREEN, SKY, BLUE, PURPLE)
MARKERS = ("s", "D", "^", "v", "o", "x", "P")
TBPTT, BENCHMARK = Look(BLUE, marker="o"), Look(VERMILLION, DASHED, "s", filled=False)
_HEIGHT = 2.2


def pages(records: Sequence[RunRecord]) -> dict[str, list[Page]]:
    """The pages of both figures by name; none where no run was solved to an optimum."""
    rows = initial_states(records)
    studies = [part for _, part in rows.groupby(PLACE)] if len(rows) else []
    return {
        DIFFERENCE: [Page(((_difference(part),),), (_HEIGHT + 0.4,), PAGE_WIDTH) for part in studies],
        REGRET: [Page(((_regret(part), *_performance(part)),), (_HEIGHT,), PAGE_WIDTH) for part in studies],
    }


def _difference(rows: pd.DataFrame) -> Panel:
    lines: list[Line] = []
    for number, row in enumerate(rows.to_dict("records")):
        colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
        e, m = tuple(row["difference"].tolist()), row["burn_in"]
        steps = tuple(float(j) for j in range(1, len(e) + 1))
        lines.append(Line(f"m = {m}", steps, e, Look(colour, SOLID, marker, filled=False)))
        lines.append(Line(f"m = {m}", steps[m : m + 1], e[m : m + 1], Look(colour, "none", marker)))
    return Panel(
        title=_title(rows),
        x_label="step j of a subsequence",
        y_label="output difference e_j [-]",
        lines=(*lines, _theory(rows)),
        log_y=True,
        runs=run_ids_behind(rows),
    )


def _theory(rows: pd.DataFrame) -> Line:
    """|w_hh|^(2j) through the first step of the largest m."""
    last = rows.iloc[-1]
    e = last["difference"]
    y = tuple(float(e[0] * last["w_hh_coupled"] ** (2 * j)) for j in range(len(e)))
    return Line("|w_hh|^(2j)", tuple(float(j) for j in range(1, len(e) + 1)), y, Look(BLACK, DASHED, width=0.8))


def _regret(rows: pd.DataFrame) -> Panel:
    line = Line("regret", burn_ins(rows), tuple(rows["regret"]), Look(BLACK, DOTTED, "D"))
    return Panel(
        "training regret",
        "burn-in m [steps]",
        "loss difference [-]",
        lines=(line,),
        log_y=True,
        runs=run_ids_behind(rows),
    )


def _performance(rows: pd.DataFrame) -> list[Panel]:
    return [
        Panel(
            f"performance, {part}",
            "burn-in m [steps]",
            "MSE [-]",
            lines=(
                Line("TBPTT", burn_ins(rows), tuple(rows[f"{part}_zero"]), TBPTT),
                Line("benchmark", burn_ins(rows), tuple(rows[f"{part}_coupled"]), BENCHMARK),
            ),
            log_y=True,
            runs=run_ids_behind(rows),
        )
        for part in ("train", "test")
    ]


def _title(rows: pd.DataFrame) -> str:
    first = rows.iloc[0]
    return f"{first['dataset']}, {first['model']}, N = {first['seq_len']}"
