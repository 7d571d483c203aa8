import pytest

from sysid_tbptt.config import ENGINES
from sysid_tbptt.errors import EngineError
from sysid_tbptt.training import engines
from sysid_tbptt.training.engines import Engine, load_engine, pick


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
