import numpy as np
import pytest
from scipy import stats

from sysid_tbptt.errors import ModelError
from sysid_tbptt.training.decay import Decay
from sysid_tbptt.training.forgetting import fit

RNG = np.random.default_rng(0)
T = np.arange(1, 101)
RATES = RNG.uniform(0.9, 0.97, size=(60, 1))
MIXED = Decay(RNG.uniform(0.5, 2.0, size=(60, 1)) * RATES**T, np.full((60, 1), 1e-12))


def slope(squares):
    """lambda of the later half by numpy's own straight line."""
    return np.exp(np.polyfit(T[50:], np.log(squares.mean(axis=0))[50:] / 2, 1)[0])


def test_the_rate_is_the_slope_of_the_root_mean_square_over_the_later_half():
    found = fit(MIXED)
    assert found.factor == pytest.approx(slope(np.square(MIXED.ratio)))
    assert found.fitted == (51, 100)
    middle = np.sqrt(np.mean(MIXED.ratio[:, 74] * MIXED.ratio[:, 74]))
    assert found.scale * found.factor**75 == pytest.approx(middle, rel=0.01)


def test_the_interval_is_scipys_over_pairs():
    squares = np.square(MIXED.ratio)
    theirs = stats.bootstrap(
        (np.arange(60),), lambda at: slope(squares[at]), vectorized=False, method="percentile", n_resamples=2000, rng=1
    ).confidence_interval
    low, high = fit(MIXED).interval
    assert (low, high) == pytest.approx((theirs.low, theirs.high), abs=0.1 * (theirs.high - theirs.low))


def test_what_is_rounding_is_not_fitted():
    ratio = np.maximum(0.5**T, 1e-14) * np.ones((3, 1))
    found = fit(Decay(ratio, np.full((3, 1), 1e-12)))
    assert found.factor == pytest.approx(0.5)
    assert found.fitted == (20, 39)
    assert 0.5 ** found.fitted[1] > 1e-12 > 0.5 ** (found.fitted[1] + 1)


def test_a_pair_that_alone_is_above_rounding_gives_a_rate_yet():
    ratio = np.zeros((5, 100))
    ratio[0] = 0.9**T
    assert fit(Decay(ratio, np.full((5, 1), 1e-12))).factor == pytest.approx(0.9)


@pytest.mark.parametrize("steps", [0, 7])
def test_too_few_steps_above_rounding_are_told(steps):
    ratio = np.where(steps >= T, 1.0, 0.0) * np.ones((3, 1))
    with pytest.raises(ModelError, match=f"rounding after {steps} steps"):
        fit(Decay(ratio, np.full((3, 1), 1e-12)))
