"""Finds out from the text of a file why it is not a CSV table that this package reads: the line, and the remedy.

A table has a header line that names the columns, then one line a row; cells are separated by commas, decimals by
points. These functions look again at the text of a file that could not be read, and find its actual form.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path

SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars", " ": "blanks"}
POINTS = "write decimals with points, and nothing between thousands"
_COMMENTS = ("#", "%", "//")
_HEADER_WITHIN = 100
"""Lines in which the header is looked for."""
_ALIKE = 5
"""Lines after the header that must have its separators too."""

_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*")
_FOREIGN = re.compile(r"[+-]?\d[\d.,'\u2019\s]*([eE][+-]?\d+)?")

Row = tuple[int, list[str]]
"""The number of a row's last line from 1, and its cells."""


def fault(path: Path, columns: Sequence[str] = ()) -> str | None:
    """What is wrong with the file, and the remedy; None if nothing is found. The file should have the ``columns``."""
    text = _text(path)
    lines = [(number, line) for number, line in _lines(text) if line.strip()]
    if not lines:
        return "it is empty; write a header line and one line a sample"
    return _header_fault(lines, columns) or _separator_fault(lines) or _names_fault(lines) or _row_fault(text)


def line_of(path: Path, row: int) -> int | None:
    """The line of the file on which a row ends, the rows counted from 0 without the header; None if it has none."""
    with suppress(csv.Error, StopIteration, OSError):
        return next(islice(_rows(_text(path)), row + 1, None))[0]
    return None


def is_foreign_number(cell: str) -> bool:
    """Whether a cell may be a number with a decimal comma, or with something between the thousands."""
    return bool(_FOREIGN.fullmatch(cell.strip()))


def _text(path: Path) -> str:
    return path.read_bytes().removeprefix(codecs.BOM_UTF8).decode(errors="replace")


def _lines(text: str) -> Iterator[tuple[int, str]]:
    return islice(enumerate(io.StringIO(text, newline=None), start=1), _HEADER_WITHIN)


def _rows(text: str) -> Iterator[Row]:
    """The rows, that of the header first; an error where a quote does not end."""
    reader = csv.reader(io.StringIO(text, newline=""), skipinitialspace=True, strict=True)
    begun = False
    for cells in reader:
        begun = begun or any(cell.strip() for cell in cells)
        if begun:
            yield reader.line_num, cells


def _header_fault(lines: list[tuple[int, str]], columns: Sequence[str]) -> str | None:
    """Lines before the one that names the columns, or a mark in front of the names."""
    number, first = lines[0]
    later = next((n for n, line in lines[1:] if columns and _has(line, columns)), None)
    mark = next((mark for mark in _COMMENTS if first.lstrip().startswith(mark)), None)
    if mark and columns and _has(first.strip().removeprefix(mark), columns):
        return f"line {number} begins with {mark!r}; take it out of the line that names the columns"
    if later:
        return f"line {later} names the columns: take out what comes before it"
    if mark:
        return f"line {number} is a comment: take out what comes before the line that names the columns"
    return None


def _has(line: str, columns: Sequence[str]) -> bool:
    """Whether the columns are among the cells of a line, whatever separates them."""
    return any(set(columns) <= set(_cells(line, separator)) for separator in (",", *SEPARATORS))


def _cells(line: str, separator: str) -> list[str]:
    parts = line.split() if separator == " " else line.split(separator)
    return [part.strip().strip('"') for part in parts]


def _separator_fault(lines: list[tuple[int, str]]) -> str | None:
    """Another separator than the comma, where the header and the rows below it have as many of it."""
    header, *rows = [line for _, line in lines[: _ALIKE + 1]]
    for separator, name in SEPARATORS.items():
        cells = len(_cells(header, separator))
        alike = all(len(_cells(row, separator)) == cells for row in rows)
        if cells > 1 and alike and not (separator == " " and "," in header):
            return f"its columns are separated by {name}; write it with commas, decimals with points"
    return None


def _names_fault(lines: list[tuple[int, str]]) -> str | None:
    number, header = lines[0]
    if all(_NUMBER.fullmatch(cell) for cell in _cells(header, ",")):
        return f"line {number} holds numbers, and no line names the columns: put one before it"
    return None


def _row_fault(text: str) -> str | None:
    """The first row that is longer than the header, or has a quote that does not end."""
    line, width = 0, 0
    try:
        for line, cells in _rows(text):
            width = width or len(cells)
            if len(cells) > width:
                remedy = f"mend the line, or {POINTS}" if all(map(_NUMBER.fullmatch, cells)) else "mend the line"
                return f"line {line} has {len(cells)} cells, the header has {width}; {remedy}"
    except csv.Error as error:
        return f"the row that begins on line {line + 1} cannot be read ({error}); mend its quotes"
    return None
