"""Does the m* that was chosen on training and validation data hold on test data?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import nan
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from ..formats import mse, percent, two_decimals
from ..regimes import WINDOWS
from ..selection import RULES
from ..shared import choice, windows
from ..stats import change
from ..studies import MODEL, Study

NAME = "held-out"
TITLE = "does the chosen m* hold on test data?"
NOTE = (
    "Each rule chooses m* from training and validation errors; its test error stands beside the least test error of "
    "all m that were tried, known in hindsight alone: that decides nothing. Loss: how much the test error at m* is "
    "above it; rank of m* among the m tried, by test error; ρ: Spearman's correlation over m of what the rule "
    "minimises (rule val: the validation error) with the test error, of three m or more."
)
COLUMNS = [
    *MODEL,
    *WINDOWS,
    *("rule", "seeds", "m_tried", "m_star", "mstar_test", "m_hindsight", "hindsight_test", "loss", "rank", "spearman"),
]


def rows(studies: Iterable[Study]) -> pd.DataFrame:
    """One row a study and rule; MSE in standardised units, medians over the seeds; ``loss`` relative to the least test
    error, ``rank`` from 1; ``spearman`` is missing below three m, and where all errors are equal."""
    found = [row for study in studies for row in _rows(study)]
    return pd.DataFrame(found, columns=COLUMNS)


def _rows(study: Study) -> Iterator[dict[str, Any]]:
    test = study.curve["test_mse"]
    least = int(test.argmin())
    about = {"seeds": study.seeds, "m_tried": len(test), "m_hindsight": int(study.curve["burn_in"][least])}
    for rule in RULES:
        m_star = study.m_star(rule)
        chosen = study.points[m_star].test_median
        yield (
            study.key
            | about
            | {
                "rule": rule.name,
                "m_star": m_star,
                "mstar_test": chosen,
                "hindsight_test": test[least],
                "loss": change([chosen], [test[least]]),
                "rank": int((test < chosen).sum()) + 1,
                "spearman": _spearman(rule.cost(study.curve, study.key["dataset"], study.key["split"]), test),
            }
        )


def _spearman(one: np.ndarray, other: np.ndarray) -> float:
    """The correlation of ranks: an infinite error has one too."""
    ranks = np.array([rankdata(one), rankdata(other)])
    if len(one) < 3 or (np.ptp(ranks, axis=1) == 0).any():
        return nan
    return float(np.corrcoef(ranks)[0, 1])


def readable(table: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            **windows(table),
            **choice(table),
            "test at m*": table["mstar_test"].map(mse),
            "best m in hindsight": table["m_hindsight"].astype(str),
            "test there": table["hindsight_test"].map(mse),
            "loss %": table["loss"].map(percent),
            "rank of m*": table["rank"].astype(str) + " of " + table["m_tried"].astype(str),
            "ρ": table["spearman"].map(two_decimals),
            "seeds": table["seeds"].astype(str),
        }
    )
