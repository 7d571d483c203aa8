import numpy as np
import pandas as pd
import pytest
import torch

from sysid_tbptt.data.horizon import ahead, look_back
from sysid_tbptt.errors import ConfigError
from sysid_tbptt.training import forecasts
from sysid_tbptt.training.engines import load_engine
from sysid_tbptt.training.forecasts import evaluate_forecasts
from sysid_tbptt.training.job import Control
from sysid_tbptt.training.trainer import run
from tests.conftest import make_dataset

P, N = 7, 12
FIELDS = {"horizon": P, "hidden_size": 20, "seq_len": N, "batch_size": 24, "learning_rate": 1e-2}


@pytest.fixture
def data():
    return ahead(make_dataset(), P)


@pytest.mark.parametrize("m", [0, 5, N - 1])
@pytest.mark.parametrize("engine", ["cpu", "reference"])
def test_losses_are_those_of_plain_torch(job, data, engine, m):
    """A loop with torch's DataLoader, its modules and pandas' shift."""
    made = job(data=data, burn_in=m, steps=20, **FIELDS)
    losses = load_engine(engine).train(made, Control()).curve
    series = make_dataset().train[0]
    u = ((series.u - series.u.mean()) / series.u.std()).astype(np.float32)
    y = pd.Series(((series.y[:, 0] - series.y.mean()) / series.y.std()).astype(np.float32))
    targets = pd.concat([y.shift(-step) for step in range(1, P + 1)], axis=1).dropna().to_numpy()
    windows = [
        (torch.from_numpy(u[i : i + N]), torch.from_numpy(targets[i : i + N])) for i in range(len(series) - N - P + 1)
    ]
    torch.manual_seed(0)
    lstm, head = torch.nn.LSTM(1, 20, batch_first=True), torch.nn.Linear(20, P)
    loader = torch.utils.data.DataLoader(windows, batch_size=24, shuffle=True, drop_last=True)
    adam = torch.optim.Adam([*lstm.parameters(), *head.parameters()], lr=1e-2)
    expected: list[float] = []
    while len(expected) < 20:
        for inputs, outputs in loader:
            loss = torch.nn.functional.mse_loss(head(lstm(inputs)[0])[:, m:], outputs[:, m:])
            adam.zero_grad()
            loss.backward()
            adam.step()
            expected.append(loss.item())
    assert np.allclose(losses, expected[:20], rtol=1e-6, atol=0)


def test_scores_are_those_of_every_forecast_made_one_by_one(job, data):
    made = job(data=data, burn_in=3, steps=5, **FIELDS)
    weights = made.weights()
    metrics = evaluate_forecasts(made.module, weights, data, N)
    scaler, base = data.scaler, make_dataset().test[0]
    errors = []
    for t in range(max(base.n_init, N - 1), len(base) - P):  # the forecast made at sample t
        u = torch.from_numpy(scaler.scale_u(base.u[t - N + 1 : t + 1]))
        made_here = made.module(u[None])[0, -1].detach().numpy() * scaler.y_std[0] + scaler.y_mean[0]
        errors.append(made_here - base.y[t + 1 : t + 1 + P, 0])
    test = metrics["test"]["test"]
    assert test["n_scored"] == len(errors)
    assert test["rmse"] == pytest.approx([np.sqrt(np.mean(np.square(errors)))], rel=1e-5)
    assert test["mse_scaled"] == pytest.approx(np.mean(np.square(errors)) / scaler.y_std[0] ** 2, rel=1e-5)
    assert test["mae_scaled"] == pytest.approx(np.mean(np.abs(errors)) / scaler.y_std[0], rel=1e-5)
    assert test["mse_paper"] == pytest.approx(test["mse_scaled"] * len(errors) / (len(errors) + P - 1))
    assert test["unit"] == ["m"]


def test_a_run_is_scored_by_forecasts_with_the_trained_weights(job, data):
    made = job(data=data, burn_in=3, steps=200, **FIELDS)
    outcome = run(made, data, load_engine("cpu"), Control())
    assert outcome.metrics == evaluate_forecasts(made.module, outcome.trained.weights, data, N)
    assert (
        outcome.metrics["train"]["mse_scaled"]
        < 0.65
        < 0.8
        < evaluate_forecasts(made.module, made.weights(), data, N)["train"]["mse_scaled"]
    )
    assert outcome.y_hat == {}


def test_several_channels_are_scored_apart(job):
    data = ahead(make_dataset(n_y=2), P)
    made = job(data=data, **FIELDS)
    scores = evaluate_forecasts(made.module, made.weights(), data, N)["test"]["test"]
    assert len(scores["rmse"]) == len(scores["unit"]) == 2


@pytest.mark.parametrize("mode", ["zero", "carry"])
def test_engines_agree_with_the_states_carried_too(job, data, mode):
    fields = FIELDS | {"init_mode": mode, "burn_in": N - 1, "steps": 15, "batch_size": 6}
    ours, theirs = (load_engine(name).train(job(data=data, **fields), Control()).curve for name in ("cpu", "reference"))
    assert np.allclose(ours, theirs, rtol=2e-6)


def test_a_window_longer_than_a_part_is_told_before_training(job, data):
    with pytest.raises(ConfigError, match=r"^(val|test): \d+ steps hold no window of seq_len=120"):
        job(data=data, **FIELDS | {"seq_len": 120})


def test_a_training_record_without_a_window_is_not_scored(job):
    data = ahead(make_dataset((300, N + P - 2)), P)
    made = job(data=data, **FIELDS)
    scores = evaluate_forecasts(made.module, made.weights(), data, N)["train"]
    assert scores["n_scored"] == len(data.train[0]) - max(N - 1, data.train[0].n_init)


def test_long_windows_are_taken_a_few_at_a_time(job, data, monkeypatch):
    """The outputs at every step of a window are in memory together."""
    made, u = job(data=data, **FIELDS), data.scaler.scale_u(data.train[0].u)
    whole, sizes = forecasts.forecast(made.module, u, N), []
    monkeypatch.setattr(forecasts, "_SAMPLES", 3 * N)
    made.module.register_forward_pre_hook(lambda _, given: sizes.append(len(given[0])))
    assert np.allclose(forecasts.forecast(made.module, u, N), whole, atol=1e-6)
    assert max(sizes) == 3


def test_full_bptt_is_scored_by_look_backs_to_its_first_scored_step(job, data, config):
    """Its one window would leave a single forecast."""
    whole = len(data.train[0])
    assert look_back(config(seq_len=N, burn_in=3), data) == N
    assert look_back(config(seq_len=whole, burn_in=3), data) == 4
    made = job(data=data, **FIELDS | {"seq_len": whole, "burn_in": 3, "batch_size": 1, "steps": 2})
    outcome = run(made, data, load_engine("cpu"), Control())
    assert outcome.metrics["train"]["n_scored"] == whole - max(3, data.train[0].n_init)
