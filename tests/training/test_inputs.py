import numpy as np
import pytest
import torch

from sysid_tbptt.errors import ConfigError, EngineError
from sysid_tbptt.registry import build_model
from sysid_tbptt.training import trainer
from sysid_tbptt.training.engines import load_engine, pick
from sysid_tbptt.training.evaluate import evaluate_and_keep, simulate
from sysid_tbptt.training.inputs import fed, width
from sysid_tbptt.training.job import Control

RNG = np.random.default_rng(0)
U = RNG.normal(size=(9, 2)).astype(np.float32)
Y = RNG.normal(size=(9, 3)).astype(np.float32)


def test_outputs_are_fed_at_the_first_steps_and_marked():
    inputs = fed(U, Y[:4])
    assert inputs.shape == (9, width(2, 3, 4)) == (9, 6)
    assert np.array_equal(inputs[:, :2], U)
    assert np.array_equal(inputs[:4, 2:5], Y[:4])
    assert not inputs[4:, 2:].any()
    assert inputs[:, 5].tolist() == [1, 1, 1, 1, 0, 0, 0, 0, 0]


def test_without_known_outputs_the_inputs_stay_as_they_are():
    assert fed(U, Y[:0]) is U
    assert width(2, 3, 0) == 2


def test_later_outputs_never_reach_the_simulation(make_data, job):
    """A simulator that is given y_init sees k rows of it, on every record."""
    data, seen = make_data((80, 50)), []

    def simulator(u, y_init):
        seen.append(len(y_init))
        return np.zeros((len(u), 1), np.float32)

    evaluate_and_keep(simulator, data, 3)
    assert seen == [3] * 4


def test_scaled_error_starts_after_the_known_outputs(make_data):
    data = make_data()
    scaled = data.scaler.scale_y(data.test[0].y)
    metrics, _ = evaluate_and_keep(lambda u, y_init: np.zeros((len(u), 1), np.float32), data, 5)
    assert np.isclose(metrics["test"]["test"]["mse_scaled"], np.mean(scaled[5:].astype(float) ** 2))


def test_public_simulation_is_that_of_the_run(job, make_data):
    data = make_data()
    run = job(data=data, init_outputs=5, burn_in=5)
    outcome = trainer.run(run, data, load_engine("reference"), Control())
    module = build_model("lstm", n_u=3, n_y=1, hidden_size=4)
    module.load_state_dict({name: torch.from_numpy(array) for name, array in outcome.trained.weights.items()})
    y_hat = simulate(module, data.test[0], scaler=data.scaler, init_outputs=5)
    assert np.allclose(y_hat, outcome.y_hat["test"])


def test_known_outputs_set_the_state(make_data, job):
    """A first-order system without input, from an unknown state: only its measured outputs tell where it goes."""
    from sysid_tbptt.data.series import Dataset, Series, Units

    units = Units(u=("V",), y=("m",))

    def decays(seed, name):
        starts = np.random.default_rng(seed).uniform(-1, 1, 40)
        y = np.concatenate([start * 0.9 ** np.arange(25) for start in starts])[:, None]
        noise = np.random.default_rng(seed + 1).normal(size=y.shape)
        return [Series(noise[i : i + 25], y[i : i + 25], 1.0, units, 5, f"{name}-{i}") for i in range(0, len(y), 25)]

    train, test = decays(0, "train"), decays(2, "test")
    data = Dataset("decays", "made", tuple(train), tuple(test[:5]), tuple(test[5:10]), "none", "made", "0")

    def val_error(**changes):
        fields = {"hidden_size": 8, "seq_len": 25, "burn_in": 5, "batch_size": 40, "steps": 300}
        run = job(data=data, learning_rate=2e-2, lr_schedule="cosine", **(fields | changes))
        return trainer.run(run, data, load_engine("cpu"), Control()).metrics["val"]["rmse"][0]

    assert val_error(init_outputs=5) < 0.3 * val_error()


def test_more_outputs_than_the_init_window_are_neither_trained_with_nor_scored(make_data, job):
    data = make_data()
    with pytest.raises(ConfigError, match="init_outputs <= 5"):
        job(data=data, init_outputs=6)
    with pytest.raises(ConfigError, match="init_outputs <= 5"):
        evaluate_and_keep(lambda u, y_init: np.zeros((len(u), 1), np.float32), data, 6)
    evaluate_and_keep(lambda u, y_init: np.zeros((len(u), 1), np.float32), data, 5)


def test_anchors_say_that_they_take_none(job):
    with pytest.raises(EngineError, match="cannot take fir"):
        pick("auto", job(model="fir", init_outputs=3))
    assert "init_outputs" in load_engine("closed_form").declines(job(model="fir", init_outputs=3))
