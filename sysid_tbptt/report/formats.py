"""The one way to write a table: Markdown, CSV and LaTeX."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pandas as pd

from ..runs.atomic import write_whole

MISSING = "–"
MSE_SCALE = 100
"""Tables to read show MSE in standardised units times this, as the paper does; the CSV holds it as it is."""


@dataclass(frozen=True)
class Block:
    """Rows as people read them: every cell is text, and stands as it is. ``heading`` says what they share.

    Columns named in ``words`` are set flush left, the others right; the cells of ``bold`` (row, column) stand out.
    """

    heading: str
    rows: pd.DataFrame
    words: Sequence[str] = ()
    bold: frozenset[tuple[int, str]] = frozenset()


@dataclass(frozen=True)
class Table:
    """Blocks to read under one title with notes under them, and the numbers behind them at full precision."""

    title: str
    blocks: Sequence[Block]
    notes: Sequence[str]
    data: pd.DataFrame


def write_table(table: Table, stem: Path) -> list[Path]:
    """Writes ``stem`` as .md, .csv and .tex; returns the files.

    Raises:
        StoreError: the folder cannot be written.
    """
    texts = {".md": to_markdown(table), ".csv": to_csv(table), ".tex": to_latex(table)}
    paths = [stem.with_name(stem.name + suffix) for suffix in texts]
    for path, text in zip(paths, texts.values(), strict=True):
        write_whole(path, text.encode())
    return paths


def to_csv(table: Table) -> str:
    """The notes as comments, then the data; words are quoted, since a ``#`` outside quotes is a comment."""
    comments = "".join(f"# {' '.join(note.splitlines())}\n" for note in table.notes)
    return comments + table.data.to_csv(index=False, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)


def to_markdown(table: Table) -> str:
    """A heading, the blocks as pipe tables, and the notes under them."""
    text = [f"## {_markdown(table.title)}"]
    for block in table.blocks:
        rows = _marked(block, _markdown, "**{}**")
        body = rows.to_markdown(index=False, disable_numparse=True, colalign=_alignment(block))
        text += [_markdown(block.heading), body]
    return "\n\n".join([*text, *map(_markdown, table.notes)]) + "\n"


def to_latex(table: Table) -> str:
    """A booktabs table; the notes are its caption. Needs the package booktabs."""
    if len(table.blocks) == 1:
        said, bodies = [table.title, table.blocks[0].heading], [_tabular(table.blocks[0])]
    else:
        said = [table.title]
        bodies = [f"{_escaped(block.heading)}\\par\\smallskip\n{_tabular(block)}" for block in table.blocks]
    caption = " ".join(_escaped(text.rstrip(".")) + "." for text in [*said, *table.notes])
    body = "\\par\\bigskip\n".join(bodies)
    return f"\\begin{{table}}\n\\centering\\footnotesize\n{body}\\caption{{{caption}}}\n\\end{{table}}\n"


def _tabular(block: Block) -> str:
    """Columns go by number, since pandas takes for one what Python does: the headings a and ª."""
    rows = _marked(block, _escaped, r"\textbf{{{}}}")
    columns = "".join(side[0] for side in _alignment(block))
    headings: dict[object, str] = dict(enumerate(rows.columns))
    numbered = rows.set_axis(list(headings), axis="columns").style.hide(axis="index")
    return numbered.format_index(headings.__getitem__, axis="columns").to_latex(hrules=True, column_format=columns)


def _marked(block: Block, escaped: Callable[[str], str], bold: str) -> pd.DataFrame:
    """The block's cells and headings in a markup."""
    rows = block.rows.map(escaped)
    for row, column in block.bold:
        rows.loc[rows.index[row], column] = bold.format(rows[column].iloc[row])
    return rows.rename(columns=escaped)


def _alignment(block: Block) -> list[str]:
    return ["left" if column in block.words else "right" for column in block.rows.columns]


def _markdown(text: str) -> str:
    """Text that is no markup: neither HTML, nor code, nor a link, nor the end of a cell."""
    text = " ".join(text.splitlines())
    text = "".join(f"\\{character}" if character in "\\<`|" else character for character in text)
    return text.replace("](", "]\\(")


_LATEX = {
    "\\": r"\textbackslash{}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": "$<$",
    ">": "$>$",
    "×": r"$\times$",
    "ρ": r"$\rho$",
    MISSING: "--",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}


def _escaped(text: str) -> str:
    """Text that is no markup; what begins with ``[`` or ``*`` would be an argument of the ``\\\\`` before it."""
    text = "".join(_LATEX.get(character, character) for character in " ".join(text.splitlines()).strip())
    return f"{{{text[0]}}}{text[1:]}" if text[:1] in ("[", "*") else text


def significant(value: float, digits: int = 4) -> str:
    """Rounded to significant digits without an exponent; an error that is infinite is of runs that diverged."""
    if math.isnan(value):
        return MISSING
    if math.isinf(value):
        return "diverged"
    return f"{Decimal(f'{value:.{digits - 1}e}'):f}"


def mse(value: float) -> str:
    """An MSE in standardised units times `MSE_SCALE`; one that is infinite is of runs that diverged."""
    if math.isnan(value):
        return MISSING
    return "diverged" if math.isinf(value) else f"{value * MSE_SCALE:.3f}"


def with_interval(value: float, low: float, high: float) -> str:
    """``value [low, high]``, the interval where there is one."""
    return significant(value) if math.isnan(low) else f"{significant(value)} [{significant(low)}, {significant(high)}]"


def with_range(
    median: float, least: float, largest: float, seeds: int | float, shown: Callable[[float], str] = mse
) -> str:
    """``median (least to largest)`` over ``seeds``, those of these numbers; the median alone where there is one seed,
    or NaN, where the number is not known."""
    return f"{shown(median)} ({shown(least)} to {shown(largest)})" if seeds > 1 else shown(median)


def counts(one: int, other: int) -> str:
    """A count that two sides share, or both."""
    return str(one) if one == other else f"{one} against {other}"


def percent(value: float) -> str:
    """A relative change in percent, with its sign."""
    return MISSING if math.isnan(value) else f"{100 * value:+z.1f}"


def two_decimals(value: float) -> str:
    """A ratio or a correlation."""
    return MISSING if math.isnan(value) else "diverged" if math.isinf(value) else f"{value:.2f}"


def p_value(p: float) -> str:
    """Three decimals; an upper bound below that."""
    return MISSING if math.isnan(p) else "<0.001" if p < 0.001 else f"{p:.3f}"
