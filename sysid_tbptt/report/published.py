"""Values from the literature, as cited facts; they are shown beside ours and never ranked with them."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import pandas as pd

PAPER_CITATION = "Schiller, Heinrich, Lopez, Müller, ICLR 2026 (arXiv 2602.10911)"
PAPER_EPOCHS = {"silverbox": 400, "wiener_hammerstein": 400, "rlc": 1500}

_VALUES = [f"{value}_{part}" for part in ("train", "test") for value in ("m0", "mstar", "stateful", "bptt")]


@cache
def paper_tables() -> pd.DataFrame:
    """The paper's system identification tables, indexed by (dataset, N): ``m_star``, and MSE in standardised units."""
    with files(__package__).joinpath("literature/schiller2026.csv").open(encoding="utf-8") as file:
        table = pd.read_csv(file, comment="#").set_index(["dataset", "N"])
    table[_VALUES] = table[_VALUES].mul(table["mse_scale"], axis=0)
    return table[["m_star", *_VALUES]]
