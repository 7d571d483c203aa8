"""What every data set is made of: records of input and output, cut into named parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from ..errors import DataError
from .scaler import LARGEST, Scaler


@dataclass(frozen=True)
class Units:
    """Physical units, one per channel; ``"-"`` where a channel has none."""

    u: tuple[str, ...]
    y: tuple[str, ...]


@dataclass(frozen=True)
class Series:
    """One measured record.

    ``u`` (T, n_u) and ``y`` (T, n_y) are float64 in physical ``units``, sampled every ``dt`` seconds.
    The first ``n_init`` samples may initialise a model's state; scores start after them.

    Raises:
        DataError: arrays that are not 2-D, unequal in length, empty, not finite, or beyond the range of float32.
    """

    u: np.ndarray
    y: np.ndarray
    dt: float
    units: Units
    n_init: int
    name: str

    def __post_init__(self) -> None:
        for key in ("u", "y"):
            array = np.array(getattr(self, key), dtype=np.float64, order="C")
            if array.ndim != 2:
                raise DataError(f"{self.name}: {key} must be 2-D (time, channel), got shape {array.shape}")
            if len(getattr(self.units, key)) != array.shape[1]:
                raise DataError(
                    f"{self.name}: {array.shape[1]} channels of {key} but {len(getattr(self.units, key))} units"
                )
            bad = np.flatnonzero(~np.isfinite(array).all(axis=1))
            if bad.size:
                raise DataError(
                    f"{self.name}: {key} is not finite at sample {bad[0]} ({bad.size} in all); mend or cut the record"
                )
            large = np.argwhere(np.abs(array) > LARGEST)
            if large.size:
                sample, channel = large[0]
                raise DataError(
                    f"{self.name}: channel {channel} of {key} holds {array[sample, channel]:.6g} at sample {sample}, "
                    f"more than float32 can hold ({LARGEST:.2g}); mend or cut the record, or choose another unit"
                )
            array.flags.writeable = False
            object.__setattr__(self, key, array)
        if len(self.u) != len(self.y):
            raise DataError(
                f"{self.name}: u has {len(self.u)} samples and y has {len(self.y)}; they must be equally long"
            )
        if not 0 <= self.n_init < len(self.u):
            raise DataError(f"{self.name}: n_init={self.n_init} must lie in [0, {len(self.u)})")

    def __len__(self) -> int:
        return len(self.u)

    def slice(self, start: int, stop: int, *, name: str | None = None) -> Series:
        """Samples ``[start, stop)`` with all metadata kept."""
        return Series(self.u[start:stop], self.y[start:stop], self.dt, self.units, self.n_init, name or self.name)


@dataclass(frozen=True)
class Dataset:
    """A named data set under a named split.

    ``train``, ``val`` and ``test`` hold one or more records each. ``protocol`` states the split, its source
    and versions; ``revision`` is a hash of all records as cut. ``sha256`` maps each raw file read to its checksum.
    ``given_scaler`` is the scaler where the protocol has another one than that of each channel over the training part.
    ``forecasts`` marks a series that is its own input and needs a ``horizon``, see `sysid_tbptt.data.horizon`.

    Raises:
        DataError: a part has no record, two test records have one name, a channel cannot be standardized, or a sample
            is too far away from the training mean.
    """

    name: str
    split: str
    train: tuple[Series, ...]
    val: tuple[Series, ...]
    test: tuple[Series, ...]
    citation: str
    protocol: str
    revision: str
    sha256: Mapping[str, str] = field(default_factory=dict)
    given_scaler: Scaler | None = None
    forecasts: bool = False
    horizon: int | None = None

    def __post_init__(self) -> None:
        for part in ("train", "val", "test"):
            if not getattr(self, part):
                raise DataError(f"{self.name}: part '{part}' has no record; choose another split")
        names = [series.name for series in self.test]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise DataError(f"{self.name}: {names.count(twice[0])} test records are named '{twice[0]}'; rename them")
        for series in (*self.train, *self.val, *self.test):
            self.scaler.check(series, name=self.name)

    @cached_property
    def scaler(self) -> Scaler:
        """Standardises u and y; fitted on the training part only, unless the protocol gives another."""
        return self.given_scaler or Scaler.fit(self.train, name=self.name)

    @property
    def n_init(self) -> int:
        """Samples of every record that may initialise a model's state."""
        return min(series.n_init for series in (*self.train, *self.val, *self.test))

    @property
    def n_u(self) -> int:
        return self.train[0].u.shape[1]

    @property
    def n_y(self) -> int:
        return self.train[0].y.shape[1]
