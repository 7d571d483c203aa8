import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sysid_tbptt.training.monitor import CURVE_POINTS, Monitor
from tests.conftest import config_of


def fed(losses, sizes, steps=None):
    """A monitor that took the losses in pieces of the given sizes."""
    monitor = Monitor(config_of(steps=steps or len(losses)))
    rest = list(losses)
    while rest:
        size = next(sizes, len(rest))
        monitor.losses(np.array(rest[:size]))
        del rest[:size]
    return monitor


@given(st.lists(st.floats(0, 10), min_size=1, max_size=1500), st.lists(st.integers(1, 50)))
def test_curve_holds_block_means_however_the_losses_come(losses, sizes):
    result = fed(losses, iter(sizes)).trained({})
    every = -(-len(losses) // CURVE_POINTS)
    blocks = [losses[i : i + every] for i in range(0, len(losses), every)]
    assert result.curve_every == every
    assert np.allclose(result.curve, [np.mean(block) for block in blocks])
    assert np.isclose(result.last100_mean, np.mean(losses[-100:]))


@given(st.integers(1, 99))
def test_a_restored_monitor_goes_on_as_if_nothing_had_been(cut):
    losses = np.random.default_rng(0).random(100)
    whole, first = Monitor(config_of(steps=100)), Monitor(config_of(steps=100))
    whole.losses(losses)
    first.losses(losses[:cut])
    first.validated(0.5, {"w": np.ones(2)})
    second = Monitor(config_of(steps=100))
    second.load({name: array.copy() for name, array in first.state().items()})
    second.losses(losses[cut:])
    assert second.trained({}).curve == whole.trained({}).curve
    assert second.trained({}).validation == [0.5]
    assert np.array_equal(second.trained({}).weights["w"], np.ones(2))


def test_first_loss_that_is_not_finite_ends_the_run_there():
    monitor = Monitor(config_of(steps=10))
    assert monitor.losses(np.array([1.0, 2.0]))
    assert not monitor.losses(np.array([3.0, np.nan, 1.0]))
    result = monitor.trained({})
    assert (result.status, result.steps_done) == ("diverged", 4)


def test_weights_that_are_not_finite_are_no_success():
    monitor = fed([1.0], iter(()))
    assert monitor.trained({"w": np.array([np.inf])}).status == "diverged"


def test_validations_fall_on_their_steps_and_the_last():
    monitor = Monitor(config_of(steps=25, validate_every=10))
    at = []
    while monitor.step < 25:
        monitor.losses(np.ones(monitor.steps_to_validation))
        assert monitor.validation_due
        at.append(monitor.step)
    assert at == [10, 20, 25]


def test_a_validation_that_is_not_finite_is_never_the_best():
    monitor = Monitor(config_of(steps=4, validate_every=1))
    for step, mse in enumerate([float("nan"), 0.5, float("inf"), 0.2], start=1):
        monitor.losses(np.ones(1))
        monitor.validated(mse, {"w": np.full(1, step)})
    assert monitor.trained({}).best_step == 4
    assert monitor.trained({}).weights["w"] == 4


def test_patience_counts_validations_without_a_better_one():
    monitor = Monitor(config_of(validate_every=1, patience=2))
    assert [monitor.validated(mse, {}) for mse in (3.0, 2.0, 2.0, 1.0, float("nan"), 1.0)] == [True] * 5 + [False]
