import inspect
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sysid_tbptt.errors import ModelError
from sysid_tbptt.training.metrics import score

unchecked = inspect.unwrap(score)
"""As it is outside the tests, where shapes are not checked at the door."""


@settings(deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n_y=st.integers(1, 3), n_init=st.integers(0, 10), scale=st.floats(1e-3, 1e3))
def test_scores_are_their_definitions(seed, n_y, n_init, scale):
    rng = np.random.default_rng(seed)
    y, y_hat = scale * (3 + rng.normal(size=(2, 50, n_y)))
    scores = score(y=y, y_hat=y_hat, n_init=n_init)
    for channel in range(n_y):
        truth, guess = y[n_init:, channel], y_hat[n_init:, channel]
        norm = np.linalg.norm(truth - guess) / np.linalg.norm(truth - truth.mean())
        expected = {
            "rmse": np.linalg.norm(truth - guess) / np.sqrt(50 - n_init),
            "nrmse": norm,
            "fit": 100 * (1 - norm),
            "r2": 1 - norm**2,
            "mae": np.abs(truth - guess).sum() / (50 - n_init),
        }
        assert {name: values[channel] for name, values in scores.items()} == pytest.approx(expected)


def test_swapped_arguments_cannot_be_given():
    y = np.zeros((3, 1))
    with pytest.raises(TypeError):
        score(y, y)


def test_a_perfect_prediction():
    y = np.arange(6.0).reshape(6, 1)
    scores = {name: values.item() for name, values in score(y=y, y_hat=y).items()}
    assert scores == {"rmse": 0.0, "nrmse": 0.0, "fit": 100.0, "r2": 1.0, "mae": 0.0}


def test_the_mean_scores_zero():
    y = np.arange(6.0).reshape(6, 1)
    scores = score(y=y, y_hat=np.full_like(y, y.mean()))
    assert (scores["r2"], scores["fit"], scores["nrmse"]) == (0.0, 0.0, 1.0)


def test_relative_scores_of_a_constant_are_not_defined():
    scores = score(y=np.ones((5, 2)), y_hat=np.column_stack([np.ones(5), np.zeros(5)]))
    assert scores["rmse"].tolist() == [0.0, 1.0]
    assert not np.isfinite([scores["r2"], scores["fit"], scores["nrmse"]]).any()


@pytest.mark.parametrize("n_init", [5, 6, -1])
def test_n_init_must_leave_a_sample(n_init):
    y = np.zeros((5, 1))
    with pytest.raises(ModelError, match=rf"n_init={n_init} must lie in \[0, 5\)"):
        score(y=y, y_hat=y, n_init=n_init)


@pytest.mark.parametrize("shape", [(4, 1), (5, 2), (5,)])
def test_shapes_must_agree(shape):
    with pytest.raises(ModelError, match=re.escape(f"y_hat has shape {shape}, expected that of y: (5, 1)")):
        unchecked(y=np.zeros((5, 1)), y_hat=np.zeros(shape))
