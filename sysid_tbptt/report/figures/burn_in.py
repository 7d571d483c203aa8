"""Error over m, one panel a study: the paper's figure."""

from __future__ import annotations

from math import isfinite

import pandas as pd

from ..frame import MEASURE
from ..regimes import bptt, stateful
from ..selection import RULES_TOLD
from . import groups
from .groups import Key
from .traces import (
    BLUE,
    DASHED,
    DOTTED,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SOLID,
    VERMILLION,
    Grid,
    Level,
    Line,
    Look,
    Mark,
    Page,
    Panel,
    paged,
)

NAME = "burn-in"
NOTE = f"{MEASURE}. More than one seed: median, band from least to largest. A gap: runs diverged. {RULES_TOLD}."
GRID = Grid(columns=4, height=1.75)

TRAIN = Look(BLUE, marker="o")
TESTS = [Look(VERMILLION, marker="s"), Look(GREEN, marker="D"), Look(PURPLE, marker="^"), Look(ORANGE, marker="v")]
REGIMES = {"stateful": DASHED, "BPTT": DOTTED}
RULES = {"paper": Look(GREY, SOLID, "v"), "val": Look(GREY, DASHED, "^", filled=False)}


def pages(runs: pd.DataFrame) -> list[Page]:
    """A panel for every study in the frame."""
    studies = list(groups.studies(runs))
    keys = [key for key, _, _ in studies]
    blocks: dict[tuple[object, ...], list[Panel]] = {}
    for key, part, of_model in studies:
        blocks.setdefault(groups.block(key), []).append(panel(key, groups.title(key, keys), part, of_model))
    return paged(list(blocks.values()), GRID)


def panel(key: Key, title: str, part: pd.DataFrame, of_model: pd.DataFrame) -> Panel:
    """One study; ``of_model`` are all runs of its model, from which its levels come."""
    beside = {"stateful": stateful(of_model, key), "BPTT": bptt(of_model, key["budget"])}
    chosen = groups.chosen_m(part)
    bent = bend(sorted({int(m) for m in part["burn_in"]}))
    return Panel(
        title=f"{title}\n{groups.told_m(chosen)}",
        x_label="burn-in m [steps]" if bent is None else f"m [steps], log. beyond {bent:.0f}",
        y_label="MSE [-]",
        lines=tuple(_curve(measure, rows, look) for measure, rows, look in _parts(part)),
        levels=tuple(level for regime, rows in beside.items() for level in _levels(regime, rows) if len(rows)),
        marks=tuple(Mark(f"m* ({rule})", float(m), RULES[rule], at_top=rule == "paper") for rule, m in chosen.items()),
        log_y=True,
        bend=bent,
        runs=groups.run_ids(part, *beside.values()),
    )


def _parts(runs: pd.DataFrame) -> list[tuple[str, pd.DataFrame, Look]]:
    """The training error once a run, and the test error by test set; the name of the part, its rows, its look."""
    once = runs.drop_duplicates("run_id").rename(columns={"train_mse": "mse"})
    parts = [("train", once[["run_id", "burn_in", "mse"]], TRAIN)]
    names = sorted(set(runs["test_set"]))
    for number, name in enumerate(names):
        rows = runs[runs["test_set"] == name].rename(columns={"test_mse": "mse"})
        label = name if name.startswith("test") else f"test {name}"
        parts.append((label, rows[["run_id", "burn_in", "mse"]], TESTS[number % len(TESTS)]))
    return parts


def _curve(label: str, rows: pd.DataFrame, look: Look) -> Line:
    by_m = rows.groupby("burn_in")["mse"]
    banded = by_m.count().max() > 1
    return Line(
        label=label,
        x=tuple(float(m) for m in by_m.median().index),
        y=tuple(by_m.median().tolist()),
        look=look,
        low=tuple(by_m.min().tolist()) if banded else (),
        high=tuple(by_m.max().tolist()) if banded else (),
    )


def _levels(regime: str, rows: pd.DataFrame) -> list[Level]:
    """None of a part of which the runs diverged."""
    parts = [(label, float(part["mse"].median()), look) for label, part, look in _parts(rows)]
    return [Level(label, regime, y, Look(look.colour, REGIMES[regime])) for label, y, look in parts if isfinite(y)]


def bend(grid: list[int]) -> float | None:
    """Where the axis of m ceases to be linear: at the middle of a grid that gets much coarser, one digit long."""
    middle = float(pd.Series(grid).median())
    if 4 * middle >= grid[-1] or middle < 1:
        return None
    digits = len(str(int(middle))) - 1
    return float(round(middle, -digits))
