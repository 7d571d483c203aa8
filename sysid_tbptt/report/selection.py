"""The choice of m*, from training and validation errors alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import TypeVar

import numpy as np
import pandas as pd

Choice = TypeVar("Choice")
Curve = pd.DataFrame | Mapping[str, np.ndarray]


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

    def cost(self, curve: Curve, dataset: str, split: str) -> np.ndarray:
        """What is minimised, from ``train_mse`` and ``val_mse``; infinite errors have an infinite cost."""
        w = self.val_weights.get((dataset, split), self.val_weight)
        weights = {"train_mse": 1 - w, "val_mse": w}
        return np.sum([weight * np.asarray(curve[name]) for name, weight in weights.items() if weight], axis=0)

    def choose(self, curve: Curve, dataset: str, split: str) -> int:
        """m* from ``burn_in``, ``train_mse`` and ``val_mse``, each with a value a run."""
        m, cost = np.asarray(curve["burn_in"]), self.cost(curve, dataset, split)
        allowed = m <= self.caps.get((dataset, split), inf)
        return int(m[allowed][np.lexsort((m[allowed], cost[allowed]))[0]])


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


def names_by_choice(choose: Callable[[Rule], Choice]) -> dict[Choice, str]:
    """What the rules choose, each with the names of those that choose it."""
    found: dict[Choice, list[str]] = {}
    for rule in RULES:
        found.setdefault(choose(rule), []).append(rule.name)
    return {choice: ", ".join(names) for choice, names in found.items()}


RULES_TOLD = "; ".join(f"m* by rule {rule.name}: {rule.told}" for rule in RULES)
"""All rules in words."""
