"""The table of what was fuzzed: ``fuzzing.md`` beside ``fuzzing.json``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tabulate import tabulate

LEGEND = """\
Inputs made from valid files by coverage-guided mutation, most of them in keeping with the form of the file. An input is
read, or refused by one error that names the file or field; a finding is one of which neither is true, or that reaches
out of its folder, runs code, or takes too much memory. Mended: findings so far (of these by fuzzing), each a test in
tests/fuzz/test_findings.py. Coverage: edges of the Python code that were reached."""


def markdown(rows: Sequence[dict[str, Any]]) -> str:
    """The rows as `run.py` counts them, a line a reader."""
    table = [
        {
            "reader": row["fault"].removeprefix("hostile input: "),
            "inputs": f"{row['tried']:,}",
            "minutes": round(row["seconds"] / 60, 1),
            "read": f"{row['read']:,}",
            "refused": f"{row['refused']:,}",
            "findings left": row["findings"],
            "mended": f"{row['mended']} ({row['mended_by_fuzzing']})",
            "coverage": row["coverage"],
        }
        for row in rows
    ]
    made = dict.fromkeys(", ".join(f"{k} {v}" for k, v in row["versions"].items()) for row in rows)
    aligned = ("left", *["right"] * 7)
    return (
        "# Hostile input\n\n"
        f"{tabulate(table, headers='keys', tablefmt='github', colalign=aligned, disable_numparse=True)}\n\n"
        f"{LEGEND}\n\nMade by `make fuzz`: {'; '.join(made)}.\n"
    )
