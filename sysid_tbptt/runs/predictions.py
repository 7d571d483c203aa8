"""Simulated test outputs of a run on disk: plain arrays in an npz file, without pickles."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

import numpy as np

from ..data.series import Series
from ..errors import StoreError, shown
from .arrays import read_arrays
from .atomic import write_whole

_FIELDS = {"y": ("f", 2), "y_hat": ("f", 2), "n_init": ("iu", 0), "dt": ("f", 0), "unit": ("U", 1)}
"""Each field's kinds of numpy's types, and its number of axes."""


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
    arrays = read_arrays(path, StoreError, "no file of predictions: delete it")
    names = [key.removesuffix("/y_hat") for key in arrays if key.endswith("/y_hat")]
    try:
        return [_prediction(name, {field: arrays[f"{name}/{field}"] for field in _FIELDS}) for name in names]
    except KeyError as error:
        raise StoreError(f"{path}: no file of predictions: no array {shown(error.args[0])}; delete it") from error
    except ValueError as error:
        raise StoreError(f"{path}: no file of predictions ({error}); delete it") from error


def _prediction(name: str, arrays: dict[str, np.ndarray]) -> Prediction:
    for field, (kinds, n_dims) in _FIELDS.items():
        if arrays[field].dtype.kind not in kinds or arrays[field].ndim != n_dims:
            raise ValueError(f"{field} has type {arrays[field].dtype} and {arrays[field].ndim} axes")
    y, y_hat, units = arrays["y"], arrays["y_hat"], tuple(arrays["unit"].tolist())
    if y.shape != y_hat.shape or len(units) != y.shape[1]:
        raise ValueError(f"shapes {y.shape} and {y_hat.shape}, and {len(units)} units, do not fit")
    n_init, dt = int(arrays["n_init"]), float(arrays["dt"])
    if not 0 <= n_init < len(y) or not (isfinite(dt) and dt > 0):
        raise ValueError(f"n_init={n_init} of {len(y)} samples, dt={dt}")
    return Prediction(name, y, y_hat, n_init, dt, units)
