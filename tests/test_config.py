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
        ({"optimiser": "ipopt", "horizon": 3}, "optimiser='ipopt' makes no use of horizon: leave out"),
        ({"optimiser": "ipopt", "weight_decay": 0.1, "clip_norm": 1.0}, "no use of clip_norm, weight_decay"),
        ({"init_mode": "coupled"}, "init_mode='coupled' needs optimiser='ipopt'"),
        ({"init_mode": "carry", "optimiser": "ipopt"}, "choose another init_mode than 'carry'"),
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
    beside = {"validate_every": 5} if name == "patience" else {}
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
