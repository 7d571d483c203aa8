"""Writing and showing the tables of a results folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .printing import tell_damages

if TYPE_CHECKING:
    from ..runs.store import Store


def write(store: Store) -> list[Path]:
    """Writes all tables of the folder's records; returns the files."""
    from ..report.tables import write_tables

    tell_damages(store)
    return write_tables(store.records(), store.root / "tables", store.predictions)


def show(written: Sequence[Path]) -> None:
    """Prints the Markdown tables, then the names of all files."""
    for path in written:
        if path.suffix == ".md":
            print(path.read_text(encoding="utf-8"))
    for path in written:
        print(f"written: {path}")
