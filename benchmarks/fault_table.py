"""The table of faults: a JSON file with a row a fault, which any program may update, and a Markdown table of it."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sysid_tbptt.runs.atomic import write_whole
from sysid_tbptt.runs.provenance import git, versions

COUNTS = ("records", "lost", "twice", "unreadable", "changed")
COLUMNS = {
    "said": "fault",
    "tries": "tried",
    "records": "records at stake",
    "lost": "lost",
    "twice": "counted twice",
    "unreadable": "unreadable",
    "changed": "other numbers",
    "told": "what the user is told",
}
BEGIN, END = "<!-- faults: made by `make faults` -->", "<!-- end of faults -->"
"""Marks of the place of the table in a page."""

STRUCK = """\
A quarter of the kills fall between the start of the program and its first file, the others are spread over its work.
What was on disk when it struck, from this start or an earlier one:"""

LEGEND = """\
Each try starts `sysid-tbptt run` on six short runs, does the harm, types the same command until all is done, and
compares every record with those of an undisturbed run: to the bit, but for times. `lost` counts records that are not
there, tries in which the user was not told, faults of which no try was told, and processes of killed runs that are
still there a minute after a try; `unreadable` lines that are no record and faults that `verify` finds; `other numbers`
records and weights that differ.
"""


def new_row(said: str, seed: int, wanted: int = 0) -> dict[str, Any]:
    """A row without a try, of which so many are wanted."""
    return {
        "said": said,
        "seed": seed,
        "wanted": wanted,
        "tries": 0,
        **dict.fromkeys(COUNTS, 0),
        "told": "",
        "phases": {},
    }


def add(
    row: dict[str, Any], counts: Mapping[str, int], *, tries: int = 1, told: str = "", phases: Iterable[str] = ()
) -> None:
    """Adds what was counted to a row: by the names of `COUNTS`, what the user was told, and when each blow struck."""
    row["tries"] += tries
    for name in COUNTS:
        row[name] += counts[name]
    row["told"] = told or row["told"]
    for phase in phases:
        row["phases"][phase] = row["phases"].get(phase, 0) + 1
    row["made"] = made()


def made() -> dict[str, str]:
    """Versions, commit, system and day."""
    code = git() or {"commit": "", "dirty": False}
    told = {
        name: version for name, version in versions().items() if name in ("sysid-tbptt", "python", "torch", "numpy")
    }
    commit = {"commit": code["commit"][:10] + (" with changes" if code["dirty"] else "")} if code["commit"] else {}
    return told | commit | {"system": platform.system(), "date": datetime.now(UTC).date().isoformat()}


def read(path: Path) -> dict[str, Any]:
    """The rows by the faults' names; none where there is no file yet."""
    return dict(json.loads(path.read_text())) if path.exists() else {}


def update(path: Path, rows: Mapping[str, Mapping[str, Any]]) -> None:
    """Writes these rows by their faults' names, and ``table.md`` beside the JSON file; what other programs have written
    since stays."""
    table = read(path) | rows
    write_whole(path, (json.dumps(table, indent=1, ensure_ascii=False) + "\n").encode())
    write_whole(path.with_name("table.md"), markdown(table).encode())


def write_into(page: Path, rows: Mapping[str, Mapping[str, Any]]) -> None:
    """Puts the table between the marks of a page that has them."""
    before, begin, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if begin and end:
        write_whole(page, f"{before}{BEGIN}\n{table(rows)}\n{END}{after}".encode())


def table(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """The table alone; rows without a try are left out."""
    lines = [[cell(row[column]) for column in COLUMNS] for row in rows.values() if row["tries"]]
    return grid(list(COLUMNS.values()), lines)


def markdown(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """The page of the table, with what it was made from; rows without a try are left out."""
    rows = {name: row for name, row in rows.items() if row["tries"]}
    kills = [f"- {row['said']}: " + _struck(row["phases"]) for row in rows.values() if row["phases"]]
    notes = dict.fromkeys(", ".join(f"{k} {v}" for k, v in row["made"].items()) for row in rows.values())
    parts = ["# What a results folder survives", table(rows), LEGEND]
    parts += [f"{STRUCK}\n\n" + "\n".join(kills)] if kills else []
    parts += ["Made by `make faults`: " + "; ".join(notes) + "."]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _struck(phases: Mapping[str, int]) -> str:
    return ", ".join(f"{phase} {count}" for phase, count in sorted(phases.items(), key=lambda item: -item[1]))


def cell(value: Any) -> str:
    return str(value).replace("|", "\\|") or "-"


def grid(header: list[str], lines: list[list[str]]) -> str:
    rule = ["---:" if header[k] not in ("fault", "what the user is told") else "---" for k in range(len(header))]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (header, rule, *lines))
