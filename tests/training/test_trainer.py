from dataclasses import replace

import numpy as np
import pytest
import torch

from sysid_tbptt import registry
from sysid_tbptt.errors import DataError, ModelError
from sysid_tbptt.training import trainer
from sysid_tbptt.training.draws import recurrent_weights
from sysid_tbptt.training.engines import load_engine
from sysid_tbptt.training.job import Control

REFERENCE = load_engine("reference")
PARTS = ("train", "val", "test")


def outcome(run, data):
    return trainer.run(run, data, REFERENCE, Control())


def test_all_runs_of_one_seed_and_window_share_weights_and_batches(job):
    first, second, other = job(burn_in=0), job(burn_in=11), job(burn_in=0, seed=1)
    assert all(np.array_equal(first.weights()[name], array) for name, array in second.weights().items())
    assert np.array_equal(next(first.order.epochs()), next(second.order.epochs()))
    assert not np.array_equal(next(first.order.epochs()), next(other.order.epochs()))


@pytest.mark.parametrize("engine", ["cpu", "reference"])
def test_a_warm_start_is_the_adam_run_of_its_steps(engine, job):
    """With the same initial weights and batches, on windows at stride 1."""
    of_adam = {"learning_rate": 1e-2, "lr_schedule": "cosine", "lengths": (100, 60), "seed": 3}
    warm = job(optimiser="lm", warm_steps=25, ridge=1e-3, patience=2, stride=7, **of_adam).warm
    adam = job(steps=25, **of_adam)
    assert (warm.config, warm.warm, adam.warm) == (adam.config, None, None)
    assert np.array_equal(warm.starts, adam.starts)
    one, other = (load_engine(engine).train(run, Control()) for run in (warm, adam))
    assert one.curve == other.curve
    assert all(np.array_equal(one.weights[name], array) for name, array in other.weights.items())


def test_job_holds_the_standardised_training_records_end_to_end(job, make_data):
    data = make_data((50, 30))
    run = job(data=data)
    assert run.lengths == (50, 30)
    assert np.array_equal(run.y[50:], data.scaler.scale_y(data.train[1].y))
    assert np.allclose(run.u.mean(axis=0, dtype=np.float64), 0, atol=1e-6)


@pytest.mark.parametrize("engine", ["reference", "cpu"])
@pytest.mark.parametrize("changes", [{}, {"init_outputs": 2}, {"init_mode": "carry", "seq_len": 40}], ids=str)
def test_a_record_shorter_than_a_window_changes_nothing_in_the_training_on_the_others(engine, changes, job, make_data):
    """Weights and losses are those of the training without it, to the bit."""
    data = make_data((60, 7, 31, 40) if "seq_len" not in changes else (7, 90, 31))
    long = tuple(series for series in data.train if len(series) >= changes.get("seq_len", 12))
    without = replace(data, train=long, given_scaler=data.scaler)
    ran = [trainer.run(job(data=one, **changes), one, load_engine(engine), Control()) for one in (data, without)]
    whole, part = (result.trained for result in ran)
    assert [result.status for result in ran] == ["ok", "ok"]
    assert whole.curve == part.curve
    assert all(np.array_equal(whole.weights[name], array) for name, array in part.weights.items())
    assert ran[0].metrics["test"] == ran[1].metrics["test"]
    assert ran[0].metrics["train"]["n_scored"] == sum(len(series) - 5 for series in data.train)


def test_all_engines_start_from_the_same_weights_where_torch_rounds_otherwise(job, monkeypatch):
    """As on a processor without fused multiply-add."""

    def rounded_otherwise(*args):
        return {name: np.nextafter(array, np.float32(1)) for name, array in recurrent_weights(*args).items()}

    monkeypatch.setattr(trainer, "recurrent_weights", rounded_otherwise)
    run = job(model="gru")
    state = run.module.state_dict()
    assert all(np.array_equal(state[name].numpy(), array) for name, array in run.weights().items())


def test_building_a_job_leaves_the_callers_random_numbers_alone(job):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    job()
    assert torch.equal(torch.get_rng_state(), before)


def test_outcome_scores_every_part(job, make_data):
    data = make_data()
    result = outcome(job(data=data, steps=200, learning_rate=1e-2, model="gru"), data)
    assert (result.status, result.reason) == ("ok", None)
    assert result.metrics["train"]["mse_scaled"] < 0.6
    assert set(result.metrics["test"]) == {"test"}
    assert result.n_parameters == sum(p.numel() for p in torch.nn.GRU(1, 4).parameters()) + 5


@pytest.mark.parametrize("part", ["loss", "outputs"])
def test_what_is_not_finite_counts_as_diverged(part, job, make_data, monkeypatch):
    data = make_data()
    if part == "outputs":
        monkeypatch.setattr(
            REFERENCE, "simulator", lambda job, weights: lambda u, _: np.full((len(u), 1), np.inf, "f4")
        )
    result = outcome(job(data=data, learning_rate=1e30 if part == "loss" else 1e-3), data)
    assert result.status == "diverged"
    assert part in result.reason


def test_outputs_beyond_float32_in_physical_units_count_as_diverged(job, make_data, monkeypatch):
    """They are finite in standardized units, but predictions are stored as float32."""
    data = make_data()
    large = replace(data, **{
        part: tuple(replace(series, y=1e10 * series.y) for series in getattr(data, part)) for part in PARTS
    })  # fmt: skip
    monkeypatch.setattr(REFERENCE, "simulator", lambda job, weights: lambda u, _: np.full((len(u), 1), 1e30, "f4"))
    assert outcome(job(data=data), data).status == "ok"
    result = outcome(job(data=large), large)
    assert (result.status, result.reason) == ("diverged", "the outputs for test were not finite")


@pytest.mark.parametrize("away", [1e3, 1e10, 1e17])
def test_the_errors_of_a_far_sample_are_finite(away, job, make_data):
    """A glitch in the validation and the test part, as far away as data may be, and one a hundred times farther."""
    data = make_data()

    def glitch(size):
        y = data.test[0].y.copy()
        y[7] = size * data.scaler.y_std
        far = (replace(data.test[0], y=y),)
        return replace(data, val=far, test=far)

    far = glitch(away)
    for engine in ("reference", "cpu"):
        result = trainer.run(job(data=far, validate_every=10), far, load_engine(engine), Control())
        assert result.status == "ok"
        assert result.metrics["test"]["test"]["mse_scaled"] == pytest.approx(away**2 / 120, rel=0.1)
        assert np.isfinite(result.metrics["val"]["rmse"]).all()
    with pytest.raises(DataError, match=r"channel 0 of y at sample 7 of 'test' holds .* standard deviations"):
        glitch(100 * 1e17)


def model_of(forward):
    class Model(torch.nn.Module):
        def __init__(self, **_):
            super().__init__()
            self.gain = torch.nn.Parameter(torch.ones(1))

    Model.forward = forward
    return Model


@pytest.mark.parametrize(
    ("forward", "said"),
    [
        (lambda self, u: torch.cat([u, u], dim=2), r"gives shape \(3, 12, 2\) .*expected \(3, 12, 1\)"),
        (lambda self, u: u[:, :1], r"gives shape \(3, 1, 1\)"),
        (lambda self, u: (u, None), "gives a tuple; its forward must give one tensor"),
        (lambda self, u: u @ torch.ones(5, 1), r"does not take float32 inputs \(B, N, n_u\) = \(3, 12, 1\): Runtime"),
        (lambda self, u: u.bfloat16(), r"gives outputs of type torch.bfloat16; convert them to torch.float32"),
    ],
    ids=["too many outputs", "too short", "a tuple", "other inputs", "half of a float"],
)
def test_a_model_of_the_wrong_shape_is_told_before_training(forward, said, job, monkeypatch):
    monkeypatch.setattr(registry, "find_model", lambda _: model_of(forward))
    with pytest.raises(ModelError, match=said):
        job(model="mine")


def test_unknown_model_is_told(job):
    with pytest.raises(ModelError, match=r"unknown model 'lsmt'; did you mean 'lstm'. choose one of rnn, gru, .*, arx"):
        job(model="lsmt")


def test_registry_refuses_what_is_no_module(monkeypatch):
    monkeypatch.setattr(registry, "_plug_in", lambda name: lambda **_: 3)
    with pytest.raises(ModelError, match="built a int"):
        registry.build_model("mine", n_u=1, n_y=1)
