"""The tables of studies on the page, as text."""

from __future__ import annotations

from collections.abc import Iterable

from ..formats import Block, Table
from ..tables import Placed
from .runs import Json


def studies(tables: Iterable[Placed]) -> list[Json]:
    """By suite, those tables that are of a study; the leaderboard has a section of its own."""
    suites: dict[str, list[Json]] = {}
    for one in tables:
        if one.of_study:
            suites.setdefault(one.suite, []).append(_table(one.table))
    return [{"name": name, "tables": suites[name]} for name in sorted(suites)]


def _table(table: Table) -> Json:
    return {"title": table.title.partition(": ")[2], "blocks": list(map(_block, table.blocks)), "notes": table.notes}


def _block(block: Block) -> Json:
    columns = [{"name": name, "word": name in block.words} for name in block.rows.columns]
    return {"heading": block.heading, "columns": columns, "rows": block.rows.to_numpy().tolist()}
