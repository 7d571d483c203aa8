"""How do stateful training and full BPTT compare, on test data and on the data that they were trained on?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pandas as pd

from ..formats import counts, mse, two_decimals
from ..regimes import WINDOWS
from ..shared import choice, windows
from ..studies import MODEL, Point, Study

NAME = "baselines"
TITLE = "stateful training and full BPTT beside the burn-in phase"
PARTS = ("train", "test")
BESIDE = ("m0", "mstar")
NOTE = (
    "Stateful: windows of the same N, each with the state that the one before it left; full BPTT: the whole record as "
    "one window, the same runs beside every N. Times m = 0, times m*: its error over that of zero-state windows of the "
    "same N; below 1 the baseline is better. Test/train: the error on test data over that on training data, which is "
    "large where a network learnt its training record by heart. Budgets differ: see equal-compute and the figure cost. "
    "Seeds: the baseline's, against those of m = 0 and m* where they are not as many."
)
COLUMNS = [
    *MODEL,
    *WINDOWS,
    *("rule", "m_star", "seeds", "baseline", "baseline_budget", "baseline_seeds"),
    *(f"{name}_{part}" for name in ("baseline", *BESIDE) for part in PARTS),
    *(f"{part}_times_{beside}" for part in PARTS for beside in BESIDE),
    *(f"{name}_gap" for name in ("baseline", *BESIDE)),
]
_HEADINGS = {"m0": "m = 0", "mstar": "m*"}


def rows(studies: Iterable[Study]) -> pd.DataFrame:
    """One row a study, baseline and m* (``rule``: those that choose it); MSE in standardised units, medians over the
    seeds; ``gap``: test error over training error."""
    table = pd.DataFrame([row for study in studies for row in _rows(study)], columns=COLUMNS)
    for beside in BESIDE:
        for part in PARTS:
            table[f"{part}_times_{beside}"] = table[f"baseline_{part}"] / table[f"{beside}_{part}"]
    for name in ("baseline", *BESIDE):
        table[f"{name}_gap"] = table[f"{name}_test"] / table[f"{name}_train"]
    return table


def _rows(study: Study) -> Iterator[dict[str, Any]]:
    for name, point in (("stateful", study.stateful), ("full BPTT", study.bptt)):
        if point is None:
            continue
        beside = {"baseline": name, "baseline_budget": point.budget, "baseline_seeds": point.seeds}
        beside |= _errors("baseline", point) | _errors("m0", study.points[0])
        for m, rules in study.chosen.items():
            about = {"rule": rules, "m_star": m, "seeds": study.seeds}
            yield study.key | about | beside | _errors("mstar", study.points[m])


def _errors(name: str, point: Point) -> dict[str, float]:
    return {f"{name}_{part}": point.error(part) for part in PARTS}


def readable(table: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            **windows(table),
            "baseline": table["baseline"],
            **choice(table),
            **{part: table[f"baseline_{part}"].map(mse) for part in PARTS},
            **{
                f"{part} times {_HEADINGS[beside]}": table[f"{part}_times_{beside}"].map(two_decimals)
                for part in PARTS
                for beside in BESIDE
            },
            "test/train": table["baseline_gap"].map(two_decimals),
            **{f"test/train at {_HEADINGS[name]}": table[f"{name}_gap"].map(two_decimals) for name in BESIDE},
            "seeds": list(map(counts, table["baseline_seeds"], table["seeds"])),
        }
    )
