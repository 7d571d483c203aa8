"""Questions that a reader of a burn-in study asks, one file each: rows from studies, and how they read.

Each file has a name, a title and a note, ``rows``, which makes a frame of studies, and ``readable``, which makes text
of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

from ...runs.record import RunRecord
from ..caption import provenance_line
from ..formats import MSE_SCALE, Block, Table
from ..frame import MEASURE
from ..selection import RULES_TOLD
from ..shared import VARYING_WORDS, shared
from ..studies import Study
from . import baselines, equal_compute, held_out, seed_spread

QUESTIONS = (held_out, equal_compute, baselines, seed_spread)
_WORDS = (
    *VARYING_WORDS,
    "rule",
    "comparison",
    "first",
    "second",
    "better",
    "baseline",
    "exceeds the spread",
    "verdict",
)

_MEASURED = f"{MEASURE}. More than one seed: medians. {RULES_TOLD}. Test data decide nothing."


def asked(suite: str, studies: Sequence[Study], records: Sequence[RunRecord]) -> Iterator[tuple[str, Table]]:
    """The names and tables of the questions that the studies of a suite answer; ``records`` are those of the suite."""
    under = [_MEASURED, f"Provenance: {provenance_line(records)}"] if studies else []
    for question in QUESTIONS:
        rows = question.rows(studies)
        if len(rows):
            blocks = [_block(str(dataset), part, question.readable(part)) for dataset, part in rows.groupby("dataset")]
            yield question.NAME, Table(f"{suite}: {question.TITLE}", blocks, [question.NOTE, *under], rows)


def _block(dataset: str, rows: pd.DataFrame, readable: pd.DataFrame) -> Block:
    return Block(f"{dataset}, MSE × {MSE_SCALE}; {shared(rows)}", readable, words=_WORDS)
