import numpy as np
import pytest
import torch
from scipy.signal import lfilter

from sysid_tbptt.models.base import SolvesItself
from sysid_tbptt.models.linear import ANCHORS, lagged

U = np.random.default_rng(0).normal(size=(500, 1))
B, A = [0.5, 0.3, -0.2], [1.0, -1.2, 0.5]
TAPS = [1.0, 0.5, -0.25, 0.1]


def fitted(name, y, *, hidden_size, u=U, burn_in=0):
    model = ANCHORS[name](n_u=u.shape[1], n_y=y.shape[1], hidden_size=hidden_size)
    assert isinstance(model, SolvesItself)
    mse = model.solve([(u, y)], burn_in)
    return model, mse


def simulated(model, u):
    return model(torch.from_numpy(u.astype(np.float32))[None])[0].numpy()


@pytest.mark.parametrize(("name", "b", "a", "order"), [("fir", TAPS, [1.0], 4), ("arx", B, A, 2)], ids=["fir", "arx"])
def test_noise_free_system_of_the_models_own_kind_is_found_and_simulated(name, b, a, order):
    y = lfilter(b, a, U, axis=0)
    model, mse = fitted(name, y, hidden_size=order)
    fresh = np.random.default_rng(1).normal(size=(300, 1))
    assert mse < 1e-20
    assert np.allclose(simulated(model, fresh), lfilter(b, a, fresh, axis=0), atol=1e-5)


def test_fit_is_numpy_least_squares_and_leaves_the_burn_in_out():
    y = lfilter(TAPS, [1.0], U, axis=0) + 0.1
    y[:20] += 100.0
    assert fitted("fir", y, hidden_size=4)[1] > 1.0
    model, mse = fitted("fir", y, hidden_size=4, burn_in=20)
    assert mse < 1e-20
    assert np.allclose(model.weight.numpy()[:, 0], TAPS)
    assert np.allclose(model.bias.numpy(), 0.1)


def test_mean_is_the_mean():
    y = np.column_stack([U[:, 0] + 3, 2 * U[:, 0]])
    model, mse = fitted("mean", y, hidden_size=1)
    assert np.allclose(simulated(model, U), y.mean(axis=0), atol=1e-6)
    assert np.isclose(mse, y.var(axis=0).mean())


def test_several_inputs_and_outputs():
    rng = np.random.default_rng(2)
    u, transition, gain = rng.normal(size=(400, 2)), 0.3 * rng.normal(size=(3, 3)), rng.normal(size=(3, 2))
    y = np.zeros((400, 3))
    for t in range(1, 400):
        y[t] = transition @ y[t - 1] + gain @ u[t - 1]
    model, _ = fitted("arx", y, hidden_size=1, u=u)
    assert np.allclose(simulated(model, u), y, atol=1e-4)


def test_several_records_do_not_run_into_each_other():
    y = lfilter(B, A, U, axis=0)
    model = ANCHORS["arx"](n_u=1, n_y=1, hidden_size=2)
    records = [(U, y), (U[::-1].copy(), lfilter(B, A, U[::-1], axis=0))]
    assert model.solve(records, 0) < 1e-20


def test_an_unstable_model_runs_away_without_a_warning():
    model = ANCHORS["arx"](n_u=1, n_y=1, hidden_size=1)
    model.weight.copy_(torch.tensor([[1.0], [0.0], [10.0]]))
    assert not np.isfinite(simulated(model, U)).all()


def test_batches_are_independent():
    model, _ = fitted("arx", lfilter(B, A, U, axis=0), hidden_size=2)
    u = torch.from_numpy(np.random.default_rng(3).normal(size=(5, 40, 1)).astype(np.float32))
    assert torch.allclose(model(u), torch.cat([model(one[None]) for one in u]))


def test_lags_before_the_record_are_zero():
    assert lagged(np.array([[1.0], [2.0], [3.0]]), 1, 2).tolist() == [[0, 0], [1, 0], [2, 1]]
