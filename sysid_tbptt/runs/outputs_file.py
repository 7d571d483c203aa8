"""Outputs of the test sets in a file of the user's own, whatever model gave them.

``.npz``: one array a test set, named as the test set: (T, n_y), or (T,) where there is one output channel.

``.csv`` and ``.parquet``: one row a sample, in the order of time. The column ``test_set`` names the test set of the
row; ``y_hat``, or ``y_hat_0``, ``y_hat_1``, ... where there are several output channels, hold the outputs.

The outputs are in the unit in which the data set is scored. The first n_init samples of a test set are not scored and
may be left out. Nothing in such a file is executed: pickles are refused.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..data.table import SUFFIXES as TABLES
from ..data.table import check_numbers, check_there_once, read_table
from ..errors import DataError
from .arrays import read_arrays

SUFFIXES = (".npz", *TABLES)


def read_outputs(path: Path, n_y: int) -> dict[str, np.ndarray]:
    """The arrays of the file by test set, as they are.

    Raises:
        DataError: there is no such file, it cannot be read, holds pickles, or lacks a column.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file; check the path of the predictions")
    if path.suffix.lower() == ".npz":
        return read_arrays(path, DataError, "write it by np.savez, one array of numbers a test set")
    return _read_table(path, n_y)


def _read_table(path: Path, n_y: int) -> dict[str, np.ndarray]:
    columns = ["y_hat"] if n_y == 1 else [f"y_hat_{channel}" for channel in range(n_y)]
    rows = read_table(path, ["test_set", *columns])
    for column in ("test_set", *columns):
        check_there_once(path, rows, column)
    for column in columns:
        check_numbers(path, rows[column])
    test_sets = rows["test_set"].astype(str)
    return {str(name): part[columns].to_numpy(dtype=np.float64) for name, part in rows.groupby(test_sets, sort=False)}
