from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sysid_tbptt.data.identity import fingerprint, revision, round_significant
from sysid_tbptt.data.series import Series, Units

SERIES = Series(np.arange(6.0)[:, None], np.arange(6.0)[:, None], 0.1, Units(u=("V",), y=("V",)), 1, "a")
finite = st.floats(-1e10, 1e10, allow_subnormal=False)


@given(arrays(np.float64, (7, 2), elements=finite), st.integers(1, 8))
def test_rounding_is_what_printing_gives_and_is_idempotent(values, digits):
    rounded = round_significant(values, digits)
    assert np.array_equal(rounded, [[float(f"{v:.{digits}g}") for v in row] for row in values])
    assert np.array_equal(round_significant(rounded, digits), rounded)


@given(arrays(np.float64, 20, elements=finite))
def test_fingerprint_is_blind_to_lost_digits(values):
    assert fingerprint([round_significant(values, 5)]) == fingerprint([values])


def test_fingerprint_sees_every_value_and_the_shape():
    values = np.random.default_rng(0).normal(size=50)
    for k in range(50):
        changed = values.copy()
        changed[k] *= 1.001
        assert fingerprint([changed]) != fingerprint([values])
    assert fingerprint([values.reshape(25, 2)]) != fingerprint([values])


@pytest.mark.parametrize(
    "changes",
    [
        {"u": np.nextafter(SERIES.u, 9)},
        {"y": SERIES.y[::-1]},
        {"dt": 0.2},
        {"n_init": 0},
        {"name": "b"},
        {"units": Units(u=("V",), y=("mV",))},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_revision_sees_all_that_a_score_depends_on(changes):
    assert revision((replace(SERIES, **changes),), (SERIES,)) != revision((SERIES,), (SERIES,))


def test_revision_sees_the_cut():
    first, second = SERIES.slice(0, 3), SERIES.slice(3, 6)
    assert len({revision((first, second), ()), revision((first,), (second,)), revision((SERIES,), ())}) == 3
