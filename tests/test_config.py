import hashlib
import json
import math

import pytest
from pydantic import ValidationError

from sysid_tbptt import config
from sysid_tbptt.config import RunConfig, canonical_json

LEAST = {"suite": "s", "dataset": "d", "split": "paper", "model": "lstm", "seq_len": 100, "steps": 10}
RUN = RunConfig(**LEAST)

OTHER = {
    "suite": "t",
    "dataset": "e",
    "split": "official",
    "horizon": 7,
    "model": "gru",
    "hidden_size": 9,
    "num_layers": 2,
    "seq_len": 200,
    "burn_in": 1,
    "init_mode": "carry",
    "optimiser": "ipopt",
    "stride": 3,
    "init_outputs": 4,
    "batch_size": 50,
    "learning_rate": 2e-3,
    "lr_schedule": "cosine",
    "lr_stages": 4,
    "lr_factor": 0.5,
    "clip_norm": 1.0,
    "weight_decay": 0.1,
    "input_noise": 0.1,
    "steps": 11,
    "warm_steps": 7,
    "ridge": 1e-4,
    "damping": 1.0,
    "tolerance": 0.0,
    "epochs": 3,
    "validate_every": 5,
    "patience": 2,
    "seed": 1,
}
"""Another value of every field."""


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"burn_in": 100}, "burn_in=100 leaves no step of a subsequence of seq_len=100.*choose burn_in < seq_len"),
        ({"burn_in": -1}, "greater than or equal to 0"),
        ({"seq_len": 0}, "greater than or equal to 1"),
        ({"init_mode": "carry", "batch_size": 30}, "multiple of batch_size, got 100 and 30"),
        ({"init_outputs": 100}, "choose init_outputs < seq_len"),
        ({"init_outputs": 3, "init_mode": "carry"}, "choose init_mode='zero'"),
        ({"init_mode": "steady"}, "'zero', 'carry', 'coupled' or 'free'"),
        ({"optimiser": "ipopt", "horizon": 3}, "optimiser='ipopt' does not use horizon; leave it out"),
        ({"optimiser": "ipopt", "weight_decay": 0.1, "clip_norm": 1.0}, "not use clip_norm, weight_decay"),
        ({"init_mode": "coupled"}, "init_mode='coupled' needs optimiser='ipopt'"),
        ({"init_mode": "carry", "optimiser": "ipopt"}, "choose another init_mode than 'carry'"),
        (
            {"init_mode": "carry", "optimiser": "lm"},
            "optimiser='lm' has no order of subsequences: choose another init_mod",
        ),
        ({"optimiser": "lm", "validate_every": 10}, "optimiser='lm' does not use validate_every; leave it out"),
        ({"optimiser": "lm", "epochs": 10}, "optimiser='lm' does not use epochs; leave it out"),
        ({"optimiser": "lm", "patience": 3, "horizon": 4}, "patience counts validations"),
        ({"warm_steps": 10, "ridge": 0.1}, "optimiser='adam' does not use ridge, warm_steps; leave it out"),
        ({"damping": 0.1, "tolerance": 0.1}, "optimiser='adam' does not use damping, tolerance; leave it out"),
        ({"optimiser": "ipopt", "warm_steps": 10}, "optimiser='ipopt' does not use warm_steps; leave it out"),
        ({"optimiser": "ipopt", "stride": 2}, "optimiser='ipopt' does not use stride; leave it out"),
        ({"optimiser": "sgd"}, "'adam', 'ipopt' or 'lm'"),
        ({"stride": 0}, "greater than or equal to 1"),
        ({"stride": 2, "init_mode": "carry", "seq_len": 100, "batch_size": 20}, "leave out stride"),
        ({"optimiser": "lm", "damping": 0.0}, "greater than 0"),
        ({"optimiser": "lm", "damping": math.inf}, "finite"),
        ({"optimiser": "lm", "ridge": -1e-3}, "greater than or equal to 0"),
        ({"optimiser": "lm", "tolerance": math.nan}, "finite"),
        ({"optimiser": "lm", "warm_steps": -1}, "greater than or equal to 0"),
        ({"patience": 3}, "set validate_every as well"),
        ({"seed": 2**63}, "less than"),
        ({"learning_rate": 0.0}, "greater than 0"),
        ({"learning_rate": math.inf}, "finite"),
        ({"weight_decay": math.nan}, "finite"),
        ({"burnin": 3}, "burnin"),
    ],
)
def test_unusable_settings_are_refused(changes, said):
    with pytest.raises(ValidationError, match=said):
        RunConfig(**LEAST | changes)


def test_a_run_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        RUN.burn_in = 3


def test_canonical_json_has_no_field_at_its_default():
    assert json.loads(RUN.canonical_json()) == LEAST
    spelled_out = RunConfig(**LEAST | {"burn_in": 0, "hidden_size": 8, "clip_norm": None, "learning_rate": 0.001})
    assert spelled_out.canonical_json() == RUN.canonical_json()


def test_canonical_json_is_sorted_compact_and_strict():
    assert canonical_json({"b": [1, 0.1], "a": None}) == '{"a":null,"b":[1,0.1]}'
    with pytest.raises(ValueError, match="JSON"):
        canonical_json(math.nan)


def test_run_id_of_old_does_not_change():
    text = '{"dataset":"d","model":"lstm","seq_len":100,"split":"paper","steps":10,"suite":"s"}\nabc\n1'
    assert RUN.run_id("abc") == hashlib.sha256(text.encode()).hexdigest()[:16]


def test_other_holds_every_field():
    assert OTHER.keys() == RunConfig.model_fields.keys()


@pytest.mark.parametrize("name", OTHER)
def test_run_id_depends_on(name):
    beside = {"validate_every": 5} if name == "patience" else {"optimiser": "lm"} if name in config.OF_LM else {}
    before, after = RunConfig(**LEAST | beside), RunConfig(**LEAST | beside | {name: OTHER[name]})
    assert before.run_id("abc") != after.run_id("abc")


def test_run_id_depends_on_data_and_algorithm(monkeypatch):
    before = RUN.run_id("abc")
    assert RUN.run_id("abd") != before
    monkeypatch.setattr(config, "ALGORITHM_VERSION", 2)
    assert RUN.run_id("abc") != before


@pytest.mark.parametrize("model", ["rnn", "gru", "lstm", "linear_rnn", "mean", "fir", "arx", "my_module:build"])
def test_a_revision_of_one_model_changes_its_run_ids_alone(model):
    run = RUN.model_copy(update={"model": model})
    version = {"fir": 2, "arx": 2}.get(model, 1)
    text = f"{run.canonical_json()}\nabc\n{version}"
    assert run.run_id("abc") == hashlib.sha256(text.encode()).hexdigest()[:16]


def test_fields_of_lm_leave_the_identity_of_other_runs_as_it_was():
    """Run ids from before the fields came."""
    assert RUN.run_id("abc") == "84d0f72b509b465a"
    other = RunConfig(**LEAST | {"batch_size": 50, "clip_norm": 1.0, "burn_in": 3, "validate_every": 5, "seed": 7})
    assert other.run_id("abc") == "b2fd25c7b222dcce"
    optimum = RunConfig(**LEAST | {"model": "linear_rnn", "optimiser": "ipopt", "init_mode": "coupled"})
    assert optimum.run_id("abc") == "b8b73364ea5add60"


@pytest.mark.parametrize(
    ("changes", "apart"),
    [
        ({}, 1),
        ({"stride": 7}, 7),
        ({"optimiser": "ipopt"}, 1),
        ({"optimiser": "lm"}, 100),
        ({"optimiser": "lm", "burn_in": 99}, 1),
        ({"optimiser": "lm", "burn_in": 30}, 70),
        ({"optimiser": "lm", "burn_in": 30, "stride": 20}, 20),
    ],
)
def test_lm_scores_each_sample_once_unless_a_stride_is_given(changes, apart):
    assert RunConfig(**LEAST | changes).samples_apart == apart


def test_a_warm_start_is_an_adam_run_with_the_fields_of_adam():
    of_adam = {
        "learning_rate": 5e-3,
        "lr_schedule": "cosine",
        "clip_norm": 1.0,
        "weight_decay": 0.1,
        "input_noise": 0.1,
    }
    shared = of_adam | {"hidden_size": 3, "burn_in": 9, "init_outputs": 2, "batch_size": 16, "seed": 5}
    of_lm = {
        "optimiser": "lm",
        "warm_steps": 77,
        "ridge": 1e-4,
        "damping": 1.0,
        "tolerance": 0.1,
        "patience": 3,
        "stride": 4,
    }
    run = RunConfig(**LEAST | shared | of_lm)
    assert run.warm_start == RunConfig(**LEAST | shared | {"steps": 77})
    assert RunConfig(**LEAST | {"optimiser": "lm"}).warm_start is None
    assert RUN.warm_start is None


def test_lm_validates_unless_it_forecasts():
    assert RunConfig(**LEAST | {"optimiser": "lm", "patience": 3}).validates
    assert not RunConfig(**LEAST | {"optimiser": "lm", "horizon": 3}).validates
    assert not RUN.validates
