"""The choice of m*, from training and validation errors alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd


@dataclass(frozen=True)
class Rule:
    """m* minimises (1 - w) MSE_train + w MSE_val with w = ``val_weight``; of equals the smallest.

    ``caps`` holds the largest m* allowed, and ``val_weights`` the w that differ, by data set and split; ``told`` is the
    rule in words.
    """

    name: str
    val_weight: float
    told: str
    caps: Mapping[tuple[str, str], int] = field(default_factory=dict)
    val_weights: Mapping[tuple[str, str], float] = field(default_factory=dict)

    def choose(self, curve: pd.DataFrame, dataset: str, split: str) -> int:
        """m* from rows of ``burn_in``, ``train_mse`` and ``val_mse``."""
        cap = self.caps.get((dataset, split))
        allowed = curve if cap is None else curve[curve["burn_in"] <= cap]
        by_m = allowed.set_index("burn_in").sort_index()
        w = self.val_weights.get((dataset, split), self.val_weight)
        cost = (1 - w) * by_m["train_mse"] + w * by_m["val_mse"]
        return int(by_m.index[int(cost.argmin())])


PAPER = Rule(
    "paper",
    val_weight=0.3,
    told="least 0.7 MSE_train + 0.3 MSE_val (silverbox: at most 95; electricity, traffic: 1 and 0; solar: 0.8 and 0.2)",
    caps={("silverbox", "paper"): 95},
    val_weights={("electricity", "paper"): 0.0, ("traffic", "paper"): 0.0, ("solar", "paper"): 0.2},
)
"""The rule of Schiller et al. 2026: it leans on the training error, and the silverbox cap is set by hand."""

VAL = Rule("val", val_weight=1.0, told="least MSE_val")
"""The least validation error."""

RULES = (PAPER, VAL)
