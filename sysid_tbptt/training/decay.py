"""How far apart two states keep the outputs of a network, step by step; without torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64

from ..errors import ConfigError

_SLACK = 1e-3
"""As much of a sample just above its floor may be rounding, and is no violation."""


def check_bound(constant: float, factor: float) -> None:
    """Raises ConfigError unless C lambda^t can bound what forgets: C in (0, inf), lambda in (0, 1)."""
    if not 0 < constant < np.inf:
        raise ConfigError(f"C = {constant} bounds no distance; choose a finite C > 0")
    if not 0 < factor < 1:
        raise ConfigError(f"lambda = {factor} is no forgetting factor; choose 0 < lambda < 1")


@dataclass(frozen=True)
class Decay:
    """``ratio`` is ||y_t(h1) - y_t(h2)|| / ||h1 - h2|| of K pairs of states at t = 1 .. L, where y_1 is the first
    output after the states were set; outputs in standardised units. What is not above a pair's ``floor`` is rounding.
    """

    ratio: Float64[np.ndarray, "K L"]
    floor: Float64[np.ndarray, "K 1"]

    @property
    def t(self) -> Int64[np.ndarray, " L"]:
        return np.arange(1, self.ratio.shape[1] + 1)

    @property
    def sure(self) -> Bool[np.ndarray, "K L"]:
        """The samples that stand above rounding."""
        return self.ratio > self.floor

    def least_constant(self, factor: float) -> float:
        """The least C with which ratio <= C lambda^t holds for all samples above rounding; 0 where there is none.

        Raises:
            ConfigError: ``factor`` (lambda) is not positive.
        """
        return float(np.exp(self._log_constants(factor).max(initial=-np.inf)))

    def violations(self, constant: float, factor: float) -> float:
        """The share of the samples above rounding with ratio > C lambda^t; 0 where there is none.

        Raises:
            ConfigError: as of `check_bound`.
        """
        check_bound(constant, factor)
        needed = self._log_constants(factor)
        return float(np.mean(needed > np.log(constant) + _SLACK)) if needed.size else 0.0

    def _log_constants(self, factor: float) -> Float64[np.ndarray, " S"]:
        """Logarithm of the C that each sample needs."""
        if not factor > 0:
            raise ConfigError(f"lambda = {factor} is no forgetting factor; choose lambda > 0")
        sure = self.sure
        return np.log(self.ratio[sure]) - self.t[np.nonzero(sure)[1]] * np.log(factor)
