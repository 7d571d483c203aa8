import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sysid_tbptt.report.selection import PAPER, RULES, VAL

errors = st.sampled_from([0.25, 0.5, 1.0, 2.0]) | st.floats(1e-9, 1e3)
curves = st.lists(
    st.tuples(st.integers(0, 200), errors, errors), min_size=1, max_size=20, unique_by=lambda row: row[0]
).filter(lambda rows: any(m <= 95 for m, *_ in rows))
places = st.sampled_from([("silverbox", "paper"), ("silverbox", "official"), ("rlc", "paper")])


def frame(rows):
    return pd.DataFrame(rows, columns=["burn_in", "train_mse", "val_mse"])


def search(rows, weight, cap):
    """The smallest m of the least cost, by looking at each."""
    cost_of = {m: (1 - weight) * train + weight * val for m, train, val in rows if m <= cap}
    return min(m for m, cost in cost_of.items() if cost == min(cost_of.values()))


@settings(deadline=None)
@given(curves, places)
def test_paper_leans_on_the_training_error_and_caps_silverbox(rows, place):
    assert PAPER.choose(frame(rows), *place) == search(rows, 0.3, 95 if place == ("silverbox", "paper") else 10**9)


@settings(deadline=None)
@given(curves, places)
def test_val_takes_the_least_validation_error(rows, place):
    assert VAL.choose(frame(rows), *place) == search(rows, 1.0, 10**9)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_of_equals_the_smallest_m_is_taken(rule):
    assert rule.choose(frame([(30, 1.0, 1.0), (20, 1.0, 1.0), (10, 2.0, 2.0), (25, 1.0, 1.0)]), "rlc", "paper") == 20


@pytest.mark.parametrize(
    ("dataset", "split", "m_star"),
    [("silverbox", "paper", 95), ("silverbox", "official", 96), ("wiener_hammerstein", "paper", 96)],
)
def test_the_cap_is_silverboxs_under_the_papers_split_alone(dataset, split, m_star):
    assert PAPER.choose(frame([(0, 3.0, 3.0), (95, 2.0, 2.0), (96, 1.0, 1.0)]), dataset, split) == m_star


def test_the_rules_may_differ():
    rows = frame([(0, 1.0, 3.0), (10, 2.0, 2.0)])
    assert (PAPER.choose(rows, "rlc", "paper"), VAL.choose(rows, "rlc", "paper")) == (0, 10)
