"""Test error over N and m together, one panel a model and test set."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pandas as pd

from ..frame import MEASURE
from ..selection import RULES_TOLD
from . import groups
from .groups import Key
from .traces import BLACK, NO_LINE, Grid, Line, Look, Page, Panel, Strip, paged

NAME = "heat-map"
NOTE = (
    "Test error relative to the least in the panel; more than one seed: medians. Each cell goes halfway to the next m "
    f"that was run; what was not run, or diverged, is empty. {MEASURE}. {RULES_TOLD}."
)
RULES = {"paper": Look(BLACK, NO_LINE, "v", size=3.6), "val": Look(BLACK, NO_LINE, "^", filled=False, size=3.6)}
_ASIDE = {"paper": 0.24, "val": -0.24}
"""How far from the middle of its row a rule is marked, so that two marks at one m are seen."""

_ROW_INCHES, _FRAME_INCHES = 0.26, 0.75

_Rows = list[tuple[int, pd.DataFrame]]
"""The stateless runs of one test set by N."""


def pages(runs: pd.DataFrame) -> list[Page]:
    """A panel for every model and test set with two N or more."""
    blocks: dict[tuple[object, ...], list[tuple[Key, pd.DataFrame]]] = {}
    for key, part, _ in groups.studies(runs):
        for test, rows in groups.grouped(part, ["test_set"]):
            blocks.setdefault((*groups.block(key), test["test_set"]), []).append((key | test, rows))
    found = [block for block in blocks.values() if len(block) > 1]
    keys = [block[0][0] for block in found]
    panels = [_panel(_title(block[0][0], keys), [(key["seq_len"], rows) for key, rows in block]) for block in found]
    most = max((len(panel.strips) for panel in panels), default=0)
    grid = Grid(columns=2, height=_FRAME_INCHES + _ROW_INCHES * most, share_y=False)
    return paged([[panel] for panel in panels], grid)


def _title(key: Key, keys: Sequence[Key]) -> str:
    names = [name for name in groups.varying(keys) if name != "seq_len"]
    return groups.told(key, names)


def _panel(title: str, rows: _Rows) -> Panel:
    least = min(float(part.groupby("burn_in")["test_mse"].median().min()) for _, part in rows)
    chosen = [groups.chosen_m(part) for _, part in rows]
    return Panel(
        title=title,
        x_label="burn-in m / N [-]",
        y_label="N [steps]",
        strips=tuple(_strip(n, part, least) for n, part in rows),
        colours="test MSE / least [-]",
        lines=tuple(
            Line(
                f"m* ({rule})",
                tuple(m[rule] / n for m, (n, _) in zip(chosen, rows, strict=True)),
                tuple(row + _ASIDE[rule] for row in range(len(rows))),
                look,
            )
            for rule, look in RULES.items()
            if all(chosen)
        ),
        runs=groups.run_ids(*(part for _, part in rows)),
    )


def _strip(n: int, part: pd.DataFrame, least: float) -> Strip:
    by_m = part.groupby("burn_in")["test_mse"].median()
    return Strip(str(n), tuple(edge / n for edge in edges([int(m) for m in by_m.index], n)), tuple(by_m / least))


def edges(grid: Sequence[int], n: int) -> list[float]:
    """Where the cells of m end: halfway between two of them, at 0, and as far beyond the last as before it."""
    middles = [(one + other) / 2 for one, other in pairwise(grid)]
    return [0.0, *middles, min(float(n), 2 * grid[-1] - middles[-1])]
