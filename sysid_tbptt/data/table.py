"""Tables from outside, CSV or Parquet: columns by name, one row a sample.

Messages count rows from 1, the header not counted, and name the line of a CSV file as an editor counts it.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Int64

from .. import limits
from ..errors import DataError, abridged, listed, shown
from ..text import utf8
from . import csv_faults

SUFFIXES = (".csv", ".parquet")


def read_table(path: Path, columns: Sequence[str] = ()) -> pd.DataFrame:
    """A CSV or Parquet file as it is, columns by the names in its first row or schema.

    ``columns`` are among those that should be there, which helps to say what is wrong with a file.
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
    """Whether the file is there; False where no file can have such a name."""
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
        table.validate(full=True)  # or else text that is no UTF-8 comes to light late
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
        remedy = (csv_faults.fault(path, [column]) if _is_csv(path) else None) or "correct the name"
        raise DataError(f"{path}: no column {column!r}; there are: {there}; {remedy}")
    if times > 1:
        raise DataError(f"{path}: {times} columns are named {column!r}; rename them")


def check_numbers(path: Path, column: pd.Series[Any]) -> None:
    """Raises DataError where a cell does not hold a finite number."""
    try:
        numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    except OverflowError as error:
        raise DataError(f"{path}: column {column.name!r} holds a whole number beyond float64; mend it") from error
    bad = np.flatnonzero(~np.isfinite(numbers))
    if bad.size:
        raise bad_rows(path, column.name, bad, _said(column.iloc[bad[0]]))
    if len(column) and column.dtype.kind not in "biuf":
        raise DataError(f"{path}: column {column.name!r} holds {column.dtype}, not numbers; convert it")


def bad_rows(path: Path, column: object, rows: Int64[np.ndarray, " n"], said: str) -> DataError:
    """The error of a column with bad cells; ``rows`` count from 0, and ``said`` is about the first."""
    line = csv_faults.line_of(path, int(rows[0])) if _is_csv(path) else None
    many = f"{len(rows)} such rows" if len(rows) > 1 else None
    about = ", ".join(filter(None, (f"line {line} of the file" if line else None, many)))
    remedy = "mend the row, or cut the file before it"
    where = f"{path}: column {column!r}, row {rows[0] + 1} {said}"
    return DataError(f"{where} ({about}); {remedy}" if about else f"{where}; {remedy}")


def _said(cell: object) -> str:
    """What is wrong with a cell that does not hold a finite number."""
    if pd.isna(cell):  # type: ignore[call-overload]
        return "holds no number"
    hint = ", and numbers are written with a decimal point and nothing between thousands"
    return f"holds {shown(str(cell))}, not a finite number{hint if csv_faults.is_foreign_number(str(cell)) else ''}"


def _is_csv(path: Path) -> bool:
    return path.suffix.lower() == ".csv"
