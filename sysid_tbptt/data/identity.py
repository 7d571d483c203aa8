"""When two sets of numbers are the same: rounding, fingerprints, revisions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Float64

from .series import Series


def round_significant(values: Float64[np.ndarray, " *shape"], digits: int) -> Float64[np.ndarray, " *shape"]:
    """Each value rounded to ``digits`` significant decimal digits, exactly as printing and reading it would."""
    rounded = [float(f"{value:.{digits - 1}e}") for value in values.ravel().tolist()]
    return np.array(rounded).reshape(values.shape)


def fingerprint(arrays: Iterable[Float64[np.ndarray, " *shape"]], *, digits: int = 5) -> str:
    """SHA-256 of the values to ``digits`` significant digits.

    It is blind to the container (compression, header) and to digits that a copy has lost, and to nothing else.
    """
    sha = hashlib.sha256()
    for array in arrays:
        sha.update(json.dumps(array.shape).encode())
        sha.update((round_significant(array, digits) + 0.0).astype("<f8").tobytes())  # + 0.0: no negative zero
    return sha.hexdigest()


def revision(*parts: Sequence[Series]) -> str:
    """SHA-256 of all that a score depends on: samples, units, sampling time, n_init and name of every record.

    It is taken after the cut, so that another cut is another revision; container and platform do not enter.
    """
    sha = hashlib.sha256()
    for part in parts:
        sha.update(f"part of {len(part)}\n".encode())
        for series in part:
            about = [series.name, series.u.shape, series.y.shape, series.dt, series.n_init]
            sha.update(json.dumps([*about, series.units.u, series.units.y]).encode())
            sha.update(series.u.astype("<f8").tobytes())
            sha.update(series.y.astype("<f8").tobytes())
    return sha.hexdigest()
