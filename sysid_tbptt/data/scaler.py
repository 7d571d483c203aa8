"""Standardization of inputs and outputs, and which signals can be standardized."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, Float64

from ..errors import DataError

LARGEST, LEAST = float(np.finfo(np.float32).max), float(np.finfo(np.float32).tiny)
"""Predictions are stored as float32: the largest value, and the least standard deviation of a channel."""

FARTHEST = 1e18
"""Standard deviations between a sample and the training mean: the square of a standardized value fits float32."""

_ROUNDING = 1e-12
"""A standard deviation of at most this times the mean is rounding."""

_REMEDY = "leave it out, write it in another unit, or choose another split"


@dataclass(frozen=True)
class Place:
    """A channel of ``key``, and a sample of it in the record of that name; both count from 0."""

    key: Literal["u", "y"]
    channel: int
    record: str = ""
    sample: int | None = None

    def __str__(self) -> str:
        where = "" if self.sample is None else f" at sample {self.sample} of '{self.record}'"
        return f"channel {self.channel} of {self.key}{where}"


class ChannelError(DataError):
    """A channel, or a sample of it, that cannot be standardized: ``said`` is what is wrong with it."""

    def __init__(self, name: str, place: Place, said: str, remedy: str) -> None:
        super().__init__(name, place, said, remedy)
        self.name, self.place, self.said, self.remedy = name, place, said, remedy

    def __str__(self) -> str:
        return f"{self.name}: {self.place} {self.said}; {self.remedy}"


@runtime_checkable
class _Record(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def u(self) -> np.ndarray: ...
    @property
    def y(self) -> np.ndarray: ...


@dataclass(frozen=True)
class Scaler:
    """Zero mean and unit population standard deviation per channel, in physical units.

    Statistics are float64 of shape (n_u,) or (n_y,); scaled signals are float32, as the models want them.

    Raises:
        DataError: a mean is not finite, or a standard deviation is not a positive number.
    """

    u_mean: Float64[np.ndarray, " n_u"]
    u_std: Float64[np.ndarray, " n_u"]
    y_mean: Float64[np.ndarray, " n_y"]
    y_std: Float64[np.ndarray, " n_y"]

    def __post_init__(self) -> None:
        for mean, std in ((self.u_mean, self.u_std), (self.y_mean, self.y_std)):
            if not (np.isfinite(mean).all() and np.isfinite(std).all() and (std > 0).all()):
                raise DataError(f"a scaler has means {mean} and standard deviations {std}; the latter must be positive")

    @classmethod
    def fit(cls, train: Sequence[_Record], *, name: str = "data set") -> Scaler:
        """Statistics over all training records together.

        Raises:
            ChannelError: a channel is constant or hardly varies, so that it cannot be standardized.
        """
        statistics = []
        keys: tuple[Literal["u", "y"], ...] = ("u", "y")
        for key in keys:
            signal = np.concatenate([getattr(record, key) for record in train])
            mean, std = signal.mean(axis=0), signal.std(axis=0)
            flat = np.flatnonzero(std <= np.maximum(_ROUNDING * np.abs(mean), LEAST))
            if flat.size:
                raise ChannelError(name, Place(key, int(flat[0])), _flat(signal[:, flat[0]]), _REMEDY)
            statistics += [mean, std]
        return cls(*statistics)

    @classmethod
    def identity(cls, n_u: int, n_y: int) -> Scaler:
        """Leaves signals that are scaled already as they are."""
        return cls(np.zeros(n_u), np.ones(n_u), np.zeros(n_y), np.ones(n_y))

    def check(self, record: _Record, *, name: str = "data set") -> None:
        """Passes a record that can be standardized.

        Raises:
            ChannelError: a sample is more than `FARTHEST` standard deviations away from the mean.
        """
        self._check("u", record.u, self.u_mean, self.u_std, record.name, name)
        self._check("y", record.y, self.y_mean, self.y_std, record.name, name)

    @staticmethod
    def _check(
        key: Literal["u", "y"], values: np.ndarray, mean: np.ndarray, std: np.ndarray, record: str, name: str
    ) -> None:
        farthest = np.maximum(values.max(axis=0) - mean, mean - values.min(axis=0))
        for channel in np.flatnonzero(farthest > FARTHEST * std).tolist():
            away = np.abs(values[:, channel] - mean[channel]) / std[channel]
            sample = int(np.argmax(away > FARTHEST))
            raise ChannelError(
                name,
                Place(key, channel, record, sample),
                f"holds {values[sample, channel]:.6g}, which is {away[sample]:.1g} standard deviations of the training "
                "part away from its mean",
                "mend the sample, or cut the record before it",
            )

    def scale(self, record: _Record) -> tuple[Float32[np.ndarray, "T n_u"], Float32[np.ndarray, "T n_y"]]:
        """Both signals of a record."""
        return self.scale_u(record.u), self.scale_y(record.y)

    def scale_u(self, u: Float64[np.ndarray, "T n_u"]) -> Float32[np.ndarray, "T n_u"]:
        return ((u - self.u_mean) / self.u_std).astype(np.float32)

    def scale_y(self, y: Float64[np.ndarray, "T n_y"]) -> Float32[np.ndarray, "T n_y"]:
        return ((y - self.y_mean) / self.y_std).astype(np.float32)

    def unscale_y(self, y: Float32[np.ndarray, "T n_y"]) -> Float64[np.ndarray, "T n_y"]:
        return np.asarray(y, dtype=np.float64) * self.y_std + self.y_mean


def _flat(signal: Float64[np.ndarray, " T"]) -> str:
    """What is wrong with a channel that cannot be standardized."""
    if (signal == signal[0]).all():
        return "is constant over the training part, so that it cannot be standardized"
    return (
        f"hardly varies over the training part, by {signal.std():.2g} about a mean of {signal.mean():.6g}, so that it "
        "cannot be standardized"
    )
