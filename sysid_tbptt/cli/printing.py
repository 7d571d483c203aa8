"""What commands print."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from typing import Any

from tabulate import tabulate

OK, SOME_FAILED, BAD_INPUT, STOPPED = 0, 1, 2, 130
"""Exit codes."""

SHOWN = 20
"""Findings, or differences, that are printed; the others are counted."""


def print_table(headings: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    print(tabulate([[printable(str(cell)) for cell in row] for row in rows], headers=headings, disable_numparse=True))


def printable(text: str) -> str:
    """The text with its control characters, line breaks apart, as escapes: records may come from anybody."""
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)


def tell_findings(findings: Sequence[Any]) -> None:
    """On the error stream, one line each; those beyond `SHOWN` are counted."""
    for finding in findings[:SHOWN]:
        print(printable(" ".join(str(finding).split("\n"))), file=sys.stderr)
    if len(findings) > SHOWN:
        print(f"... and {len(findings) - SHOWN} more", file=sys.stderr)


FATES = {
    "damaged": "no record, and done again by the next run",
    "double": "counted once, and set aside by the next run",
    "newer": "not counted",
}
"""What becomes of a line of a records file that does not count."""


def tell_damages(store: Any) -> None:
    """On the error stream, the lines of records files that do not count, and how many records are outdated."""
    for damage in store.damages:
        print(printable(f"{FATES[damage.kind]}: {damage}"), file=sys.stderr)
    outdated = Counter((record.config.suite, record.config.model) for record in store.outdated())
    for (suite, model), number in outdated.items():
        said = f"not counted: {number} records of model '{model}' in suite '{suite}' are of another algorithm version"
        print(printable(f"{said}; run them again"), file=sys.stderr)
