"""Standardisation of inputs and outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, Float64

from ..errors import DataError


@runtime_checkable
class _Record(Protocol):
    @property
    def u(self) -> np.ndarray: ...
    @property
    def y(self) -> np.ndarray: ...


@dataclass(frozen=True)
class Scaler:
    """Zero mean and unit population standard deviation per channel, in physical units.

    Statistics are float64 of shape (n_u,) or (n_y,); scaled signals are float32, as the models want them.
    """

    u_mean: Float64[np.ndarray, " n_u"]
    u_std: Float64[np.ndarray, " n_u"]
    y_mean: Float64[np.ndarray, " n_y"]
    y_std: Float64[np.ndarray, " n_y"]

    @classmethod
    def fit(cls, train: Sequence[_Record], *, name: str = "data set") -> Scaler:
        """Statistics over all training records together.

        Raises:
            DataError: a channel is constant, so that it cannot be standardised.
        """
        statistics = []
        for key in ("u", "y"):
            signal = np.concatenate([getattr(record, key) for record in train])
            mean, std = signal.mean(axis=0), signal.std(axis=0)
            flat = np.flatnonzero(std <= 1e-12 * np.maximum(np.abs(mean), 1e-300))
            if flat.size:
                raise DataError(
                    f"{name}: channel {flat[0]} of {key} is constant over the training part; "
                    "remove the channel or choose another cut"
                )
            statistics += [mean, std]
        return cls(*statistics)

    @classmethod
    def identity(cls, n_u: int, n_y: int) -> Scaler:
        """Leaves signals that are scaled already as they are."""
        return cls(np.zeros(n_u), np.ones(n_u), np.zeros(n_y), np.ones(n_y))

    def scale(self, record: _Record) -> tuple[Float32[np.ndarray, "T n_u"], Float32[np.ndarray, "T n_y"]]:
        """Both signals of a record."""
        return self.scale_u(record.u), self.scale_y(record.y)

    def scale_u(self, u: Float64[np.ndarray, "T n_u"]) -> Float32[np.ndarray, "T n_u"]:
        return ((u - self.u_mean) / self.u_std).astype(np.float32)

    def scale_y(self, y: Float64[np.ndarray, "T n_y"]) -> Float32[np.ndarray, "T n_y"]:
        return ((y - self.y_mean) / self.y_std).astype(np.float32)

    def unscale_y(self, y: Float32[np.ndarray, "T n_y"]) -> Float64[np.ndarray, "T n_y"]:
        return np.asarray(y, dtype=np.float64) * self.y_std + self.y_mean
