from itertools import product
from math import comb, inf, isnan, nan, sqrt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sysid_tbptt.report.stats import (
    MIN_PAIRS,
    change,
    change_interval,
    holm,
    median_interval,
    paired_p,
    ranking,
)

ERROR = st.floats(1e-3, 1e3)
ERRORS = st.lists(ERROR, min_size=3, max_size=12)


def signed_rank_p(differences):
    """The exact two-sided p by listing every assignment of signs; no ties, no zeros."""
    ranks = np.argsort(np.argsort(np.abs(differences))) + 1
    sums = [
        sum(rank for rank, plus in zip(ranks, signs, strict=True) if plus)
        for signs in product((0, 1), repeat=len(ranks))
    ]
    plus = sum(rank for rank, difference in zip(ranks, differences, strict=True) if difference > 0)
    least = min(np.mean([s <= plus for s in sums]), np.mean([s >= plus for s in sums]))
    return min(1.0, 2 * least)


@pytest.mark.parametrize("seed", range(5))
def test_the_signed_rank_test_is_exact(seed):
    a, b = np.random.default_rng(seed).normal(size=(2, 8))
    assert paired_p(a.tolist(), b.tolist()) == pytest.approx(signed_rank_p(a - b))


def test_ten_pairs_of_one_sign_have_the_least_p_there_is():
    values = [float(value) for value in range(10)]
    assert paired_p(values, [1.1 * value + 1 for value in values]) == pytest.approx(2 / 2**10)


def test_too_few_pairs_have_no_test():
    assert isnan(paired_p([1.0] * (MIN_PAIRS - 1), [2.0] * (MIN_PAIRS - 1)))


def test_pairs_that_do_not_differ_are_no_evidence():
    assert paired_p([1.0, inf, 2.0, 3.0, 4.0], [1.0, inf, 2.0, 3.0, 4.0]) == 1.0


def test_a_diverged_run_is_the_largest_difference_whatever_the_others():
    finite = [2.0, 3.0, 4.5, 5.1, 7.0], [1.0, 1.5, 2.0, 2.2, 1.1]
    worst = [inf, *finite[0]], [1.0, *finite[1]]
    large = [1e9, *finite[0]], [1.0, *finite[1]]
    assert paired_p(*worst) == paired_p(*large) == paired_p(*worst[::-1])


@given(ERRORS)
@settings(max_examples=25, deadline=None)
def test_an_interval_lies_in_the_data_and_scales_with_its_unit(values):
    low, high = median_interval(values)
    assert min(values) * (1 - 1e-9) <= low <= high <= max(values) * (1 + 1e-9)
    assert median_interval([2 * value for value in values]) == pytest.approx((2 * low, 2 * high))


def test_an_interval_covers_as_the_binomial_law_says():
    """The chance that a resampled median is at most the k-th of n values, n odd: that half the draws are."""
    values, n = list(range(1, 22)), 21
    low, high = median_interval([float(value) for value in values])

    def below(k):
        return sum(comb(n, i) * (k / n) ** i * (1 - k / n) ** (n - i) for i in range((n + 1) // 2, n + 1))

    exact_low = next(k for k in values if below(k) >= 0.025)
    exact_high = next(k for k in values if below(k) >= 0.975)
    assert abs(low - exact_low) <= 1
    assert abs(high - exact_high) <= 1


def test_one_diverged_run_of_many_leaves_a_finite_end_and_most_of_them_none():
    low, high = median_interval([1.0] * 20 + [inf])
    assert (low, high) == (1.0, 1.0)
    assert median_interval([inf, inf, inf, 1.0])[1] == inf


@pytest.mark.parametrize("values", [[], [1.0], [1.0, 2.0]])
def test_too_few_seeds_have_no_interval(values):
    assert all(isnan(end) for end in (*median_interval(values), *change_interval(values, values)))


@pytest.mark.parametrize(
    ("new", "old", "expected"),
    [
        ([1.0, 2.0, 9.0], [4.0, 4.0, 4.0], -0.5),
        ([inf, inf], [1.0, 1.0], inf),
        ([1.0], [inf], -1.0),
        ([inf], [inf], nan),
        ([], [], nan),
        ([1.0], [0.0], nan),
    ],
)
def test_change_of_the_median(new, old, expected):
    assert change(new, old) == pytest.approx(expected, nan_ok=True)


@given(ERRORS, st.floats(0.1, 10))
@settings(max_examples=25, deadline=None)
def test_pairs_that_all_change_alike_leave_no_doubt(old, factor):
    low, high = change_interval([factor * value for value in old], old)
    assert (low, high) == pytest.approx((factor - 1, factor - 1), abs=1e-9)


@pytest.mark.parametrize("p", [[], [0.04], [0.01, 0.04, 0.03, 0.005], [0.5, 0.02, 0.02, 0.9, 0.0]], ids=str)
def test_holm_steps_down(p):
    expected, worst = [nan] * len(p), 0.0
    for k, place in enumerate(sorted(range(len(p)), key=p.__getitem__)):
        worst = expected[place] = max(worst, min(1.0, (len(p) - k) * p[place]))
    assert holm(p) == pytest.approx(expected)


def test_holm_does_not_count_what_was_not_tested():
    assert holm([nan, 0.01, nan, 0.02]) == pytest.approx([nan, 0.02, nan, 0.02], nan_ok=True)


ERRORS_BY_TEST = pd.DataFrame(
    {"a": [1.0, 1.0, 2.0, 1.0], "b": [2.0, 3.0, 1.0, 2.0], "c": [3.0, 2.0, 3.0, 2.0]}, index=list("wxyz")
)


def test_average_ranks_share_ties():
    assert ranking(ERRORS_BY_TEST).ranks.to_dict() == {"a": 5 / 4, "b": 8.5 / 4, "c": 10.5 / 4}


@pytest.mark.parametrize(("k", "q"), [(3, 2.343), (5, 2.728), (10, 3.164)])
def test_critical_difference_by_demsars_table(k, q):
    """q of Demsar 2006, table 5(a), at 0.05."""
    n = 7
    errors = pd.DataFrame(np.random.default_rng(0).random((n, k)))
    assert ranking(errors).critical_difference == pytest.approx(q * sqrt(k * (k + 1) / (6 * n)), rel=1e-3)


def test_pairs_differ_where_their_ranks_are_a_critical_difference_apart():
    rng = np.random.default_rng(1)
    found = ranking(pd.DataFrame(rng.random((12, 6)) + np.arange(6) / 3))
    apart = np.abs(found.ranks.to_numpy()[:, None] - found.ranks.to_numpy()) > found.critical_difference
    assert 0 < apart.sum() < apart.size
    assert ((found.pairs.to_numpy() < 0.05) == apart).all()


def test_models_that_never_differ_are_told_apart_by_nothing():
    found = ranking(pd.DataFrame(np.ones((4, 3))))
    assert found.friedman_p == 1.0
    assert (found.pairs == 1.0).all(axis=None)
    assert found.ranks.tolist() == [2.0] * 3


def test_diverged_models_are_ranked_last():
    errors = ERRORS_BY_TEST.assign(c=inf)
    assert ranking(errors).ranks["c"] == 3.0
    assert 0 < ranking(errors).friedman_p < 0.1


def test_friedman_by_its_formula():
    """Chi-square of the ranks without ties, two degrees of freedom: its tail is exp(-x/2)."""
    errors = pd.DataFrame({"a": [1, 1, 1, 2, 1], "b": [2, 2, 3, 1, 2], "c": [3, 3, 2, 3, 3]})
    n, k, mean = 5, 3, errors.mean()
    chi = 12 * n / (k * (k + 1)) * ((mean**2).sum() - k * (k + 1) ** 2 / 4)
    assert ranking(errors).friedman_p == pytest.approx(np.exp(-chi / 2))
