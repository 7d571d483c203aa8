from dataclasses import replace
from typing import get_args

import pytest

from sysid_tbptt.config import ENGINES, Optimiser
from sysid_tbptt.errors import EngineError
from sysid_tbptt.training import engines
from sysid_tbptt.training.engines import CLOSED_FORM, IPOPT, Engine, load_engine, pick
from sysid_tbptt.training.job import Control

IMPLEMENTED = {
    "cpu": {"adam", "lm"},
    "reference": {"adam", "lm"},
    CLOSED_FORM: {"adam"},  # the default: it uses no optimiser
    IPOPT: {"ipopt"},
}
OPTIMISERS = pytest.mark.parametrize("optimiser", [*get_args(Optimiser), "sgd"])
TAKEN = {
    "gru": {"auto": {"adam", "lm"}, "cpu": {"adam", "lm"}, "reference": {"adam", "lm"}},
    "arx": {"auto": {"adam"}, "cpu": {"adam"}, "reference": {"adam"}},
    "linear_rnn": {"auto": {"adam", "lm", "ipopt"}, "cpu": {"ipopt"}, "reference": {"adam", "lm", "ipopt"}},
}
"""The optimisers of each model by the engine that is asked for."""
MODELS = {"cpu": "gru", "reference": "gru", CLOSED_FORM: "arx", IPOPT: "linear_rnn"}
"""A model that each engine takes."""


@pytest.fixture
def asked(job):
    """A job that an engine takes, for any optimiser: a config may come from code that does not validate it."""

    def build(model, optimiser):
        run = job(model=model, hidden_size=1, seq_len=12, batch_size=289, steps=500)
        return replace(run, config=run.config.model_copy(update={"optimiser": optimiser}))

    return build


@pytest.mark.parametrize("name", ENGINES[1:])
def test_every_engine_keeps_the_interface(name):
    engine = load_engine(name)
    assert isinstance(engine, Engine)
    assert name == engine.NAME


def test_unknown_engine_is_told(job):
    with pytest.raises(EngineError, match=r"unknown engine 'gpu'; choose one of auto, .*reference"):
        pick("gpu", job())


def test_auto_says_why_it_passed_a_kernel_over(job):
    plug_in = job()
    object.__setattr__(plug_in, "cell", None)
    engine, reason = pick("auto", plug_in)
    assert engine.NAME == "reference"
    assert (reason is None) == (not engines.KERNELS)


@pytest.mark.parametrize("name", ["auto", "reference"])
def test_anchors_are_solved_whatever_the_engine(name, job):
    assert pick(name, job(model="arx"))[0].NAME == "closed_form"


def test_an_engine_asked_for_by_name_does_not_fall_back(job, monkeypatch):
    monkeypatch.setattr(load_engine("reference"), "declines", lambda job: "it is tired")
    with pytest.raises(EngineError, match="engine 'reference' cannot take lstm: it is tired"):
        pick("reference", job())


def test_every_engine_is_asked():
    assert IMPLEMENTED.keys() == {*ENGINES[1:], CLOSED_FORM, IPOPT}


@OPTIMISERS
@pytest.mark.parametrize("name", IMPLEMENTED)
def test_an_engine_declines_an_optimiser_that_it_does_not_implement(name, optimiser, asked):
    if name == IPOPT:
        pytest.importorskip("casadi", reason="the extra synthetic is not installed")
    engine, run = load_engine(name), asked(MODELS[name], optimiser)
    if optimiser in IMPLEMENTED[name]:
        assert engine.declines(run) is None
        return
    assert f"optimiser='{optimiser}'" in engine.declines(run)
    with pytest.raises(EngineError, match=f"engine '{name}'.*optimiser='{optimiser}'"):
        engine.train(run, Control())


@OPTIMISERS
@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("model", ["gru", "arx", "linear_rnn"])
def test_the_engine_that_is_picked_implements_the_optimiser(model, name, optimiser, asked):
    if optimiser == IPOPT:
        pytest.importorskip("casadi", reason="the extra synthetic is not installed")
    run = asked(model, optimiser)
    try:
        engine, _ = pick(name, run)
    except EngineError as error:
        said = str(error)
    else:
        assert optimiser in IMPLEMENTED[engine.NAME]
        return
    assert optimiser not in TAKEN[model][name], said
    assert f"cannot take {model}" in said


@OPTIMISERS
def test_a_message_says_what_to_do_instead(optimiser, asked):
    if optimiser not in ("adam", "lm", "ipopt"):
        with pytest.raises(EngineError, match="choose adam or lm"):
            pick("auto", asked("gru", optimiser))
    if optimiser != "adam":
        with pytest.raises(EngineError, match=f"leave out optimiser='{optimiser}'"):
            pick("auto", asked("arx", optimiser))


@pytest.mark.parametrize("name", ENGINES)
def test_too_many_parameters_for_lm_are_told_with_the_remedy(name, job):
    small, large = (job(model="gru", optimiser="lm", hidden_size=H) for H in (24, 25))
    assert sum(array.size for array in small.weights().values()) < 2000 < 2102
    assert pick(name, small)
    with pytest.raises(EngineError, match=r"at most 2000 parameters, the model has .*; reduce hidden_size"):
        pick(name, large)
