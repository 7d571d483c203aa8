"""What commands print."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from tabulate import tabulate

OK, SOME_FAILED, BAD_INPUT, STOPPED = 0, 1, 2, 130
"""Exit codes."""


def print_table(headings: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    print(tabulate([[str(cell) for cell in row] for row in rows], headers=headings, disable_numparse=True))


def tell_damages(store: Any) -> None:
    for damage in store.damages:
        print(f"no record, and done again by the next run: {damage}", file=sys.stderr)
