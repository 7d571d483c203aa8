"""Which is better at equal compute, a longer window or more burn-in?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from math import inf, isfinite, isnan, log2, nan
from typing import Any

import pandas as pd

from ..formats import MISSING, counts, mse, percent, two_decimals
from ..selection import VAL, names_by_choice
from ..shared import varying
from ..studies import MODEL, Point, Study

NAME = "equal-compute"
TITLE = "at equal compute, a longer window or more burn-in?"
NEXT_ZERO, NEXT_CHOSEN, BUDGET = "next longer N, m = 0", "next longer N, m*", "best within a budget"
FIRST, SECOND, SAME, OPEN, DIVERGED = "the first", "the second", "the same", "open", "both diverged"
NOTE = (
    "Burn-in costs nothing: m changes what is scored, not what is computed. First and second: N, m of how many that "
    "were tried, and samples through forward and backward, steps × B × N. "
    f"{NEXT_ZERO}, or m*: N with its m* (first), trained for as many samples as there are runs of, but no more, "
    f"against the next longer N (second). {BUDGET}: of all N that cost no "
    "more samples, the N and m of least validation error (first) against the N of least validation error at m = 0 "
    "(second). Error, samples, seconds of processor time (on one engine and device alone): second over first. By "
    "doubling: the change of the error if each doubling of the samples made the same. Better: who has less test error "
    f"for no more samples, or within the budget; {OPEN}: less error for more samples, so that nothing is known of the "
    "cheaper one trained for longer. A budget in epochs gives a longer window fewer steps, and more samples. Seeds: of "
    "the first against the second where they are not as many; with one a small difference may be chance."
)
FAMILY = [*MODEL, "batch_size"]
SIDES = ("first", "second")
_OF_SIDE = ("seq_len", "burn_in", "m_tried", "seeds", "test", "samples", "cpu_s")
COLUMNS = [
    *FAMILY,
    *("comparison", "budget_samples", "rule"),
    *(f"{side}_{name}" for side in SIDES for name in _OF_SIDE),
    *("error_ratio", "samples_ratio", "cpu_ratio", "by_doubling", "better"),
]


@dataclass(frozen=True)
class Option:
    """An N and m; ``samples`` is what it costs: steps × B × N, the median over the seeds."""

    study: Study
    m: int

    @property
    def point(self) -> Point:
        return self.study.points[self.m]

    @property
    def samples(self) -> float:
        return self.point.steps * float(self.study.key["batch_size"]) * self.study.seq_len

    def told(self, side: str) -> dict[str, Any]:
        study, point = self.study, self.point
        values = (study.seq_len, self.m, len(study.points), point.seeds, point.test_median, self.samples, point.cpu_s)
        return {f"{side}_{name}": value for name, value in zip(_OF_SIDE, values, strict=True)}


def rows(studies: Iterable[Study]) -> pd.DataFrame:
    """One row a comparison of two N and m of the same model and batch, with the rules that choose m*.

    Of Adam alone: what an iteration of lm costs depends on the number of windows, and so on m.

    MSE in standardised units, medians over the seeds. The ratio of seconds is missing where the machines differ, and
    ``by_doubling`` where both cost the same.
    """
    of_adam = (study for study in studies if study.key["optimiser"] == "adam")
    ordered = sorted(of_adam, key=lambda study: (family(study), study.seq_len))
    found = [row for _, alike in groupby(ordered, family) for row in _rows(list(alike))]
    return pd.DataFrame(found, columns=COLUMNS)


def family(study: Study) -> tuple[Any, ...]:
    """What studies share that differ in N and budget alone."""
    return tuple(study.key[name] for name in FAMILY)


def _rows(alike: Sequence[Study]) -> Iterator[dict[str, Any]]:
    for short, long in _neighbours(alike):
        for m, rules in short.chosen.items():
            yield _compared(NEXT_ZERO, rules, Option(short, m), Option(long, 0))
        for (m, other), rules in _both_chosen(short, long).items():
            yield _compared(NEXT_CHOSEN, rules, Option(short, m), Option(long, other))
    yield from _budgets([(Option(study, 0), Option(study, study.m_star(VAL))) for study in alike])


def _neighbours(alike: Sequence[Study]) -> Iterator[tuple[Study, Study]]:
    """Each study of an N and the next shorter one of the most samples, but no more than its own where there is one."""
    by_n = [list(found) for _, found in groupby(alike, lambda study: study.seq_len)]
    for shorts, longs in pairwise(by_n):
        for long in longs:
            most = Option(long, 0).samples
            cheaper = [short for short in shorts if Option(short, 0).samples <= most]
            yield max(cheaper or shorts, key=lambda short: Option(short, 0).samples), long


def _both_chosen(short: Study, long: Study) -> dict[tuple[int, int], str]:
    return names_by_choice(lambda rule: (short.m_star(rule), long.m_star(rule)))


def _budgets(options: Sequence[tuple[Option, Option]]) -> Iterator[dict[str, Any]]:
    """For each cost of an N, the best that it buys; ``options`` holds each N at m = 0 and at m*."""
    for budget in sorted({at_zero.samples for at_zero, _ in options}):
        within = [pair for pair in options if pair[0].samples <= budget]
        at_zero, chosen = (min(side, key=lambda one: one.point.val_median) for side in zip(*within, strict=True))
        yield _compared(BUDGET, VAL.name, chosen, at_zero, budget=budget)


def _compared(comparison: str, rules: str, first: Option, second: Option, budget: float = nan) -> dict[str, Any]:
    one, other = first.point, second.point
    error, samples = _ratio(other.test_median, one.test_median), _ratio(second.samples, first.samples)
    same_machine = one.machine is not None and one.machine == other.machine
    return {
        **{name: first.study.key[name] for name in FAMILY},
        "comparison": comparison,
        "budget_samples": budget,
        "rule": rules,
        **first.told("first"),
        **second.told("second"),
        "error_ratio": error,
        "samples_ratio": samples,
        "cpu_ratio": _ratio(other.cpu_s, one.cpu_s) if same_machine else nan,
        "by_doubling": _by_doubling(error, samples),
        "better": _better(first, second, within_budget=not isnan(budget)),
    }


def _ratio(one: float, other: float) -> float:
    return one / other if other and isfinite(other) else nan


def _by_doubling(error: float, samples: float) -> float:
    """Of a cost that does not change there is no doubling."""
    if not 0 < error < inf or not 0 < samples < inf or samples == 1:
        return nan
    return float(error ** (1 / log2(samples)) - 1)


def _better(first: Option, second: Option, *, within_budget: bool) -> str:
    """Who has less error; of two that share no budget, the other must not be the cheaper one."""
    if (first.study.seq_len, first.m) == (second.study.seq_len, second.m):
        return SAME
    errors = first.point.test_median, second.point.test_median
    if errors == (inf, inf):
        return DIVERGED
    if errors[0] <= errors[1] and (within_budget or first.samples <= second.samples):
        return FIRST
    if errors[1] <= errors[0] and (within_budget or second.samples <= first.samples):
        return SECOND
    return OPEN


def readable(table: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "comparison": [_comparison(*of) for of in zip(table["comparison"], table["budget_samples"], strict=True)],
            **varying(table),
            "rule": table["rule"],
            **{side: _told(table, side) for side in SIDES},
            **{f"test, {side}": table[f"{side}_test"].map(mse) for side in SIDES},
            "error": table["error_ratio"].map(two_decimals),
            "samples": table["samples_ratio"].map(two_decimals),
            "seconds": table["cpu_ratio"].map(two_decimals),
            "by doubling %": table["by_doubling"].map(percent),
            "seeds": list(map(counts, table["first_seeds"], table["second_seeds"])),
            "better": table["better"],
        }
    )


def _comparison(name: str, budget: float) -> str:
    return name if isnan(budget) else f"{name} of {_giga(budget)}"


def _giga(samples: float) -> str:
    return f"{samples / 1e9:.3g} G" if samples else MISSING


def _told(table: pd.DataFrame, side: str) -> list[str]:
    names = [f"{side}_{name}" for name in ("seq_len", "burn_in", "m_tried", "samples")]
    return [
        f"N {n}, m {m} of {tried}, {_giga(samples)}"
        for n, m, tried, samples in table[names].itertuples(index=False, name=None)
    ]
