"""Intervals and tests over seeds, and ranks over test sets: what scipy and statsmodels have, with our conventions.

An error is infinite where a run diverged. Every random draw comes from a fixed seed, so that a table is the same each
time it is made.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.stats.multitest import multipletests

CONFIDENCE = 0.95
RESAMPLES = 2000
MIN_SEEDS = 3
"""With fewer seeds there is no interval."""
MIN_PAIRS = 5
"""With fewer pairs no two-sided signed-rank test can have p <= 1/16."""

_BEYOND = 1e100
"""Stands for an infinite error where one is interpolated; no result above its square root is finite."""

Interval = tuple[float, float]
Values = Sequence[float]


def median_interval(values: Values) -> Interval:
    """Percentile bootstrap interval of the median; NaN with fewer than `MIN_SEEDS` values."""
    return _interval((values,), np.median)


def change(new: Values, old: Values) -> float:
    """Relative change of the median, median(new) / median(old) - 1; NaN where both are infinite or there are none."""
    return _ratio(float(np.median(new)), float(np.median(old))) if len(new) and len(old) else np.nan


def change_interval(new: Values, old: Values) -> Interval:
    """Percentile bootstrap interval of `change` over pairs; NaN with fewer than `MIN_SEEDS` of them."""
    return _interval((new, old), lambda a, b, axis: np.median(a, axis=axis) / np.median(b, axis=axis) - 1)


def paired_p(one: Values, other: Values) -> float:
    """Two-sided Wilcoxon signed-rank test of paired values; NaN below `MIN_PAIRS` pairs, 1 where no pair differs."""
    if len(one) < MIN_PAIRS:
        return np.nan
    differences = np.array([0.0 if a == b else a - b for a, b in zip(one, other, strict=True)])
    return float(stats.wilcoxon(differences).pvalue) if differences.any() else 1.0


def holm(p: Iterable[float]) -> np.ndarray:
    """Holm's correction of the p that there are; NaN stays."""
    corrected = np.array(list(p), dtype=float)
    known = ~np.isnan(corrected)
    if known.any():
        gc.freeze()  # multipletests collects garbage, which takes as long as there are objects: thousands of records
        try:
            corrected[known] = multipletests(corrected[known], method="holm")[1]
        finally:
            gc.unfreeze()
    return corrected


@dataclass(frozen=True)
class Ranking:
    """Average ranks over test sets, least error first; Friedman's p, Nemenyi's critical difference and its p by pair.

    Two models whose average ranks differ by less than ``critical_difference`` cannot be told apart.
    """

    ranks: pd.Series[float]
    n_tests: int
    friedman_p: float
    critical_difference: float
    pairs: pd.DataFrame


def ranking(errors: pd.DataFrame) -> Ranking:
    """Of errors with a row a test set and a column a model; at least 3 of each, and none missing."""
    n, k = errors.shape
    ranks = errors.rank(axis="columns").mean().sort_values(kind="stable")
    unit = np.sqrt(k * (k + 1) / (6 * n))
    spread = stats.studentized_range(k, np.inf)
    distances = np.abs(ranks.to_numpy()[:, None] - ranks.to_numpy()) / unit * np.sqrt(2)
    return Ranking(
        ranks=ranks,
        n_tests=n,
        friedman_p=_friedman_p(errors),
        critical_difference=float(spread.ppf(CONFIDENCE) / np.sqrt(2) * unit),
        pairs=pd.DataFrame(spread.sf(distances), index=ranks.index, columns=ranks.index),
    )


def _friedman_p(errors: pd.DataFrame) -> float:
    """Of ranks, since an error may be infinite; 1 where all models are equal on every test set."""
    by_model = errors.rank(axis="columns").to_numpy().T
    return float(stats.friedmanchisquare(*by_model).pvalue) if np.ptp(by_model, axis=0).any() else 1.0


def _ratio(new: float, old: float) -> float:
    if np.isinf(new) and np.isinf(old):
        return np.nan
    return new / old - 1 if old else np.nan


def _interval(samples: Sequence[Values], statistic: Callable[..., Any]) -> Interval:
    """Of paired samples; an interval that no resample moves is a point."""
    if len(samples[0]) < MIN_SEEDS:
        return np.nan, np.nan
    data = [np.where(np.isinf(values), _BEYOND, values) for values in samples]
    found = stats.bootstrap(
        data,
        statistic,
        paired=True,
        vectorized=True,
        n_resamples=RESAMPLES,
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    low, high = (float(end) if end < np.sqrt(_BEYOND) else np.inf for end in (found.low, found.high))
    return low, high
