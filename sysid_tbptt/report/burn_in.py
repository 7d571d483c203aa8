"""The burn-in study as a table: for each N the errors at m = 0 and at m*, stateful, and full BPTT."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from .published import PAPER_EPOCHS, is_papers, paper_tables
from .regimes import WINDOWS, bptt, comparable, finished, stateful
from .selection import RULES

PARTS = ("train", "test")
VALUES = ("m0", "mstar", "change", "stateful", "bptt")
MODEL = ["dataset", "split", "revision", "test_set", "model", "hidden_size", "setting"]
ERRORS = ("m0", "mstar", "stateful", "bptt")
SPREAD = ("min", "max")
COLUMNS = [
    *MODEL,
    *WINDOWS,
    "rule",
    "m_star",
    "m_tried",
    "seeds",
    *(f"{value}_{part}" for part in PARTS for value in VALUES),
    *(f"{value}_{part}_{end}" for part in PARTS for value in ERRORS for end in SPREAD),
]
PUBLISHED = "published"
_USED = [*MODEL, *WINDOWS, "regime", "epochs", "burn_in", "seed", "train_mse", "val_mse", "test_mse"]
"""Columns of a run that a row rests on; to cut a frame takes as long as it has columns."""


def burn_in_table(runs: pd.DataFrame) -> pd.DataFrame:
    """Rows by N and rule, from the rows of `frame`; MSE in standardised units: median, least and largest over seeds.

    Forecasts have a table of their own, see `sysid_tbptt.report.forecasting_table`.

    ``change`` is that of m* against m = 0 of the same N, in percent; ``m_tried`` counts the values of m to choose from.
    A row needs m = 0 and one more m, each with all the seeds of the study, so that medians are over the same seeds; the
    error of a diverged run is infinite. What was not run is missing. Rows of the rule "published" hold the paper's
    values for the same data, model and N.
    """
    usable = finished(runs[runs["horizon"].isna()])[_USED]
    rows = [row for key, part in usable.groupby(MODEL) for row in _rows(_named(MODEL, key), part)]
    return pd.DataFrame(rows, columns=COLUMNS).drop_duplicates(ignore_index=True)


def _rows(model: dict[str, Any], runs: pd.DataFrame) -> Iterator[dict[str, Any]]:
    for key, part in runs[runs["regime"] == "stateless"].groupby(WINDOWS):
        windows, part = _named(WINDOWS, key), comparable(part)
        curve = part.groupby("burn_in")[["train_mse", "val_mse", "test_mse"]].median().reset_index()
        if len(curve) < 2 or 0 not in set(curve["burn_in"]):
            continue
        beside = _errors("stateful", stateful(runs, windows)) | _errors("bptt", bptt(runs, windows["budget"]))
        beside |= {"seeds": part["seed"].nunique(), "m_tried": len(curve)}
        for rule in RULES:
            m_star = rule.choose(curve, model["dataset"], model["split"])
            yield model | windows | beside | {"rule": rule.name} | _chosen(part, m_star)
        yield from _published(model, windows)


def _chosen(stateless: pd.DataFrame, m_star: int) -> dict[str, Any]:
    at = stateless["burn_in"]
    row = _errors("m0", stateless[at == 0]) | _errors("mstar", stateless[at == m_star])
    return {"m_star": m_star} | row | _changes(row)


def _changes(row: dict[str, Any]) -> dict[str, float]:
    return {f"change_{part}": 100 * (row[f"mstar_{part}"] / row[f"m0_{part}"] - 1) for part in PARTS}


def _errors(name: str, runs: pd.DataFrame) -> dict[str, float]:
    """Median, least and largest error over the seeds; none where nothing was run."""
    errors = {f"{name}_{part}": runs[f"{part}_mse"] for part in PARTS if len(runs)}
    medians = {key: float(values.median()) for key, values in errors.items()}
    least = {f"{key}_min": float(values.min()) for key, values in errors.items()}
    return medians | least | {f"{key}_max": float(values.max()) for key, values in errors.items()}


def _published(model: dict[str, Any], windows: dict[str, Any]) -> Iterator[dict[str, Any]]:
    place = (model["dataset"], windows["seq_len"])
    if is_papers(model | windows) and place in paper_tables().index:
        values = paper_tables().loc[place].to_dict()
        told = {"rule": PUBLISHED, "seeds": 1, "budget": f"{PAPER_EPOCHS[model['dataset']]} epochs"}
        yield model | windows | told | values | {"m_star": int(values["m_star"])} | _changes(values)


def _named(names: list[str], key: Any) -> dict[str, Any]:
    return dict(zip(names, key, strict=True))
