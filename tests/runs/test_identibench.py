import io
import random

import numpy as np
import pytest
import torch
from rich.console import Console

from sysid_tbptt.errors import ConfigError, ModelError
from sysid_tbptt.registry import load_dataset
from sysid_tbptt.runs.identibench import Context, takes_context, train_themselves
from sysid_tbptt.runs.predictions import read_predictions
from sysid_tbptt.runs.store import Store
from tests.conftest import config_of


def hold_last(context):
    """Holds the last measured output, plus a little that depends on the seed."""

    def model(u, y_init, attrs):
        assert (u.dtype, y_init.dtype, attrs["init_sz"]) == (np.float32, np.float32, len(y_init))
        return np.full((len(u), 1), y_init[-1, 0] + 0.01 * context.seed)

    return model


@pytest.fixture
def log(own_log):
    own_log.write_text(own_log.read_text() + 'units_y = ["m"]\nn_init = 5\n')
    return str(own_log)


@pytest.fixture
def trained(log, tmp_path):
    """Records of a model, seeds 0 and 1; several runs of one seed are one."""

    def trained(build, seeds=(0, 1), model="mine:build"):
        runs = [config_of(dataset=log, split="file", seed=seed, burn_in=m) for seed in seeds for m in (0, 3)]
        quiet = Console(file=io.StringIO())
        return train_themselves(build, runs, model=model, results=tmp_path / "results", console=quiet)

    return trained


def test_every_part_is_scored_after_the_init_window(trained, log, tmp_path):
    data, records = load_dataset(log), trained(hold_last)
    assert [record.config.seed for record in records] == [0, 1]
    for record in records:
        assert (record.status, record.engine, record.config.model) == ("ok", "external", "mine:build")
        parts = record.metrics
        for scores, series in (
            (parts["train"], data.train[0]),
            (parts["val"], data.val[0]),
            (parts["test"]["test"], data.test[0]),
        ):
            error = series.y[5:, 0] - np.float32(series.y[4, 0]) - 0.01 * record.config.seed
            assert scores["rmse"] == pytest.approx([np.sqrt(np.mean(error**2))], rel=1e-6)
            assert (scores["unit"], scores["n_scored"]) == (["m"], len(series) - 5)
        (kept,) = read_predictions(Store(tmp_path / "results").predictions(record.run_id))
        assert np.ptp(kept.y_hat[5:]) == 0


def test_nothing_that_a_model_is_given_leads_to_later_outputs(trained):
    def model(u, y_init, attrs):
        assert u.base is None
        assert y_init.base is None
        return np.zeros((len(u), 1))

    assert [record.status for record in trained(lambda context: model)] == ["ok", "ok"]


def test_forecasts_are_not_what_it_does(log, tmp_path):
    runs = [config_of(dataset=log, split="file", horizon=3)]
    with pytest.raises(ConfigError, match="the suite asks for forecasts: choose runs without a horizon"):
        train_themselves(hold_last, runs, model="mine", results=tmp_path)


def test_what_has_a_record_is_not_done_again(trained):
    built = []

    def build(context):
        built.append(context.seed)
        return hold_last(context)

    before = trained(build, seeds=(0,))
    assert trained(build)[0] == before[0]
    assert built == [0, 1]


def test_the_context_has_the_records_but_for_the_test(make_data):
    data = make_data((80, 50), n_u=2, n_y=3)
    context = Context.of(data, 7)
    assert (context.seed, context.hyperparameters) == (7, {})
    assert (context.spec.u_cols, context.spec.y_cols, context.spec.init_window) == (["u0", "u1"], ["y0", "y1", "y2"], 5)
    train, val, both = (
        list(records())
        for records in (context.get_train_sequences, context.get_valid_sequences, context.get_train_valid_sequences)
    )
    assert [len(u) for u, _, _ in train] == [80, 50]
    assert [len(record.y) for record in both] == [80, 50, len(val[0].u)]
    assert train[0].attrs == {"fs": 10.0, "dt": 0.1, "init_sz": 5}
    assert np.array_equal(train[0].y, data.train[0].y.astype(np.float32))
    train[0].u[:] = 0  # theirs to write to
    assert data.train[0].u.any()
    assert not hasattr(context, "get_test_sequences")


@pytest.mark.parametrize("more", [-5, -2, 0, 3])
@pytest.mark.parametrize("with_attrs", [True, False])
def test_the_last_rows_count_whatever_comes_before(more, with_attrs, trained, log):
    """As identibench takes them: its own example leaves out the samples of its lags, and takes no ``attrs``."""
    data = load_dataset(log)

    def rows(u):
        return np.concatenate([np.full((3, 1), 1e9), u])[3 - more :]

    models = {True: lambda u, y_init, attrs: rows(u), False: lambda u, y_init: rows(u)}
    (record,) = trained(lambda context: models[with_attrs], seeds=(0,))
    for series, scores in ((data.train[0], record.metrics["train"]), (data.test[0], record.metrics["test"]["test"])):
        error = series.y[5:] - series.u[5:].astype(np.float32)
        assert scores["rmse"] == pytest.approx([np.sqrt(np.mean(error**2))], rel=1e-6)


def test_a_model_that_draws_gets_the_seed(trained):
    def build(context):
        weights = torch.rand(1).item() + np.random.rand() + random.random()  # noqa: NPY002
        return lambda u, y_init, attrs: u * weights + np.random.rand()  # noqa: NPY002

    torch.rand(1)
    first = [record.metrics for record in trained(build, model="mine:first")]
    again = [record.metrics for record in trained(build, model="mine:again")]
    assert first == again
    assert first[0] != first[1]


def test_the_spec_has_what_identibench_says_of_a_simulation(make_data):
    spec = Context.of(make_data(n_y=2), 0).spec
    assert (spec.dataset_id, spec.sampling_time, spec.metric, spec.task) == ("first_order", 0.1, "rmse", "simulation")
    given, target = np.random.default_rng(0).normal(size=(2, 50, 2))
    assert np.allclose(spec.metric_func(given, target), np.sqrt(((given - target) ** 2).mean(axis=0)))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_outputs_that_are_not_finite_make_a_record_of_a_divergence(trained, value):
    (record,) = trained(lambda context: lambda u, y_init, attrs: np.full((len(u), 1), value), seeds=(0,))
    assert (record.status, record.metrics, record.done) == ("diverged", {}, True)
    assert "record 'train': the output at sample 5 is" in record.reason


def failing(*_):
    raise RuntimeError("no luck")


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (failing, r"build_model\(context\) failed: RuntimeError: no luck \(in failing, test_identibench.py line"),
        (lambda context: context.hyperparameters["width"], "failed: KeyError: 'width'"),
        (lambda context: None, r"gave a NoneType, expected a callable model\(u, y_init, attrs\)"),
        (lambda context: failing, r"model\(u, y_init, attrs\) of record 'train' failed: RuntimeError: no luck"),
        (lambda context: lambda u: u, "failed: TypeError"),
        (lambda context: lambda u, y, a: u[:-6], r"shape \(194, 1\), expected \(200, 1\) or \(195, 1\)"),
        (lambda context: lambda u, y, a: u[:0], r"shape \(0, 1\), expected"),
        (lambda context: lambda u, y, a: 1.0, r"shape \(\), expected"),
        (lambda context: lambda u, y: 1 / 0, r"model\(u, y_init\) of record 'train' failed: ZeroDivisionError"),
        (lambda context: context.spec.dataset_path, r"the spec has no 'dataset_path' here; it has dataset_id, init_w"),
        (lambda context: context.get_test_sequences(), "the context has no 'get_test_sequences' here; it has get_tr"),
        (lambda context: lambda u, y, a: None, "of type object, expected real numbers"),
    ],
    ids=[
        *("build", "hyperparameters", "none", "call", "arguments", "length", "empty", "a number"),
        *("two arguments", "spec", "test records", "no output"),
    ],
)
def test_a_model_that_does_not_do_what_it_should_is_told(trained, build, said):
    with pytest.raises(ModelError, match=said) as caught:
        trained(build)
    assert "model 'mine:build', " in str(caught.value)
    assert "seed 0" in str(caught.value)


def test_earlier_records_survive_a_failure(trained, tmp_path):
    with pytest.raises(ModelError):
        trained(lambda context: failing() if context.seed else hold_last(context))
    (record,) = Store(tmp_path / "results").records()
    assert record.config.seed == 0


@pytest.mark.parametrize(
    ("build", "takes"),
    [
        (hold_last, True),
        (lambda context, extra=1: None, True),
        (lambda context, /, **_: None, True),
        (lambda *, n_u, n_y, hidden_size, num_layers: None, False),
        (lambda n_u, n_y, **_: None, False),
        (lambda **_: None, False),
        (dict, False),
    ],
)
def test_signatures_tell_the_two_kinds_apart(build, takes):
    assert takes_context(build, "x") is takes


@pytest.mark.parametrize("build", [lambda: None, lambda a, b: None, lambda *, n_u, n_y: None])
def test_a_signature_of_neither_kind_is_told(build):
    with pytest.raises(ModelError, match=r"expected \(\*, n_u, n_y, hidden_size, num_layers\) to be .* or \(context\)"):
        takes_context(build, "x")
