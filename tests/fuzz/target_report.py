"""Records that the reader takes, made into tables and the page: text stays text, and no report falls over them."""

from __future__ import annotations

import json
import shutil
import warnings
from pathlib import Path
from random import Random

from sysid_tbptt.report.citations import bibtex
from sysid_tbptt.report.plots import STUDIES, runs_frame
from sysid_tbptt.report.site import page
from sysid_tbptt.report.tables import all_tables, write_tables
from sysid_tbptt.runs.store import Store
from tests.fuzz.mutations import as_json, json_fields
from tests.report.made_up import record, study

__all__ = ["MENDED", "fuzz", "mutate", "seeds"]

MENDED = {
    "runs that all failed: TypeError on the page": "fuzzing",
    "scores of a run that did not end well, of another form: TypeError on the page": "reading",
    "records of one test set that differ in their channels: IndexError in the leaderboard": "reading",
    "forecasts without the error with the paper's divisor, or with null: KeyError": "reading",
    "a cell of LaTeX that begins with [ or *: an argument of the end of the row before": "reading",
}
"""Holes that were found here, by fuzzing or by reading the code; see `test_findings`."""


def seeds() -> list[bytes]:
    runs = [*study()[:3], *study(seq_len=24)[:2], record(0, 1.0, 1.0, 2.0, status="diverged", seed=1)]
    return [b"\n".join(run.to_line().encode() for run in runs)]


def mutate(data: bytes, random: Random) -> bytes:
    """One line, or one field of all lines alike, changed."""
    lines = data.split(b"\n")
    at = random.randrange(len(lines))
    changed = json_fields(lines[at], random)
    if random.random() < 0.5:
        before, after = json.loads(lines[at]), json.loads(changed)
        keys = [key for key in after if after.get(key) != before.get(key)] if isinstance(after, dict) else []
        if keys:
            lines = [
                as_json(json.loads(line) | {key: after[key] for key in keys if key != "run_id"}).encode()
                for line in lines
            ]
            return b"\n".join(lines)
    return b"\n".join([*lines[:at], changed, *lines[at + 1 :]])


def fuzz(data: bytes, folder: Path) -> None:
    root = folder / "results"
    shutil.rmtree(root, ignore_errors=True)
    path = root / "records" / "x.jsonl"
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    store = Store(root)
    records = store.records()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of numbers near the largest
        tables = all_tables(records, store.predictions)
        write_tables(tables, root / "tables")
        text = page.html(store, tables)
        bibtex(records)
        for figure in STUDIES:
            figure.pages(runs_frame(records))
    text.encode()
