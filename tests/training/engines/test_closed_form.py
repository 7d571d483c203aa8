import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from sysid_tbptt.data.horizon import ahead
from sysid_tbptt.errors import EngineError, ModelError
from sysid_tbptt.models.linear import ANCHORS
from sysid_tbptt.training.engines import closed_form, pick
from sysid_tbptt.training.job import Control
from tests.conftest import make_dataset


def test_records_are_fitted_apart_and_whole(job):
    run = job(model="arx", lengths=(100, 60), burn_in=4)
    model = ANCHORS["arx"](n_u=1, n_y=1, hidden_size=4)
    mse = model.solve([(run.u[:100], run.y[:100]), (run.u[100:], run.y[100:])], 4)
    trained = closed_form.train(run, Control())
    assert trained.curve == [mse]
    assert np.array_equal(trained.weights["weight"], model.weight.numpy())


def test_weights_do_not_depend_on_the_threads_of_a_library(job):
    run = job(model="arx", lengths=(3000,), hidden_size=60, n_u=2, n_y=2)
    found = []
    for threads in (1, 4):
        with threadpool_limits(threads, "blas"):
            found.append(closed_form.train(run, Control()).weights["weight"])
    assert np.array_equal(*found)


def test_simulator_is_the_fitted_model(job):
    run = job(model="fir")
    weights = closed_form.train(run, Control()).weights
    u, y = run.val[0]
    assert np.mean((closed_form.simulator(run, weights)(u, y[:0]) - y) ** 2) < np.var(y)


def test_networks_are_declined(job):
    assert "solve" in closed_form.declines(job())


@pytest.mark.parametrize("model", ["arx", "fir"])
def test_an_order_that_the_records_are_too_short_for_is_told(job, model):
    run = job(model=model, lengths=(60, 30), hidden_size=90)
    with pytest.raises(ModelError, match=rf"first_order: {model} of order hidden_size=90: .*at most 60 samples"):
        closed_form.train(run, Control())


def build_ahead(*, n_u, n_y, hidden_size, **_):
    """A plug-in of the kind of ARX."""
    return ANCHORS["arx"](n_u=n_u, n_y=n_y, hidden_size=hidden_size)


@pytest.mark.parametrize("model", ["arx", f"{__name__}:build_ahead"])
@pytest.mark.parametrize("engine", ["auto", "reference"])
def test_a_fit_on_the_values_to_forecast_is_declined(job, model, engine):
    run = job(data=ahead(make_dataset(), 3), model=model, horizon=3)
    with pytest.raises(EngineError, match=f"cannot take {model}: with a horizon.*values to forecast; choose fir"):
        pick(engine, run)


def test_fir_forecasts_from_its_inputs_alone(job):
    run = job(data=ahead(make_dataset(), 3), model="fir", horizon=3, burn_in=0)
    weights = closed_form.train(run, Control()).weights
    rows = np.array([[*run.u[t - 3 : t + 1, 0][::-1], 1.0] for t in range(3, len(run.u))])
    expected = np.linalg.pinv(rows) @ run.y[3:]
    assert pick("auto", run)[0] is closed_form
    assert np.allclose(weights["weight"], expected[:-1], atol=1e-6)
