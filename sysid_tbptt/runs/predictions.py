"""Simulated test outputs of a run on disk: plain arrays in an npz file, without pickles."""

from __future__ import annotations

import io
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from ..data.series import Series
from ..errors import StoreError
from .atomic import write_whole

UNREADABLE = (OSError, EOFError, ValueError, KeyError, TypeError, NotImplementedError, BadZipFile, zlib.error)
"""What numpy raises of an npz file that is damaged, is none, or holds pickles."""

_FIELDS = ("y", "y_hat", "n_init", "dt", "unit")


@dataclass(frozen=True)
class Prediction:
    """One test set: measured ``y`` and simulated ``y_hat`` (T, n_y) as float32 in physical units, sampled every ``dt``
    seconds, one ``unit`` a channel. Scores start after ``n_init`` samples."""

    test_set: str
    y: np.ndarray
    y_hat: np.ndarray
    n_init: int
    dt: float
    unit: tuple[str, ...]


def write_predictions(path: Path, records: Sequence[Series], y_hat: Mapping[str, np.ndarray]) -> None:
    """Writes measured and simulated outputs of test records, the latter by name; arrays are named ``<test set>/y`` etc.

    Raises:
        StoreError: the file cannot be written.
    """
    arrays: dict[str, np.ndarray] = {}
    for series in records:
        values = (
            series.y.astype(np.float32),
            y_hat[series.name].astype(np.float32),
            np.int64(series.n_init),
            np.float64(series.dt),
            np.array(series.units.y, dtype=np.str_),
        )
        arrays |= {f"{series.name}/{field}": np.asarray(value) for field, value in zip(_FIELDS, values, strict=True)}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    write_whole(path, buffer.getvalue())


def read_predictions(path: Path) -> list[Prediction]:
    """The test sets of a file, in the order in which they were written.

    Raises:
        StoreError: there is no such file, or it is no predictions file, or damaged.
    """
    if not path.is_file():
        raise StoreError(f"{path}: there are no predictions of this run; --keep-weights writes them when it is trained")
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            names = [key.removesuffix("/y_hat") for key in file.files if key.endswith("/y_hat")]
            return [_prediction(name, {field: file[f"{name}/{field}"] for field in _FIELDS}) for name in names]
    except UNREADABLE as error:
        raise StoreError(f"{path}: no file of predictions ({error}); delete it") from error


def _prediction(name: str, arrays: dict[str, np.ndarray]) -> Prediction:
    y, y_hat = arrays["y"], arrays["y_hat"]
    if y.ndim != 2 or y.shape != y_hat.shape or arrays["unit"].shape != y.shape[1:]:
        raise ValueError(f"shapes {y.shape}, {y_hat.shape} and {arrays['unit'].shape} do not fit")
    units = tuple(arrays["unit"].tolist())
    return Prediction(name, y, y_hat, int(arrays["n_init"]), float(arrays["dt"]), units)
