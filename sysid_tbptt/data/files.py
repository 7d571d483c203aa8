"""A user's own log of u and y: CSV or Parquet, with a small TOML description beside it.

    file = "log.csv"              # relative to the TOML file
    inputs = ["valve"]
    outputs = ["level", "flow"]
    dt = 0.1                      # s
    split = [0.6, 0.2, 0.2]       # fractions, or [6000, 8000, 10000]: where train, val and test end
    units_u = ["%"]               # optional, like all that follow
    units_y = ["m", "l/s"]
    n_init = 50
    name = "my_tank"

`sysid_tbptt.data.table` describes how the log is read. A column that is both an input and an output makes it a series
to forecast, see `sysid_tbptt.data.horizon`. In a suite, a data set whose name ends in ``.toml`` is such a description.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
from jaxtyping import Float64
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .. import limits
from ..errors import DataError, abridged, complaints
from ..text import utf8
from .cache import sha256_of
from .identity import revision
from .scaler import ChannelError
from .series import Dataset, Series, Units
from .table import bad_cell, check_numbers, check_there_once, is_file, read_table

SPLIT = "file"

Number = float | Annotated[int, Field(le=limits.WHOLE_NUMBER)]
Split = tuple[Number, Number, Number]
"""Three fractions that add up to 1, or the three samples where train, val and test end."""

Ends = tuple[int, int, int]
Names = Annotated[tuple[str, ...], Field(min_length=1, strict=False)]


class Description(BaseModel):
    """The TOML beside a log; its keys are the arguments of `from_file`."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    file: str = Field(description="the log, .csv or .parquet, relative to this description")
    inputs: Names = Field(description="columns of u")
    outputs: Names = Field(description="columns of y")
    dt: float = Field(gt=0, allow_inf_nan=False, description="sampling time [s]")
    split: Split = Field(strict=False, description="fractions of train, val and test, or the samples where they end")
    units_u: Names | None = Field(default=None, description="one unit per input")
    units_y: Names | None = Field(default=None, description="one unit per output")
    n_init: int = Field(
        default=0, ge=0, le=limits.WHOLE_NUMBER, description="leading samples of each part that are not scored"
    )
    name: str | None = Field(default=None, min_length=1, description="name of the data set; else that of the file")


def from_description(path: str | Path) -> Dataset:
    """The data set that a TOML description tells of.

    Raises:
        DataError: the description cannot be read, a key is unknown, missing or wrong, or the log is not usable.
    """
    path = Path(path)
    told = _validated(path)
    return from_file(
        path.parent / told.file,
        inputs=told.inputs,
        outputs=told.outputs,
        dt=told.dt,
        split=told.split,
        units_u=told.units_u,
        units_y=told.units_y,
        n_init=told.n_init,
        name=told.name or path.stem,
    )


def stamp(path: str | Path) -> tuple[int, ...]:
    """When the description and its log were last changed [ns]; it differs where the data set may differ."""
    path = Path(path)
    files = (path, path.parent / _validated(path).file)
    return tuple(file.stat().st_mtime_ns for file in files if is_file(file))


def _validated(path: Path) -> Description:
    try:
        text = utf8(limits.read_bytes(path, limits.TOML_BYTES, DataError), path, DataError).decode()
        return Description.model_validate(tomllib.loads(text))
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check the path of the description") from error
    except ValidationError as error:
        raise DataError(f"{path}: {complaints(error, Description)}") from error
    except (ValueError, RecursionError) as error:  # not TOML, or a number of 5000 digits
        raise DataError(f"{path}: not a TOML file ({abridged(str(error))}); mend it there") from error


def from_file(
    path: str | Path,
    *,
    inputs: Sequence[str],
    outputs: Sequence[str],
    dt: Number,
    split: Split,
    units_u: Sequence[str] | None = None,
    units_y: Sequence[str] | None = None,
    n_init: int = 0,
    name: str | None = None,
) -> Dataset:
    """A log, one row a sample, columns named in the first row (CSV, comma-separated) or the schema (Parquet).

    ``inputs`` and ``outputs`` name the columns of u and y, ``dt`` is the sampling time [s]. ``split`` holds three
    fractions of the record that add up to 1, or the three samples where train, val and test end (half-open); the
    parts follow one another in time. The first ``n_init`` samples of each part are not scored. A column may be both an
    input and an output: the log is then one to forecast.

    Raises:
        DataError: a file or column is missing, a cell does not hold a number that float32 can hold, a column is
            constant over the training part or has a sample too far away from its mean there, or the split leaves a
            part too short.
    """
    path = Path(path)
    _check_columns(path, inputs, outputs)
    if not 0 < dt < math.inf:
        raise DataError(f"{path}: dt={dt} must be a positive number of seconds; correct it")
    units = Units(u=_units(path, "units_u", units_u, inputs), y=_units(path, "units_y", units_y, outputs))
    parts = _cut(path, _read(path, list(dict.fromkeys([*inputs, *outputs]))), split, n_init)
    train, val, test = (
        (Series(_values(rows, inputs), _values(rows, outputs), float(dt), units, n_init, part),)
        for part, rows in parts.items()
    )
    try:
        return Dataset(
            name=name or path.stem,
            split=SPLIT,
            train=train,
            val=val,
            test=test,
            citation="a file of the user's own",
            protocol=f"{SPLIT} split: {', '.join(f'{part} {len(rows)}' for part, rows in parts.items())} samples of "
            f"{path.name} in a row, n_init={n_init}",
            revision=revision(train, val, test),
            sha256={path.name: sha256_of(path)},
            forecasts=not set(inputs).isdisjoint(outputs),
        )
    except ChannelError as error:
        raise _in_file(path, error, {"u": inputs, "y": outputs}, parts) from error


def _in_file(
    path: Path, error: ChannelError, columns: Mapping[str, Sequence[str]], parts: Mapping[str, pd.DataFrame]
) -> DataError:
    """The error with the file, its column and its row in place of the data set, the channel and the sample."""
    at = error.place
    column = columns[at.key][at.channel]
    if at.sample is None:
        return DataError(f"{path}: column {column!r} {error.said}; {error.remedy}")
    return bad_cell(path, column, int(parts[at.record].index[at.sample]), error.said)


def _check_columns(path: Path, inputs: Sequence[str], outputs: Sequence[str]) -> None:
    for key, names in (("inputs", inputs), ("outputs", outputs)):
        if isinstance(names, str) or not names:
            raise DataError(f"{path}: {key}={names!r} must be a list of at least one column; name the columns")
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise DataError(f"{path}: column {twice[0]!r} is named twice among {key}; name it once")


def _units(path: Path, key: str, units: Sequence[str] | None, columns: Sequence[str]) -> tuple[str, ...]:
    if units is None:
        return ("-",) * len(columns)
    if len(units) != len(columns):
        raise DataError(f"{path}: {key} has {len(units)} units for {len(columns)} columns; give one per column")
    return tuple(units)


def _values(rows: pd.DataFrame, columns: Sequence[str]) -> Float64[np.ndarray, "T n"]:
    return rows[list(columns)].to_numpy(dtype=np.float64)


def _read(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """The named columns as numbers."""
    table = read_table(path, columns)
    for column in columns:
        check_there_once(path, table, column)
        check_numbers(path, table[column])
    return table[list(columns)]


def _cut(path: Path, table: pd.DataFrame, split: Split, n_init: int) -> dict[str, pd.DataFrame]:
    """The three parts in time, each longer than ``n_init``."""
    ends = _ends(path, split, len(table))
    parts = {
        part: table.iloc[start:stop]
        for part, start, stop in zip(("train", "val", "test"), (0, *ends), ends, strict=False)
    }
    for part, rows in parts.items():
        if len(rows) < max(2, n_init + 1):
            raise DataError(
                f"{path}: the record of {len(table)} rows is too short: {part} gets {len(rows)}, and needs at least "
                f"{max(2, n_init + 1)} (n_init={n_init}); change split or n_init, or log more"
            )
    return parts


def _ends(path: Path, split: Split, length: int) -> Ends:
    if len(split) != 3:
        raise DataError(f"{path}: split={split} must hold three numbers: for train, val and test; correct it")
    if all(isinstance(end, int) for end in split):
        return _checked_ends(path, split, length)
    if not (min(split) > 0 and abs(sum(split) - 1) <= 1e-9):  # this way round: a NaN fails
        raise DataError(f"{path}: the fractions split={split} must be positive and add up to 1; correct them")
    return round(split[0] * length), round((split[0] + split[1]) * length), length


def _checked_ends(path: Path, split: Split, length: int) -> Ends:
    train, val, test = map(int, split)
    if not 0 < train < val < test <= length:
        raise DataError(
            f"{path}: the boundaries split={split} must increase and lie within the record of {length} rows; "
            "correct them"
        )
    return train, val, test
