"""The rate lambda at which outputs forget the state, from a measured decay; without torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from ..errors import ModelError
from .bound import forgets, memory
from .decay import Decay

CONFIDENCE, RESAMPLES = 0.95, 2000
LEAST_STEPS = 8
"""Outputs that agree after fewer steps than this show no rate."""


@dataclass(frozen=True)
class Forgetting:
    """lambda = ``factor`` a step, with its percentile bootstrap ``interval`` over pairs (95 %), and ``constant``, the
    least C that holds for all sampled pairs with this lambda: standardised outputs over states as the network has them.
    C is a largest value: other pairs move it more than lambda, and more pairs raise it. The pairs are driven by
    overlapping stretches of the same records, so that the interval tells of these data alone.

    lambda is the slope of the logarithm of the root mean square of ``decay.ratio`` over pairs, fitted over t from
    ``fitted[0]`` to ``fitted[1]``: the later half of the steps until rounding is reached, so that the start-up, in
    which faster modes die out, is left out. The fitted line is ``scale`` lambda^t.
    """

    factor: float
    interval: tuple[float, float]
    constant: float
    fitted: tuple[int, int]
    scale: float
    decay: Decay

    @property
    def forgets(self) -> bool:
        """Whether lambda and all of its interval are less than 1."""
        return forgets(self.factor, self.interval)

    @property
    def memory(self) -> float:
        """1 / |ln lambda| in steps; infinite where the network does not forget."""
        return memory(self.factor) if self.forgets else np.inf


def fit(decay: Decay, *, seed: int = 0) -> Forgetting:
    """The rate of a measured decay; lambda is 1 or more where distances do not fall.

    Raises:
        ModelError: rounding is reached in fewer than `LEAST_STEPS` steps.
    """
    squares, floor = np.square(decay.ratio), float(np.mean(np.square(decay.floor)))
    above = np.flatnonzero(squares.mean(axis=0) > floor)
    end = int(above[-1]) + 1 if len(above) else 0
    if end < LEAST_STEPS:
        raise ModelError(
            f"the outputs agree up to rounding after {end} steps, whatever the state: the network forgets too fast for "
            f"its rate to be measured, which takes {LEAST_STEPS} steps"
        )
    later = above[above >= end // 2]
    slopes, starts = _lines(decay.t[later], _log_means(squares[:, later], floor, seed))
    tail = (1 - CONFIDENCE) / 2
    low, high = np.exp(np.quantile(slopes[1:], [tail, 1 - tail])).tolist()
    factor, fitted = float(np.exp(slopes[0])), (int(decay.t[later[0]]), int(decay.t[later[-1]]))
    return Forgetting(factor, (low, high), decay.least_constant(factor), fitted, float(np.exp(starts[0])), decay)


def _log_means(squares: Float64[np.ndarray, "K n"], floor: float, seed: int) -> Float64[np.ndarray, "R n"]:
    """Logarithm of the root mean square over all pairs, then over each resample of the pairs."""
    pairs = len(squares)
    drawn = np.random.default_rng(seed).multinomial(pairs, np.full(pairs, 1 / pairs), size=RESAMPLES)
    counts = np.concatenate([np.ones((1, pairs)), drawn])
    return np.log(np.maximum(counts @ squares / pairs, max(floor, np.finfo(np.float64).tiny))) / 2


def _lines(
    t: Int64[np.ndarray, " n"], values: Float64[np.ndarray, "R n"]
) -> tuple[Float64[np.ndarray, " R"], Float64[np.ndarray, " R"]]:
    """Slope, and value at t = 0, of the straight line of least squares through each row."""
    centred = t - t.mean()
    slopes = values @ centred / np.square(centred).sum()
    return slopes, values.mean(axis=1) - slopes * t.mean()
