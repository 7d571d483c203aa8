import numpy as np
from threadpoolctl import threadpool_limits

from sysid_tbptt.models.linear import ANCHORS
from sysid_tbptt.training.engines import closed_form
from sysid_tbptt.training.job import Control


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
