"""Does the effect of the burn-in phase exceed the spread over seeds?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import inf, nan
from typing import Any

import numpy as np
import pandas as pd

from ..effect import verdict
from ..formats import MISSING, p_value, percent, with_range
from ..regimes import WINDOWS
from ..shared import choice, windows
from ..stats import MIN_PAIRS, change, holm, paired_p
from ..studies import MODEL, Study

NAME = "seed-spread"
TITLE = "does the effect of m exceed the spread over seeds?"
ONE_SEED = "one seed: spread not known"
NO_EFFECT = "m* is 0"
APART, OVERLAP = "yes", "no"
NOTE = (
    "Test MSE of each seed at m = 0 and at m*: median (least to largest); spread: standard deviation over mean. "
    f"Exceeds the spread: {APART} where every seed at m* is better, or every seed worse, than all seeds at m = 0. p: "
    "paired two-sided Wilcoxon signed-rank test over seeds, Holm-corrected over the model's rows; with fewer than "
    f"{MIN_PAIRS} seeds there is no test. The same of the leaderboard's measure: burn-in-effect."
)
SIDES = ("m0", "mstar")
COLUMNS = [
    *MODEL,
    *WINDOWS,
    *("rule", "m_star", "seeds"),
    *(f"{side}_{name}" for side in SIDES for name in ("test", "least", "largest", "spread")),
    *("change", "exceeds", "p", "p_holm", "verdict"),
]


def rows(studies: Iterable[Study]) -> pd.DataFrame:
    """One row a study and m* (``rule``: those that choose it); test MSE in standardised units.

    ``change`` is that of the median relative to m = 0; ``spread`` is missing with one seed, and infinite where a run
    diverged.
    """
    table = pd.DataFrame([row for study in studies for row in _rows(study)], columns=[*COLUMNS, "optimiser"])
    if len(table):
        table["p_holm"] = table.groupby(["model", "optimiser"])["p"].transform(holm)
        table["verdict"] = [verdict(*pair) for pair in zip(table["change"], table["p_holm"], strict=True)]
    return table[COLUMNS]


def _rows(study: Study) -> Iterator[dict[str, Any]]:
    at_zero = study.points[0].test_by_seed
    for m, rules in study.chosen.items():
        at_m = study.points[m].test_by_seed
        yield study.key | {
            "rule": rules,
            "m_star": m,
            "seeds": study.seeds,
            **_spread("m0", at_zero),
            **_spread("mstar", at_m),
            "change": change(at_m, at_zero),
            "exceeds": _exceeds(at_m, at_zero) if m else NO_EFFECT,
            "p": paired_p(at_m, at_zero) if m else nan,
        }


def _spread(side: str, errors: Sequence[float]) -> dict[str, float]:
    values = {"test": float(np.median(errors)), "least": min(errors), "largest": max(errors)}
    return {f"{side}_{name}": value for name, value in values.items()} | {f"{side}_spread": _variation(errors)}


def _variation(errors: Sequence[float]) -> float:
    if len(errors) < 2:
        return nan
    return float(np.std(errors, ddof=1) / np.mean(errors)) if np.isfinite(errors).all() else inf


def _exceeds(new: Sequence[float], old: Sequence[float]) -> str:
    if len(new) < 2:
        return ONE_SEED
    return APART if max(new) < min(old) or min(new) > max(old) else OVERLAP


def readable(table: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            **windows(table),
            **choice(table),
            "seeds": table["seeds"].astype(str),
            "at m = 0": _median(table, "m0"),
            "spread %": table["m0_spread"].map(in_percent),
            "at m*": _median(table, "mstar"),
            "spread at m* %": table["mstar_spread"].map(in_percent),
            "change %": table["change"].map(percent),
            "exceeds the spread": table["exceeds"],
            "p": table["p"].map(p_value),
            "p Holm": table["p_holm"].map(p_value),
            "verdict": table["verdict"],
        }
    )


def _median(table: pd.DataFrame, side: str) -> list[str]:
    names = ["seeds", *(f"{side}_{name}" for name in ("test", "least", "largest"))]
    return [
        with_range(median, least, largest, seeds)
        for seeds, median, least, largest in table[names].itertuples(index=False, name=None)
    ]


def in_percent(spread: float) -> str:
    """A spread in percent; that of seeds that diverged has no bound."""
    return MISSING if np.isnan(spread) else "diverged" if np.isinf(spread) else f"{100 * spread:.1f}"
