from dataclasses import replace

import numpy as np
import pytest
import torch

from sysid_tbptt.models.rnn import Recurrent
from sysid_tbptt.registry import load_dataset
from sysid_tbptt.training.engines import closed_form
from sysid_tbptt.training.evaluate import evaluate, evaluate_and_keep, score_records, simulate
from sysid_tbptt.training.job import Control
from sysid_tbptt.training.modules import module_simulator, simulator_with
from sysid_tbptt.training.trainer import run
from sysid_tbptt.training.weights import module_with

NO_OUTPUTS = np.empty((0, 2), np.float32)


def model():
    torch.manual_seed(0)
    return Recurrent("lstm", n_u=1, n_y=2, hidden_size=3)


def test_simulation_is_one_pass_over_the_whole_record_in_physical_units(make_data):
    data, module = make_data(n_y=2), model()
    series = data.test[0]
    scaled = (series.u - data.scaler.u_mean) / data.scaler.u_std
    outputs = module(torch.from_numpy(scaled.astype(np.float32))[None])[0].detach().numpy()
    expected = outputs * data.scaler.y_std + data.scaler.y_mean
    assert np.allclose(simulate(module, series, scaler=data.scaler), expected)


def test_scaled_mse_covers_all_steps_and_rmse_those_after_n_init(make_data):
    data, module = make_data(n_y=2), model()
    series = data.test[0]
    scores = evaluate(module_simulator(module), data)["test"]["test"]
    error = simulate(module, series, scaler=data.scaler) - series.y
    assert np.isclose(scores["mse_scaled"], np.mean((error / data.scaler.y_std) ** 2), rtol=1e-5)
    assert np.allclose(scores["rmse"], np.sqrt(np.mean(error[series.n_init :] ** 2, axis=0)))
    assert scores["unit"] == ["m", "m"]
    assert scores["n_scored"] == len(series) - series.n_init


def test_performance_leaves_the_burn_in_phase_out_of_every_record(make_data):
    data, module = make_data((90, 40), n_y=2), model()
    metrics, _ = evaluate_and_keep(module_simulator(module), data, burn_in=7)
    errors = []
    for series in data.train:
        y_hat = simulate(module, series, scaler=data.scaler)
        errors.append(((y_hat - series.y) / data.scaler.y_std)[7:])
    expected = np.square(np.concatenate(errors)).mean()
    assert metrics["train"]["mse_after_burn_in"] == pytest.approx(expected, rel=1e-5)
    assert metrics["train"]["mse_scaled"] != pytest.approx(expected, rel=1e-3)
    assert "mse_after_burn_in" not in evaluate(module_simulator(module), data)["train"]


def test_records_of_a_part_are_simulated_apart_and_scored_together(make_data):
    data, module = make_data((80, 50), n_y=2), model()
    scores = score_records(module_simulator(module), data.train, data.scaler)
    errors = [(simulate(module, s, scaler=data.scaler) - s.y)[s.n_init :] for s in data.train]
    assert np.allclose(scores["rmse"], np.sqrt(np.mean(np.concatenate(errors) ** 2, axis=0)))


def test_simulator_leaves_the_modules_mode_and_weights_alone():
    module = model().train()
    weights = {name: np.zeros(tensor.shape, np.float32) for name, tensor in module.state_dict().items()}
    zero = simulator_with(module, weights)(np.ones((5, 1), np.float32), NO_OUTPUTS)
    assert (zero == 0).all()
    assert module.training
    assert (module_simulator(module)(np.ones((5, 1), np.float32), NO_OUTPUTS) != 0).any()
    assert module.training


@pytest.mark.parametrize("n_init", [0, 1, 5])
def test_arx_starts_from_the_init_window_of_every_record(make_data, job, n_init):
    whole = make_data((90, 70))
    parts = {
        part: tuple(replace(series, n_init=n_init) for series in getattr(whole, part))
        for part in ("train", "val", "test")
    }
    data = replace(whole, **parts)
    run_job = job(data=data, model="arx", hidden_size=2)
    outcome = run(run_job, data, closed_form, Control())
    module = module_with(run_job.module, outcome.trained.weights)
    for part, found in (("val", outcome.metrics["val"]), ("test", outcome.metrics["test"]["test"])):
        (series,) = getattr(data, part)
        u, y = data.scaler.scale(series)
        y_hat = module.forward_after(torch.from_numpy(u)[None], torch.from_numpy(y[:n_init])[None])[0].numpy()
        assert found["mse_scaled"] == pytest.approx(np.mean((y_hat - y)[n_init:] ** 2), rel=1e-6)
        rmse = np.sqrt(np.mean((y_hat - y)[n_init:] ** 2)) * data.scaler.y_std[0]
        assert found["rmse"] == pytest.approx([rmse], rel=1e-5)
    kept = simulate(module, series, scaler=data.scaler)
    assert np.allclose(kept[:n_init], series.y[:n_init], atol=1e-6)
    assert np.allclose(kept, outcome.y_hat["test"])


def test_arx_on_the_official_emps(real_data, job):
    data = load_dataset("emps", "official")
    run_job = job(data=data, model="arx", hidden_size=10, seq_len=50)
    (rmse,) = run(run_job, data, closed_form, Control()).metrics["test"]["test"]["rmse"]
    assert rmse == pytest.approx(12.10, abs=0.01)
