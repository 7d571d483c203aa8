"""Runs whose processor times may be compared: of one model, on one engine, device and number of threads."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from ..regimes import WINDOWS, bptt
from ..studies import MACHINE
from . import groups
from .groups import Key

REGIMES = ("stateless", "stateful", "bptt")
FULL = "full BPTT"


def machines(runs: pd.DataFrame) -> Iterator[tuple[Key, pd.DataFrame]]:
    """The runs of each model and machine, one row a run; those with a budget in epochs stand together.

    Runs that vary m and N together, with the same N - m, are left out: they are no comparison of N.
    """
    once = runs.drop_duplicates("run_id")
    once = once[once["regime"].isin(REGIMES)]
    once = once.assign(budgets=once["budget"].mask(once["budget"].str.endswith("epochs"), "epochs"))
    found = groups.grouped(once, [*groups.MODEL, *MACHINE, "budgets"])
    return ((key, part) for key, part in found if not _of_one_span(part))


def _of_one_span(runs: pd.DataFrame) -> bool:
    """Whether N varies, and N - m does not."""
    return runs["seq_len"].nunique() > 1 and (runs["seq_len"] - runs["burn_in"]).nunique() == 1


def kinds(key: Key, part: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """The runs of one machine by name: by N the stateless and the stateful ones, then full BPTT."""
    truncated = part[part["regime"] != "bptt"]
    windows = list(groups.grouped(truncated, [*WINDOWS, "regime"]))
    names = [name for name in groups.varying([window for window, _ in windows]) if name in WINDOWS[1:]]
    for window, runs in sorted(windows, key=lambda found: (found[0]["seq_len"], found[0]["regime"] == "stateful")):
        regime = "stateful" if window["regime"] == "stateful" else ""
        yield ", ".join(filter(None, [f"N = {window['seq_len']}", regime, groups.told(window, names)])), runs
    full = bptt(part, key["budgets"])
    if len(full):
        yield FULL, full
