"""How fast networks forget, and the paper's bound over m beside the measured errors: two panels an estimate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import inf, isfinite

import numpy as np
import pandas as pd

from ...runs.stability import BAND, StabilityRecord
from ...training.bound import best_burn_in, bound
from ..selection import RULES_TOLD
from ..sources import commits, once
from . import burn_in, groups
from .groups import Key
from .traces import (
    BLACK,
    BLUE,
    DASHED,
    DOTTED,
    GREEN,
    PAGE_WIDTH,
    PURPLE,
    VERMILLION,
    Line,
    Look,
    Mark,
    Page,
    Panel,
    Span,
)

NAME = "stability"
NOTE = (
    "Left: pairs of states of a trained network, half of them beside the zero state, driven by the same training input "
    "in float64; distance of the outputs over that of the states: median, band from "
    f"{100 * BAND[0]:.0f} to {100 * BAND[1]:.0f} %, root mean square with the line fitted to it where shaded, and "
    "C λ^t with the least C that all pairs allow. Right: MSE of the free-run simulation over m, in standardised "
    "units, of the study that the network is of, and the bound λ^m/(N − m), scaled so that its least value is the "
    f"least test error, as far as it is not above all errors. {RULES_TOLD}."
)
MEDIAN, RMS = Look(BLUE), Look(VERMILLION, DASHED, width=1.3)
FITTED, ALL_PAIRS = Look(BLACK, width=0.5), Look(BLACK, DOTTED)
BOUND, BEST = Look(PURPLE, DASHED, width=1.3), Look(GREEN, DOTTED, "D")
_HEIGHT, _ROWS = 1.9, 4
_POINTS = 1000
"""Values of m at which the bound is drawn of a longer window."""


def pages(runs: pd.DataFrame, estimates: Sequence[StabilityRecord]) -> list[Page]:
    """A row for every estimate of a run in the frame, by N and m."""
    known = {run_id: study for study in groups.studies(runs) for run_id in study[1]["run_id"]}
    shown = [estimate for estimate in estimates if estimate.run_id in known]
    shown.sort(key=lambda estimate: (estimate.config.model, estimate.config.seq_len, estimate.config.burn_in))
    keys = [known[estimate.run_id][0] for estimate in shown]
    rows = [
        (_decay(one, groups.title(key, keys)), _study(one, *known[one.run_id]))
        for one, key in zip(shown, keys, strict=True)
    ]
    return [
        Page(tuple(part), (_HEIGHT,) * len(part), PAGE_WIDTH)
        for part in (rows[start : start + _ROWS] for start in range(0, len(rows), _ROWS))
    ]


def told(estimates: Sequence[StabilityRecord]) -> str:
    """Pairs, seeds and commits of the estimates."""
    pairs, seeds = (once(getattr(estimate, name) for estimate in estimates) for name in ("pairs", "seed"))
    commit = commits(estimate.provenance for estimate in estimates)
    return f"Pairs of states: {pairs}, seed {seeds}, commit {commit}."


def _decay(estimate: StabilityRecord, title: str) -> Panel:
    curve = estimate.curve
    t, (low, high) = tuple(map(float, curve.t)), estimate.interval
    return Panel(
        title=f"{title}, m = {estimate.config.burn_in}\nλ = {estimate.factor:.4f} [{low:.4f}, {high:.4f}], "
        f"C = {estimate.constant:.3g}",
        x_label="t [steps]",
        y_label="output over state distance [-]",
        lines=(
            Line("median over pairs", t, tuple(curve.median), MEDIAN, tuple(curve.low), tuple(curve.high)),
            Line("root mean square", t, tuple(curve.rms), RMS),
            Line("fitted to it", t, tuple(_powers(estimate, estimate.scale)), FITTED),
            Line("C λ^t", t, tuple(_powers(estimate, estimate.constant)), ALL_PAIRS),
        ),
        spans=(Span("fitted", *map(float, estimate.fitted)),),
        log_y=True,
        runs=frozenset({estimate.run_id}),
    )


def _powers(estimate: StabilityRecord, scale: float) -> Iterator[float]:
    """Infinite where a network that does not forget has left all numbers behind."""
    with np.errstate(over="ignore", under="ignore"):
        powers = scale * np.power(estimate.factor, np.array(estimate.curve.t, dtype=np.float64))
    yield from powers.tolist()


def _study(estimate: StabilityRecord, key: Key, part: pd.DataFrame, of_model: pd.DataFrame) -> Panel:
    """The burn-in study, with the bound in it where the network forgets."""
    chosen = groups.chosen_m(part)
    title = f"errors over m\n{groups.told_m(chosen)}"
    panel = replace(burn_in.panel(key, "", part, of_model), title=title, levels=(), runs=groups.run_ids(part))
    if not estimate.forgets or not bound(estimate.config.seq_len - 1, estimate.config.seq_len, estimate.factor):
        return panel  # no bound, or one below all numbers
    best = best_burn_in(estimate.config.seq_len, estimate.factor)
    return replace(
        panel,
        title=f"errors over m, and the bound\nN − 1/|ln λ| = {best:.1f}, {groups.told_m(chosen)}",
        lines=(*panel.lines, _bound(estimate, panel)),
        marks=(*panel.marks, Mark("N − 1/|ln λ|", best, BEST)),
    )


def _bound(estimate: StabilityRecord, panel: Panel) -> Line:
    """The bound over whole m, its least value that of the test errors, as far as it is not above all errors."""
    n, errors = estimate.config.seq_len, [error for line in panel.lines for error in line.y if isfinite(error)]
    least = min((error for line in panel.lines if line.label != "train" for error in line.y), default=inf)
    shown_m = range(n) if n <= _POINTS else np.linspace(0, n - 1, _POINTS).astype(int).tolist()
    values = {m: bound(m, n, estimate.factor) for m in shown_m}
    scale = least / min(values.values())
    shown = {m: scale * value for m, value in values.items() if scale * value <= max(errors, default=0.0)}
    return Line("λ^m/(N − m), scaled", tuple(map(float, shown)), tuple(shown.values()), BOUND)
