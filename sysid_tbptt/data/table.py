"""Tables from outside, CSV or Parquet: columns by name, one row a sample.

Messages count rows from 1, the header not counted, and name the line of a CSV file as an editor counts it.
"""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float64

from .. import limits
from ..errors import DataError, abridged, listed, shown
from ..text import utf8
from . import csv_faults
from .scaler import LARGEST

SUFFIXES = (".csv", ".parquet")
MEND = "mend the row, or cut the file before it"
_MISSING = ("", "nan", "None", "<NA>", "NaT")
"""A missing cell as text."""


def read_table(path: Path, columns: Sequence[str] = ()) -> pd.DataFrame:
    """The table in a CSV or Parquet file; its first row or schema names the columns.

    The file should have the ``columns``; they help to find out what is wrong with it.
    Blank lines before the header of a CSV file and at its end hold nothing; one in between is a row without values.

    Raises:
        DataError: there is no such file, or it is neither.
    """
    if not is_file(path):
        raise DataError(f"{path}: no such file; check the path")
    if path.suffix.lower() not in SUFFIXES:
        raise DataError(f"{path}: a log must be one of {', '.join(SUFFIXES)}; convert it")
    limits.check_plain(path, limits.TABLE_BYTES, DataError)
    return _read_parquet(path) if path.suffix.lower() == ".parquet" else _read_csv(path, columns)


def is_file(path: Path) -> bool:
    """Whether the file exists; False where no file can have such a name."""
    try:
        return path.is_file()
    except OSError:
        return False


def _read_csv(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """A row that is longer than the first is an error, one that is shorter leaves empty cells."""
    try:
        content = utf8(path.read_bytes(), path, DataError).strip()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # cells that would be dropped
            table = _parsed(content, index_col=False, low_memory=False)
            header = _parsed(content, header=None, nrows=1, dtype=str)
    except (ValueError, pd.errors.ParserWarning) as error:
        fault = csv_faults.fault(path, columns) or f"{abridged(' '.join(str(error).split()))}; mend the file"
        raise DataError(f"{path}: not a CSV table: {fault}") from error
    table.columns = pd.Index(header.iloc[0])  # pandas gives a repeated name a number
    return table


def _parsed(content: bytes, **options: Any) -> pd.DataFrame:
    """Every line is a row, since a blank one is a sample that is missing."""
    return pd.read_csv(io.BytesIO(content), skipinitialspace=True, skip_blank_lines=False, **options)


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        import pyarrow.parquet

        with pyarrow.parquet.ParquetFile(path) as file:
            cells = file.metadata.num_rows * max(1, file.metadata.num_columns)
            if cells > limits.TABLE_CELLS:
                raise ValueError(f"{cells} cells where at most {limits.TABLE_CELLS} are read")
            table = file.read()
        table.validate(full=True)  # finds text that is not UTF-8
        return table.to_pandas()
    except ImportError as error:
        raise DataError(
            f"{path}: reading Parquet needs pyarrow; install it with: pip install 'sysid-tbptt[parquet]'"
        ) from error
    except Exception as error:  # pyarrow raises of many kinds
        raise DataError(f"{path}: not a readable Parquet file ({shown(str(error))}); write it anew") from error


def check_there_once(path: Path, table: pd.DataFrame, column: str) -> None:
    """Raises DataError where the column is missing or there twice."""
    times = list(table.columns).count(column)
    if times == 0:
        there = listed(map(str, table.columns))
        alike = [str(name) for name in table.columns if str(name).strip().casefold() == column.strip().casefold()]
        remedy = f"did you mean {alike[0]!r}? correct the name" if alike else "correct the name"
        if not alike and _is_csv(path):
            remedy = csv_faults.fault(path, [column]) or remedy
        raise DataError(f"{path}: no column {column!r}; there are: {there}; {remedy}")
    if times > 1:
        raise DataError(f"{path}: {times} columns are named {column!r}; rename them")


def check_numbers(path: Path, column: pd.Series[Any]) -> None:
    """Raises DataError where a cell does not hold a finite number that float32 can hold."""
    numbers = _numbers(column)
    bad = np.flatnonzero(~(np.abs(numbers) <= LARGEST))
    if bad.size:
        row, many = int(bad[0]), len(bad)
        raise bad_cell(path, str(column.name), row, *_fault(str(column.iloc[row]), numbers[row]), many=many)
    if len(column) and column.dtype.kind not in "biuf":
        raise DataError(f"{path}: column {column.name!r} holds {column.dtype}, not numbers; convert it")


def _numbers(column: pd.Series[Any]) -> Float64[np.ndarray, " T"]:
    """Converts the cells to float64: NaN for a cell without a number, infinity for an integer that is too large."""
    try:
        return pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    except OverflowError:
        return np.array([_number(cell) for cell in column])


def _number(cell: Any) -> float:
    try:
        return float(cell)
    except OverflowError:
        return math.inf
    except (TypeError, ValueError):
        return math.nan


def bad_cell(path: Path, column: str, row: int, said: str, remedy: str = MEND, *, many: int = 1) -> DataError:
    """The error of a cell, whose ``row`` counts from 0, and which is the first of ``many`` in its column."""
    line = csv_faults.line_of(path, row) if _is_csv(path) else None
    about = [f"line {line} of the file"] if line else []
    about += [f"{many} such rows"] if many > 1 else []
    place = f" ({', '.join(about)})" if about else ""
    return DataError(f"{path}: column {column!r}, row {row + 1} {said}{place}; {remedy}")


def _fault(cell: str, number: float) -> tuple[str, str]:
    """What is wrong with a cell that does not hold a finite number of float32, and the remedy."""
    if np.isfinite(number) or (np.isinf(number) and cell.lstrip(" +-")[:1].isdigit()):
        return f"holds {shown(cell)}, more than float32 can hold ({LARGEST:.2g})", MEND
    if cell.strip() in _MISSING:
        return "holds no number", MEND
    foreign = csv_faults.is_foreign_number(cell)
    return f"holds {shown(cell)}, not a finite number", csv_faults.POINTS if foreign else MEND


def _is_csv(path: Path) -> bool:
    return path.suffix.lower() == ".csv"
