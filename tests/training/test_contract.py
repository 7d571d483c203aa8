import random

import numpy as np
import pytest
import torch

from sysid_tbptt.data.horizon import ahead
from sysid_tbptt.errors import ModelError
from sysid_tbptt.runs import plan
from sysid_tbptt.runs.harness import train
from sysid_tbptt.training import contract
from sysid_tbptt.training.contract import check
from sysid_tbptt.training.engines import load_engine
from tests.training import modules

REFERENCE = load_engine("reference")


@pytest.fixture
def tried(job, make_data):
    """Tries a module of `tests.training.modules` before a run of N = 12 on records of up to 300 samples."""

    def tried(name, engine=REFERENCE, **changes):
        data = make_data()
        check(job(data=data, model=f"tests.training.modules:{name}", **changes), data, engine)

    return tried


KEEPING = (
    *("causal", "Twice", "InPlace", "Lazy", "LateBuilt", "DrawnByNumpy", "Reservoir", "NoisyTraining", "Normalized"),
    *("Complex", "Conv", "Chaotic", "InDouble", "InHalf", "WeightNorm", "Carrying", "RunningMean"),
)


@pytest.mark.parametrize("name", KEEPING)
def test_a_module_that_keeps_the_contract_passes(name, tried):
    tried(name)


@pytest.mark.parametrize("name", [name for name in KEEPING if name != "WeightNorm"])
def test_a_module_that_keeps_the_contract_is_trained_by_lm_too(name, tried):
    tried(name, optimiser="lm", warm_steps=1)


@pytest.mark.parametrize("name", ["rnn", "gru", "lstm", "linear_rnn"])
@pytest.mark.parametrize("init_mode", ["zero", "carry"])
def test_the_zoo_keeps_the_contract(name, init_mode, job, make_data):
    data = make_data()
    check(job(data=data, model=name, batch_size=4, init_mode=init_mode), data, REFERENCE)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("TimeFirst", "mixes the windows of a batch: .*; use batch_first=True"),
        ("BatchMean", "mixes the windows of a batch: "),
        ("BothWays", "looks ahead: .*; use bidirectional=False"),
        ("TimeMean", "looks ahead: "),
        ("Ahead", "looks ahead: "),
        ("AheadTen", "looks ahead: "),
        ("AheadLater", "looks ahead: "),
        ("Blocks", "looks ahead: "),
        ("AheadBeyond", "looks ahead: inputs after the first 12 samples change the outputs of these"),
        ("Length", "gives other outputs for the first 12 samples of a record of 300 samples than for these "),
        ("KeepsState", "keeps a state between calls: .*; start each call from a zero state"),
        ("KeepsStateOfOne", "keeps a state between calls: "),
        ("StateBuffer", "keeps a state between calls: "),
        ("TrainingBuffer", "cannot be trained: |changes the shape of its buffer 'last'"),
        ("LostMean", "keeps what training changes outside of its weights: .*; register such a tensor as a persistent "),
        (
            "CarriesInTraining",
            "keeps what training changes outside of its weights: .* do not keep a state between calls",
        ),
        ("OwnGenerator", "keeps what training changes outside of its weights: .* from the global generators"),
        ("RandomInEvaluation", "draws random numbers in evaluation: .* where self.training is true"),
        ("NumpyInEvaluation", "draws random numbers in evaluation: "),
        ("NotFinite", "gives outputs that are not finite for random inputs"),
        ("Table", r"does not take float32 inputs .* = \(1, 300, 1\), the record 'train-0' of 300 samples: RuntimeErr"),
        (
            "OneLengthOnly",
            r"does not take float32 inputs .*, the record 'val' of 100 samples: ValueError: 100 is too round",
        ),
        ("NoGradient", "cannot be trained: RuntimeError"),
        ("Extra", "cannot be stored: '_extra_state' is a dict, not a tensor; a module may hold"),
        ("Bfloat", r"cannot be stored: 'r\.weight_ih_l0' is of type torch.bfloat16; a module may hold"),
        ("ComplexDouble", "cannot be stored: 'phase' is of type torch.complex128; a module may hold"),
        ("script", "cannot be stored: the parameters of a copy are not leaf tensors; a module may hold"),
        ("Computed", "cannot be stored: RuntimeError: Only Tensors created explicitly .*; a module may hold"),
        ("NotCopied", "cannot be stored: TypeError: there is but one; a module may hold"),
        ("ForgetsWeights", r"cannot be stored: load_state_dict changes r\.weight_ih_l0, .*; a module may hold"),
        ("UnusedLazy", r"cannot be stored: 'idle\.weight' belongs to a lazy layer that forward does not call; a mod"),
        ("DoubleOnly", "does not take float32 inputs"),
    ],
)
def test_each_violation_has_a_sentence_of_its_own(name, said, tried):
    with pytest.raises(ModelError, match=rf"model 'tests\.training\.modules:{name}' {said}") as caught:
        tried(name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "warm_steps", "said"),
    [
        ("NoGradient", 1, "cannot be trained: RuntimeError"),
        (
            "WeightNorm",
            1,
            "cannot be trained by optimiser='lm', .*: NotImplementedError: .*_weight_norm_interface",
        ),
        ("NoForwardMode", 0, "cannot be trained by optimiser='lm', .* torch.func.*; .* choose optimiser='adam'"),
        ("InNumpy", 0, "cannot be trained by optimiser='lm', .* torch.func.*; .* choose optimiser='adam'"),
        ("Detached", 0, "cannot be trained by optimiser='lm': the derivatives .* are zero; do not detach its weights"),
        ("AheadLater", 0, "looks ahead: "),
    ],
)
def test_what_lm_cannot_train_is_refused_with_the_reason(name, warm_steps, said, tried):
    with pytest.raises(ModelError, match=rf"^model 'tests\.training\.modules:{name}' {said}") as caught:
        tried(name, optimiser="lm", warm_steps=warm_steps)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["WeightNorm", "NoForwardMode"])
def test_adam_trains_what_lm_cannot(name, tried):
    tried(name)


def test_a_trial_for_lm_is_short(tried, job, monkeypatch):
    """Whatever the number of windows and iterations of the run."""
    engine, taken = load_engine("reference"), []
    train = engine.train
    monkeypatch.setattr(engine, "train", lambda job, control: taken.append(job) or train(job, control))
    tried("Net", optimiser="lm", steps=400, warm_steps=5000, stride=1)
    (lm, adam) = taken
    assert (len(lm.starts), lm.config.steps, adam.config.steps) == (3, 2, 3)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("ForgetfulCarrying", "forward_from does not continue from the given state"),
        ("ListedState", r"forward_from\(u, state\) must give \(y, state\), the state one tensor or a tuple of tensors"),
    ],
)
def test_a_state_that_is_carried_is_tried(name, said, tried):
    tried("Carrying", init_mode="carry", batch_size=4)
    tried(name)  # where no state is carried it does not matter
    with pytest.raises(ModelError, match=said):
        tried(name, init_mode="carry", batch_size=4)


def test_a_model_in_closed_form_is_tried_when_it_is_solved(tried):
    with pytest.raises(ModelError, match="looks ahead"):
        tried("CentredFir", load_engine("closed_form"))


def test_forecasts_need_no_longer_inputs_than_windows(job, make_data):
    data = ahead(make_data(), 3)
    check(job(data=data, model="tests.training.modules:Table", horizon=3), data, REFERENCE)
    with pytest.raises(ModelError, match="looks ahead"):
        check(job(data=data, model="tests.training.modules:BothWays", horizon=3), data, REFERENCE)


def test_module_and_generators_stay_as_they_were(job, make_data):
    data = make_data()
    run = job(data=data, model="tests.training.modules:NoisyTraining")
    weights, states = run.weights(), (torch.get_rng_state(), np.random.get_state()[1], random.getstate())  # noqa: NPY002
    check(run, data, REFERENCE)
    assert all(np.array_equal(array, weights[name]) for name, array in run.weights().items())
    assert torch.equal(torch.get_rng_state(), states[0])
    assert np.array_equal(np.random.get_state()[1], states[1])  # noqa: NPY002
    assert random.getstate() == states[2]


@pytest.mark.parametrize("engine", ["auto", "reference"])
def test_a_run_is_refused_before_any_training(engine, runs, tmp_path, monkeypatch):
    trained = []
    forward = modules.Table.forward
    monkeypatch.setattr(
        modules.Table, "forward", lambda self, u: trained.append(torch.is_grad_enabled()) or forward(self, u)
    )
    with pytest.raises(ModelError, match="the record 'train' of 200 samples"):
        train(runs(0, 3, model="tests.training.modules:Table"), results=tmp_path / "results", engine=engine)
    assert trained
    assert not any(trained)
    assert not list((tmp_path / "results").rglob("*.jsonl"))


def test_a_module_is_tried_once_for_all_runs_that_call_it_alike(runs, monkeypatch):
    checked = []
    monkeypatch.setattr(contract, "check", lambda job, data, engine: checked.append(job.config))
    configs = [
        *runs(0, 3, model="tests.training.modules:causal"),
        *runs(0, model="tests.training.modules:causal", learning_rate=0.5),
        *runs(0, model="gru"),
    ]
    plan.make_plan(configs, engine="auto", store=None)
    assert [config.model for config in checked] == ["tests.training.modules:causal"]


def test_a_module_is_tried_again_for_another_optimiser(runs, monkeypatch):
    checked = []
    monkeypatch.setattr(contract, "check", lambda job, data, engine: checked.append(job.config))
    model = "tests.training.modules:causal"
    configs = [
        *runs(0, model=model),
        *runs(0, 3, model=model, optimiser="lm"),
        *runs(0, model=model, optimiser="lm", ridge=1e-3, damping=1.0),
        *runs(0, 3, model=model, optimiser="lm", warm_steps=5),
    ]
    plan.make_plan(configs, engine="auto", store=None)
    assert [(config.optimiser, config.warm_steps) for config in checked] == [("adam", 0), ("lm", 0), ("lm", 5)]


@pytest.mark.parametrize("engine", ["auto", "reference"])
def test_a_run_that_lm_cannot_do_is_refused_before_any_training(engine, runs, tmp_path):
    with pytest.raises(ModelError, match="NoForwardMode' cannot be trained by optimiser='lm'"):
        configs = runs(0, 3, model="tests.training.modules:NoForwardMode", optimiser="lm")
        train(configs, results=tmp_path / "results", engine=engine)
    assert not list((tmp_path / "results").rglob("*.jsonl"))
