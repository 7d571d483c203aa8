"""The course of the training loss for chosen m, one panel a study."""

from __future__ import annotations

from dataclasses import replace
from math import inf

import pandas as pd

from . import groups
from .traces import BLUE, DASHED, DOTTED, GREEN, PURPLE, VERMILLION, Grid, Line, Look, Page, Panel, paged

NAME = "loss"
NOTE = (
    "Mean training loss of each block of steps, over the scored steps m+1 to N of a batch, so that losses of different "
    "m cover different steps; more than one seed: median, band from least to largest. Where runs diverged a line ends."
)
STEP, ITERATION = "optimiser step", "iteration"
OF_LM = "Over iterations of lm: the loss over the scored steps of all windows, after each iteration."
"""What the note of a page says where it shows some."""
GRID = Grid(columns=4, height=1.75)

LOOKS = {
    "m* (paper)": Look(VERMILLION, width=1.9),
    "m = 0": Look(BLUE, width=0.9),
    "m* (val)": Look(GREEN, DASHED),
    "largest m": Look(PURPLE, DOTTED, width=1.3),
}
"""In the order of drawing: where two of these m are one, the later line leaves the earlier to be seen."""


def pages(runs: pd.DataFrame) -> list[Page]:
    """A panel for every study in the frame."""
    studies = list(groups.studies(runs))
    keys = [key for key, _, _ in studies]
    blocks: dict[tuple[object, ...], list[Panel]] = {}
    for key, part, _ in studies:
        blocks.setdefault(groups.block(key), []).append(_panel(groups.title(key, keys), part))
    return [_noted(page) for page in paged(list(blocks.values()), GRID)]


def _noted(page: Page) -> Page:
    return replace(page, note=OF_LM) if any(panel.x_label == ITERATION for panel in page.panels) else page


def _panel(title: str, part: pd.DataFrame) -> Panel:
    chosen = groups.chosen_m(part)
    once = part.drop_duplicates("run_id")
    by_m = {m: once[once["burn_in"] == m] for m in once["burn_in"].tolist()}
    m_of = {f"m* ({rule})": m for rule, m in chosen.items()} | {"m = 0": 0, "largest m": max(by_m)}
    return Panel(
        title=f"{title}\n{groups.told_m(chosen)}",
        x_label=ITERATION if (part["optimiser"] == "lm").any() else STEP,
        y_label="training loss [-]",
        lines=tuple(
            _curve(_label(name, m_of[name], int(part["seq_len"].iloc[0])), by_m[m_of[name]], look)
            for name, look in LOOKS.items()
            if name in m_of
        ),
        log_y=True,
        runs=groups.run_ids(*(by_m[m] for m in m_of.values())),
    )


def _label(name: str, m: int, n: int) -> str:
    """The largest m by its value, which is N-1 where the grid goes to the end."""
    if name != "largest m":
        return name
    return "m = N-1" if m == n - 1 else f"m = {m} (largest)"


def _curve(label: str, runs: pd.DataFrame, look: Look) -> Line:
    """The median over seeds, as far as all of them were trained, beyond its end a run that diverged is infinite; each
    block stands at its last step."""
    ended = groups.usable(runs) if (runs["status"] == "ok").any() else runs
    length = min(len(curve) for curve in ended["curve"])
    blocks = pd.DataFrame([[*curve, *[inf] * length][:length] for curve in runs["curve"]], dtype=float).fillna(inf)
    every, steps = int(runs["curve_every"].iloc[0]), int(ended["steps_done"].min())
    banded = len(blocks) > 1
    return Line(
        label=label,
        x=tuple(float(min(every * (block + 1), steps)) for block in range(length)),
        y=tuple(blocks.median().tolist()),
        look=look,
        low=tuple(blocks.min().tolist()) if banded else (),
        high=tuple(blocks.max().tolist()) if banded else (),
    )
