import numpy as np
import pandas as pd
import pytest

from sysid_tbptt.report.regimes import comparable


def runs(seeds, model="a"):
    """Rows of one study: seeds by m."""
    return pd.DataFrame([{"model": model, "burn_in": m, "seed": seed} for m, of_m in seeds.items() for seed in of_m])


def kept(rows):
    """Seeds by m."""
    found = comparable(rows, ["model"])
    return {m: set(of_m) for m, of_m in found.groupby("burn_in")["seed"]}


@pytest.mark.parametrize(
    ("there", "left"),
    [
        ({0: {0, 1}, 5: {0, 1}}, {0: {0, 1}, 5: {0, 1}}),
        ({0: {0}, 5: {0, 1}, 8: {0}}, {0: {0}, 5: {0}, 8: {0}}),
        ({0: {0, 2}, 5: {0, 1, 2}, 8: {0, 1, 2}}, {0: {0, 2}, 5: {0, 2}, 8: {0, 2}}),
        ({0: {0, 1, 2}, 5: {0, 2}, 8: {0, 1, 2}}, {0: {0, 1, 2}, 8: {0, 1, 2}}),
        ({0: {0, 1}, 5: {0}, 8: {0}, 11: {0}}, {0: {0}, 5: {0}, 8: {0}, 11: {0}}),
        ({0: {0, 1, 2}, 5: {0}}, {0: {0}, 5: {0}}),
        ({5: {1}, 8: {0, 1}}, {5: {1}, 8: {1}}),
        ({0: {0}, 5: {1}}, {0: {0}}),
    ],
    ids=["whole", "one more seed", "m = 0 lacks one", "an m lacks one", "under way", "two m", "without m = 0", "apart"],
)
def test_the_seeds_and_m_that_keep_the_most_runs(there, left):
    assert kept(runs(there)) == left


def test_what_is_kept_is_whole_and_the_seeds_of_no_m_would_keep_more():
    """On runs drawn at random."""
    rng = np.random.default_rng(0)
    for _ in range(100):
        there = {m: {0} | {seed for seed in range(1, 5) if rng.random() < 0.7} for m in (0, 3, 6, 9)}
        left = kept(runs(there))
        (seeds,) = {frozenset(of_m) for of_m in left.values()}
        assert 0 in left and all(seeds <= there[m] for m in left)
        for of_m in there.values():
            chosen = there[0] & of_m
            values = [m for m, other in there.items() if chosen <= other]
            assert len(values) == 1 or len(values) * len(chosen) <= len(left) * len(seeds)


def test_one_study_takes_nothing_from_another_and_rows_keep_their_order():
    """Only the run of the study a that has a seed more than m = 0 is left out."""
    rows = pd.concat([runs({0: {0}, 5: {0, 1}}, "a"), runs({0: {1, 2}, 5: {1, 2}}, "b")], ignore_index=True)
    rows = rows.sample(frac=1.0, random_state=0)
    left_out = rows[(rows["model"] == "a") & (rows["seed"] == 1)]
    assert comparable(rows, ["model"]).equals(rows.drop(left_out.index))
    assert len(left_out) == 1


def test_no_runs_are_comparable():
    assert comparable(runs({0: {0}}).iloc[:0], ["model"]).empty
