"""Values from the literature, as cited facts; they are shown beside ours and never ranked with them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import pandas as pd

PUBLISHED = "published"
"""In the column of the rule, of rows that hold the paper's values."""

PAPER_CITATION = "Schiller, Heinrich, Lopez, Müller, ICLR 2026 (arXiv 2602.10911)"
PAPER_EPOCHS = {"silverbox": 400, "wiener_hammerstein": 400, "rlc": 1500}
FORECASTING_EPOCHS = {"electricity": 400, "traffic": 400, "solar": 300}
FORECASTING_LEARNING_RATES = {"electricity": 5e-5, "traffic": 5e-5, "solar": 2e-4}
PAPER_LEARNING_RATES = {"silverbox": 1e-4, "wiener_hammerstein": 1e-4, "rlc": 3e-4}

_VALUES = [f"{value}_{part}" for part in ("train", "test") for value in ("m0", "mstar", "stateful", "bptt")]


def is_papers(run: Mapping[str, Any]) -> bool:
    """Whether a row of `frame` is of the paper's experiment, whatever its N, m, regime, budget and seed."""
    papers = {"split": "paper", "model": "lstm", "hidden_size": 8, "batch_size": 100}
    papers["setting"] = f"learning_rate={PAPER_LEARNING_RATES.get(run['dataset'])}"
    return all(run[name] == value for name, value in papers.items())


def is_papers_forecast(run: Mapping[str, Any]) -> bool:
    """The same of the paper's forecasting section."""
    papers = {"split": "paper", "model": "lstm", "hidden_size": 96, "batch_size": 24}
    papers["setting"] = f"horizon=96, learning_rate={FORECASTING_LEARNING_RATES.get(run['dataset'])}"
    return all(run[name] == value for name, value in papers.items())


@cache
def paper_tables() -> pd.DataFrame:
    """The paper's system identification tables, indexed by (dataset, N): ``m_star``, and MSE in standardised units."""
    table = _read("schiller2026.csv")
    table[_VALUES] = table[_VALUES].mul(table["mse_scale"], axis=0)
    return table[["m_star", *_VALUES]]


@cache
def forecasting_tables() -> pd.DataFrame:
    """The paper's forecasting tables, indexed by (dataset, N): ``m_star``, and MSE in standardised units.

    ``last`` is m = N-1; test errors have the paper's divisor, see `sysid_tbptt.training.forecasts`.
    """
    return _read("schiller2026_forecasting.csv")


def _read(name: str) -> pd.DataFrame:
    with files(__package__).joinpath(f"literature/{name}").open(encoding="utf-8") as file:
        return pd.read_csv(file, comment="#").set_index(["dataset", "N"])
