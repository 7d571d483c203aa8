"""Writing and showing the tables of a results folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .printing import tell_damages

if TYPE_CHECKING:
    from ..report.tables import Placed
    from ..runs.store import Store


def write(store: Store) -> tuple[list[Placed], list[Path]]:
    """Writes all tables of the folder's records; returns them, and the files."""
    from ..report.tables import all_tables, write_tables

    tell_damages(store)
    tables = all_tables(store.records(), store.predictions)
    return tables, write_tables(tables, store.root / "tables")


def show(written: Sequence[Path]) -> None:
    """Prints the Markdown tables, then the names of all files."""
    for path in written:
        if path.suffix == ".md":
            print(path.read_text(encoding="utf-8"))
    for path in written:
        print(f"written: {path}")
