"""What commands print."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from tabulate import tabulate

OK, SOME_FAILED, BAD_INPUT, STOPPED = 0, 1, 2, 130
"""Exit codes."""


def print_table(headings: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    print(tabulate([[printable(str(cell)) for cell in row] for row in rows], headers=headings, disable_numparse=True))


def printable(text: str) -> str:
    """The text with its control characters, line breaks apart, as escapes: records may come from anybody."""
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)


def tell_damages(store: Any) -> None:
    for damage in store.damages:
        print(f"no record, and done again by the next run: {printable(str(damage))}", file=sys.stderr)
