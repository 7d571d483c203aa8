"""The burn-in study as a table: for each N the errors at m = 0 and at m*, stateful, and full BPTT."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pandas as pd

from .published import PAPER_EPOCHS, PUBLISHED, is_papers, paper_tables
from .regimes import WINDOWS
from .selection import RULES
from .studies import MODEL, Point, Study

PARTS = ("train", "test")
VALUES = ("m0", "mstar", "change", "stateful", "bptt")
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
    *(f"{value}_seeds" for value in ERRORS),
]


def burn_in_table(studies: Iterable[Study]) -> pd.DataFrame:
    """Rows by N and rule; MSE in standardised units: median, least and largest over seeds.

    ``change`` is that of m* against m = 0 of the same N, in percent; ``m_tried`` counts the values of m to choose from,
    ``seeds`` the seeds of the study and ``<error>_seeds`` those of an error. The error of a diverged run is infinite.
    What was not run is missing. Rows of the rule "published" hold the paper's values for the same data, model and N.
    """
    rows = [row for study in studies for row in _rows(study)]
    return pd.DataFrame(rows, columns=COLUMNS).drop_duplicates(ignore_index=True)


def _rows(study: Study) -> Iterator[dict[str, Any]]:
    beside = _errors("stateful", study.stateful) | _errors("bptt", study.bptt)
    beside |= {"seeds": study.seeds, "m_tried": len(study.points)}
    for rule in RULES:
        yield study.key | beside | {"rule": rule.name} | _chosen(study, study.m_star(rule))
    yield from _published(study.key)


def _chosen(study: Study, m_star: int) -> dict[str, Any]:
    row = _errors("m0", study.points[0]) | _errors("mstar", study.points[m_star])
    return {"m_star": m_star} | row | _changes(row)


def _changes(row: dict[str, Any]) -> dict[str, float]:
    return {f"change_{part}": 100 * (row[f"mstar_{part}"] / row[f"m0_{part}"] - 1) for part in PARTS}


def _errors(name: str, point: Point | None) -> dict[str, float]:
    """Median, least and largest error over the point's seeds, and their number; none where nothing was run."""
    if point is None:
        return {}
    ends = {"": "median"} | {f"_{end}": end for end in SPREAD}
    errors = {f"{name}_{part}{told}": point.error(part, end) for part in PARTS for told, end in ends.items()}
    return errors | {f"{name}_seeds": point.seeds}


def _published(study: dict[str, Any]) -> Iterator[dict[str, Any]]:
    place = (study["dataset"], study["seq_len"])
    if is_papers(study) and place in paper_tables().index:
        values = paper_tables().loc[place].to_dict()
        told = {"rule": PUBLISHED, "seeds": 1, "budget": f"{PAPER_EPOCHS[study['dataset']]} epochs"}
        yield study | told | values | {"m_star": int(values["m_star"])} | _changes(values)
