"""The tables of questions on the page: of the suites that ran a model with several N."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pandas as pd

from ...runs.record import RunRecord
from ...runs.store import Store
from ..differences import differences
from ..formats import Block, Table
from ..frame import by_suite
from ..questions import asked
from ..questions.equal_compute import family
from ..studies import Study, studies
from .runs import Json


def questions(rows: pd.DataFrame, store: Store) -> list[Json]:
    """By suite, that with the most m first, the tables of `sysid_tbptt.report.questions` and of the differences to the
    paper's code, as text; ``rows`` are those of `frame`, of all records.

    Raises:
        StoreError: simulated outputs of a run cannot be read.
    """
    found = {str(suite): list(studies(part)) for suite, part in rows.groupby("suite")}
    of_suite = by_suite(store.records())
    return [
        {"name": suite, "tables": [_table(table) for table in _tables(suite, of, of_suite[suite], store)]}
        for suite, of in sorted(found.items(), key=lambda one: -_most_m(one[1]))
        if _several_n(of)
    ]


def _several_n(studies: Sequence[Study]) -> bool:
    return max(Counter(map(family, studies)).values(), default=0) > 1


def _most_m(studies: Sequence[Study]) -> int:
    return max((len(study.points) for study in studies), default=0)


def _tables(suite: str, studies: Sequence[Study], records: Sequence[RunRecord], store: Store) -> list[Table]:
    different = differences(suite, studies, store.records(), store.predictions)
    tables = [table for _, table in asked(suite, studies, records)]
    return tables if different is None else [*tables, different]


def _table(table: Table) -> Json:
    return {"title": table.title.partition(": ")[2], "blocks": list(map(_block, table.blocks)), "notes": table.notes}


def _block(block: Block) -> Json:
    columns = [{"name": name, "word": name in block.words} for name in block.rows.columns]
    return {"heading": block.heading, "columns": columns, "rows": block.rows.to_numpy().tolist()}
