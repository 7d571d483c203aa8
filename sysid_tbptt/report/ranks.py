"""Average ranks of the methods of a suite over its test sets, and the critical difference between them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ..config import method
from .formats import p_value
from .leaderboard import MEAN, TEST
from .methods import told
from .stats import Ranking, ranking

LEAST = 3
"""Models, and test sets, that a comparison of ranks takes."""


@dataclass(frozen=True)
class Standing:
    """The ranking of one suite and split, or ``reason`` why there is none; ``left_out`` lack a test set.

    ``told`` explains the names of the methods.
    """

    suite: str
    split: str
    ranking: Ranking | None
    reason: str
    left_out: tuple[str, ...]
    told: str = ""

    def __str__(self) -> str:
        if self.ranking is None:
            return f"No average ranks over test sets: {self.reason}."
        ranks = ", ".join(f"{model} {rank:.2f}" for model, rank in self.ranking.ranks.items())
        out = f" Without {', '.join(self.left_out)}, which lack a test set." if self.left_out else ""
        return (
            f"Average ranks over {self.ranking.n_tests} test sets, split {self.split}: {ranks}. Friedman p "
            f"{p_value(self.ranking.friedman_p)}; models less than {self.ranking.critical_difference:.2f} apart "
            f"(Nemenyi, 0.05) cannot be told apart.{out}{self.told and f' {self.told}'}"
        )


def standings(board: pd.DataFrame) -> list[Standing]:
    """Of each suite and split of a leaderboard; protocols are never mixed, ranks are within each test set.

    A method is a model and its optimiser. The mean as a prediction is no method to rank. Each test set and output
    channel counts once, so that a data set with several test sets counts several times.
    """
    models = board[board["model"] != MEAN]
    return [_standing(str(suite), str(split), part) for (suite, split), part in models.groupby(["suite", "split"])]


def _standing(suite: str, split: str, part: pd.DataFrame) -> Standing:
    errors = part.pivot(index=TEST, columns=["model", "optimiser"], values="rmse")
    errors = errors.set_axis(_names(errors.columns), axis="columns")
    everywhere = errors.dropna(axis="columns")
    n, k = everywhere.shape
    if k < LEAST or n < LEAST:
        reason = f"it takes {LEAST} models with a row on every one of {LEAST} test sets, and there are {k} on {n}"
        return Standing(suite, split, None, reason, ())
    left_out = tuple(str(model) for model in errors.columns.difference(everywhere.columns))
    return Standing(suite, split, ranking(everywhere), "", left_out, " ".join(told(part["optimiser"])))


def _names(methods: Iterable[Any]) -> list[str]:
    """The names of pairs of model and optimiser; with all optimisers where a model is named as another's method."""
    methods = list(methods)
    names = [method(*pair) for pair in methods]
    return names if len(set(names)) == len(names) else [f"{model} ({optimiser})" for model, optimiser in methods]
