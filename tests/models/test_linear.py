import numpy as np
import pytest
import torch
from scipy.signal import lfilter

from sysid_tbptt.errors import ModelError
from sysid_tbptt.models.base import SolvesItself, StartsFromOutputs
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
    return model(tensor(u))[0].numpy()


def tensor(u):
    return torch.from_numpy(u.astype(np.float32))[None]


@pytest.mark.parametrize(("name", "b", "a", "order"), [("fir", TAPS, [1.0], 4), ("arx", B, A, 2)], ids=["fir", "arx"])
def test_noise_free_system_of_the_models_own_kind_is_found_and_simulated(name, b, a, order):
    y = lfilter(b, a, U, axis=0)
    model, mse = fitted(name, y, hidden_size=order)
    fresh = np.random.default_rng(1).normal(size=(300, 1))
    assert mse < 1e-20
    expected = lfilter(b, a, fresh, axis=0)
    y_hat = (
        model.forward_after(tensor(fresh), tensor(expected[:order]))[0].numpy()
        if name == "arx"
        else simulated(model, fresh)
    )
    assert np.allclose(y_hat[order:], expected[order:], atol=1e-5)


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


def regressors(name, u, y, t, order):
    """Row t of the fit, by its definition: (u_t, ..., u_{t-n}, y_{t-1}, ..., y_{t-n}, 1)."""
    inputs = [u[t - lag] for lag in range(order if name == "fir" else order + 1)]
    outputs = [y[t - lag] for lag in range(1, order + 1)] if name == "arx" else []
    return np.concatenate([*inputs, *outputs, [1.0]])


def records(*lengths, n_u=2, n_y=2):
    rng = np.random.default_rng(11)
    return [(rng.normal(size=(n, n_u)), 3 + rng.normal(size=(n, n_y))) for n in lengths]


@pytest.mark.parametrize("burn_in", [0, 2, 3, 9])
@pytest.mark.parametrize(("name", "lags"), [("fir", 2), ("arx", 3)])
def test_fit_uses_the_rows_whose_lags_lie_inside_their_record(name, lags, burn_in):
    given, first = records(50, 2, 30), max(burn_in, lags)
    model = ANCHORS[name](n_u=2, n_y=2, hidden_size=3)
    mse = model.solve(given, burn_in)
    rows = np.array([regressors(name, u, y, t, 3) for u, y in given for t in range(first, len(y))])
    targets = np.concatenate([y[first:] for _, y in given])
    expected = np.linalg.pinv(rows) @ targets
    assert np.allclose(model.weight.numpy(), expected[:-1])
    assert np.allclose(model.bias.numpy(), expected[-1])
    assert mse == pytest.approx(np.mean((rows @ expected - targets) ** 2))


@pytest.mark.parametrize("burn_in", [0, 1])
def test_a_noise_free_record_that_starts_anywhere_gives_the_exact_coefficients(burn_in):
    y = lfilter([0.1], [1.0, -0.9], U, axis=0, zi=np.array([[5.0]]))[0]
    model, mse = fitted("arx", y, hidden_size=1, burn_in=burn_in)
    assert np.allclose(model.weight.numpy()[:, 0], [0.1, 0.0, 0.9], atol=1e-12)
    assert mse < 1e-25


def test_a_record_shorter_than_the_order_gives_no_row():
    short, whole = records(3, 60)
    model, alone = (ANCHORS["arx"](n_u=2, n_y=2, hidden_size=4) for _ in range(2))
    assert model.solve([short, whole], 0) == alone.solve([whole], 0)
    assert torch.equal(model.weight, alone.weight)


@pytest.mark.parametrize(
    ("name", "lengths", "said"),
    [
        ("arx", (8,), r"\(8 samples\) has 0 samples that follow burn_in=0 and 8 earlier samples .* the 35 unknowns"),
        ("arx", (42,), r"\(42 samples\) has 34 samples .* fewer than the 35 unknowns; choose a smaller hidden_size"),
        ("fir", (14, 15), r"\(2 records of at most 15 samples\) has 15 samples .* 7 earlier .* the 17 unknowns"),
    ],
)
def test_fewer_rows_than_unknowns_are_an_error(name, lengths, said):
    with pytest.raises(ModelError, match=said):
        ANCHORS[name](n_u=2, n_y=2, hidden_size=8).solve(records(*lengths), 0)


def test_as_many_rows_as_unknowns_are_enough():
    model = ANCHORS["arx"](n_u=2, n_y=2, hidden_size=8)
    assert model.solve(records(43), 0) < 1e-20


@pytest.mark.parametrize("given", [0, 1, 2, 3, 17, 40])
def test_the_free_run_goes_on_from_the_given_outputs(given):
    ((u, y),) = records(40)
    model = ANCHORS["arx"](n_u=2, n_y=2, hidden_size=3)
    model.solve(records(90), 0)
    weight = np.vstack([model.weight.numpy(), model.bias.numpy()])
    expected = y.copy()
    expected[given:] = y[given - 1] if given else 0  # until all lags lie inside the record
    for t in range(max(3, given), 40):
        expected[t] = regressors("arx", u, expected, t, 3) @ weight
    both = [torch.from_numpy(signal[None].astype(np.float32)) for signal in (u, y[:given])]
    y_hat = model.forward_after(*both)[0].numpy()
    assert np.array_equal(y_hat[:given], y[:given].astype(np.float32))
    assert np.allclose(y_hat, expected, atol=1e-5)


def test_an_input_that_does_not_excite_all_directions_gives_no_jump_at_the_start():
    """A multisine of two lines determines 4 of the 31 unknowns; zeros before the record would excite the others."""
    t = np.arange(400)
    u = (np.sin(0.3 * t) + np.sin(0.7 * t)).astype(np.float32)[:, None]  # rounding excites the others a little
    y = lfilter([1.0], [1.0, -0.8], u, axis=0) + 1e-3 * np.random.default_rng(5).normal(size=(400, 1))
    for name in ("fir", "arx"):
        model, _ = fitted(name, y[:200], hidden_size=30, u=u[:200])
        y_hat = simulated(model, u[200:])
        assert np.abs(y_hat).max() < 2 * np.abs(y).max()


def test_arx_alone_starts_from_outputs():
    models = {name: build(n_u=1, n_y=1, hidden_size=2) for name, build in ANCHORS.items()}
    assert {name for name, model in models.items() if isinstance(model, StartsFromOutputs)} == {"arx"}
