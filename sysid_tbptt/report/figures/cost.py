"""Training time against test error, and the front of the runs that nothing beats in both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from math import isfinite

import pandas as pd

from ..frame import MEASURE
from ..regimes import WINDOWS, comparable, finished
from ..selection import RULES_TOLD
from ..studies import MACHINE
from . import groups
from .machines import kinds, machines
from .traces import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    NO_LINE,
    ORANGE,
    PURPLE,
    SKY,
    VERMILLION,
    Grid,
    Line,
    Look,
    Page,
    Panel,
    paged,
)

NAME = "cost"
NOTE = (
    "One engine and device a panel. Processor seconds of training, evaluation left out, and test error: medians over "
    "the seeds, a point an N and m of which all seeds were run there; what diverged has none. m* is of the whole "
    "study. Front: nothing has less error for less time; it is known in hindsight and decides nothing. "
    f"{MEASURE}. {RULES_TOLD}."
)
GRID = Grid(columns=2, height=2.5, share_y=False)
SHAPES = [
    (BLUE, NO_LINE, "o"),
    (SKY, NO_LINE, "s"),
    (GREEN, NO_LINE, "D"),
    (PURPLE, NO_LINE, "^"),
    (BLUE, NO_LINE, "v"),
    (GREEN, NO_LINE, ">"),
]
"""Colours and markers by N, from the shortest, again from the first where there are more."""

STATEFUL, BPTT = Look(ORANGE, NO_LINE, "P", size=4.0), Look(BLACK, NO_LINE, "X", size=4.5)
FRONT = Look(GREY, width=0.8)
RINGS = {
    "m* (val)": Look(VERMILLION, NO_LINE, "D", filled=False, size=7.0),
    "m* (paper)": Look(VERMILLION, NO_LINE, "s", filled=False, size=6.0),
    "m = 0": Look(BLACK, NO_LINE, "o", filled=False, size=4.5),
}
"""Drawn about the points that they name, the largest first, so that all are seen where they are about one point."""

Point = tuple[float, float]
Kinds = Sequence[tuple[str, pd.DataFrame]]
Ringed = Mapping[str, set[str]]
"""The ids of the runs that each ring is about."""


def pages(runs: pd.DataFrame) -> list[Page]:
    """A panel for every model, machine and test set with two points or more."""
    ringed = _ringed(runs)
    parts = [
        (key | test, part)
        for test, rows in groups.grouped(_whole(finished(runs)), ["test_set"])
        for key, part in machines(rows)
    ]
    parts = [(key, part) for key, part in parts if len(_points(part)) > 1]
    names = groups.varying([key for key, _ in parts])
    found = [(groups.told(key, names), list(kinds(key, part))) for key, part in parts]
    looks = _looks([kind for _, of_panel in found for kind in of_panel])
    return paged([[_panel(title, of_panel, looks, ringed)] for title, of_panel in found], GRID)


def _panel(title: str, found: Kinds, looks: Mapping[str, Look], ringed: Ringed) -> Panel:
    points = {name: _points(runs) for name, runs in found}
    rings = {
        ring: [point for _, runs in found for point in _points(runs[runs["run_id"].isin(ringed[ring])])]
        for ring in RINGS
    }
    return Panel(
        title=title,
        x_label="training time [processor s]",
        y_label="test MSE [-]",
        lines=(
            _line("Pareto front", front([point for of in points.values() for point in of]), FRONT),
            *(_line(ring, of, RINGS[ring]) for ring, of in rings.items() if of),
            *(_line(_legend(name), of, looks[name]) for name, of in points.items() if of),
        ),
        log_x=True,
        log_y=True,
        runs=groups.run_ids(*(runs for _, runs in found)),
    )


def _whole(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs at those m of which one machine ran all seeds, stateless ones as far as they are `comparable`."""
    stateless, point = runs["regime"] == "stateless", [*groups.MODEL, *WINDOWS, "regime", "burn_in"]
    runs = pd.concat([comparable(runs[stateless], [*groups.MODEL, *WINDOWS]), runs[~stateless]])
    seeds = [runs.groupby(names)["seed"].transform("nunique") for names in ([*point, *MACHINE], point)]
    return runs[seeds[0] == seeds[1]]


def _points(runs: pd.DataFrame) -> list[Point]:
    """Seconds and error of each N and m, where it did not diverge."""
    medians = runs.groupby([*WINDOWS, "burn_in"])[["train_cpu_s", "test_mse"]].median()
    return [(float(x), float(y)) for x, y in medians.itertuples(index=False) if isfinite(y)]


def _ringed(runs: pd.DataFrame) -> Ringed:
    """The runs at m = 0 and at m* of every study."""
    ids: dict[str, set[str]] = {ring: set() for ring in RINGS}
    for _, part, _ in groups.studies(runs):
        m_of = {"m = 0": 0} | {f"m* ({rule})": m for rule, m in groups.chosen_m(part).items()}
        for ring, m in m_of.items():
            ids[ring] |= set(part["run_id"][part["burn_in"] == m])
    return ids


def _looks(found: Kinds) -> dict[str, Look]:
    """By name, the same in every panel, as the legend is."""
    found = list(dict(sorted(found, key=lambda kind: int(kind[1]["seq_len"].iloc[0]))).items())
    shapes = cycle(SHAPES)
    beside = {"stateful": STATEFUL, "bptt": BPTT}
    return {name: beside.get(runs["regime"].iloc[0]) or Look(*next(shapes)) for name, runs in found}


def _legend(name: str) -> str:
    """Stateful runs of every N look the same, and differ in what they took."""
    return "stateful" if "stateful" in name else name


def front(points: Sequence[Point]) -> list[Point]:
    """The corners of the least error that can be had for a time, from the cheapest point to the best."""
    corners: list[Point] = []
    for x, y in sorted(points):
        if not corners:
            corners.append((x, y))
        elif y < corners[-1][1]:
            corners += [(x, corners[-1][1]), (x, y)]
    return corners


def _line(label: str, points: Sequence[Point], look: Look) -> Line:
    return Line(label, tuple(x for x, _ in points), tuple(y for _, y in points), look)
