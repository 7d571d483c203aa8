import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from sysid_tbptt.errors import StoreError
from sysid_tbptt.runs.record import SCHEMA, Loss, RunRecord, Time, finite
from sysid_tbptt.training.windows import layout
from tests.conftest import config_of

numbers = st.floats(allow_nan=False, allow_infinity=False)
measures = st.dictionaries(st.sampled_from(["mse_scaled", "r2"]), st.none() | numbers | st.lists(numbers, max_size=3))
records = st.builds(
    RunRecord,
    run_id=st.text("0123456789abcdef", min_size=1),
    status=st.sampled_from(["diverged", "failed"]),  # one that ended well needs whole scores
    reason=st.none() | st.text(),
    config=st.builds(config_of, learning_rate=st.floats(1e-12, 1e3), seed=st.integers(0, 2**63 - 1)),
    windows=st.integers(0, 10**9),
    steps_done=st.integers(0, 10**9),
    engine=st.none() | st.sampled_from(["reference", "cpu"]),
    metrics=st.dictionaries(st.sampled_from(["train", "val"]), measures),
    loss=st.builds(Loss, last100_mean=st.none() | numbers, curve=st.lists(numbers), curve_every=st.integers(1, 10**6)),
    time=st.builds(Time, train_s=numbers, steps_per_s=numbers),
    provenance=st.dictionaries(st.text(), st.text() | st.booleans() | st.none()),
)


def record(**fields):
    return RunRecord(**{"run_id": "a", "status": "ok", "config": config_of()} | fields)


@settings(max_examples=50, deadline=None)
@given(records)
def test_a_record_is_its_line(before):
    line = before.to_line()
    after = RunRecord.from_line(line)
    assert after == before
    assert after.to_line() == line
    assert "\n" not in line
    assert line.isascii()


def test_the_line_has_the_schema_under_its_name():
    assert json.loads(record().to_line())["schema"] == SCHEMA


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_becomes_null(value):
    metrics = {"test": {"test": {"r2": [value, 0.5], "mse_scaled": value}}}
    written = record(
        status="diverged", metrics=metrics, loss=Loss(last100_mean=value, curve=[1.0, value], validation=[value])
    )
    read = RunRecord.from_line(written.to_line())
    assert read.metrics == {"test": {"test": {"r2": [None, 0.5], "mse_scaled": None}}}
    assert read.loss == Loss(last100_mean=None, curve=[1.0, None], validation=[None])


def test_finite_reaches_into_tuples():
    assert finite({"a": (1, math.nan, "x", None, True)}) == {"a": [1, None, "x", None, True]}


def test_numbers_are_written_at_full_precision():
    line = record(status="diverged", metrics={"train": {"mse_scaled": 0.1 + 0.2}}).to_line()
    assert '"mse_scaled":0.30000000000000004' in line


def changed(**fields):
    return json.dumps(json.loads(record().to_line()) | fields)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (changed(schema=SCHEMA + 1), f"schema {SCHEMA + 1} where {SCHEMA} is known; use a newer version"),
        (changed(schema=None), f"schema None where {SCHEMA} is known"),
        ("", "not a line of JSON"),
        (changed()[:-5], "not a line of JSON"),
        ("[" * 100_000, "not a line of JSON"),
        ("[]", "not a JSON object"),
        ("null", "not a JSON object"),
        (changed(status="fine"), "key 'status'.*: .*and not 'fine'"),
        (changed(extra=1), "key 'extra'"),
        (changed(config={}), "key 'config.suite'.* is missing"),
        (changed(config=json.loads(config_of().model_dump_json()) | {"burn_in": 12}), "burn_in=12 leaves no step"),
    ],
    ids=["newer", "none", "empty", "half", "deep", "list", "null", "status", "extra", "config", "burn_in"],
)
def test_a_line_that_is_no_record_is_refused(line, said):
    with pytest.raises(StoreError, match=said):
        RunRecord.from_line(line)


SCORES = {"mse_scaled": 1.0, "rmse": [1.0, None], "unit": ["V", "m"]}


@pytest.mark.parametrize(
    ("scores", "provenance", "said"),
    [
        ({}, {}, None),
        ({}, {"data": None, "versions": {}}, None),
        ({}, {"data": {"n_init": 5, "revision": "r", "protocol": "cut"}}, None),
        ({"rmse": 1.0}, {}, "key 'metrics': each rmse is a list"),
        ({"rmse": [1.0]}, {}, "key 'metrics': each rmse is a list"),
        ({"rmse": [1.0, "1"]}, {}, "key 'metrics': each rmse is a list"),
        ({"rmse": [], "unit": []}, {}, "key 'metrics': each rmse is a list"),
        ({"unit": ["V", 1]}, {}, "key 'metrics': each rmse is a list"),
        ({}, {"data": "x"}, "key 'provenance': data and versions"),
        ({}, {"versions": ["x"]}, "key 'provenance': data and versions"),
        ({}, {"data": {"n_init": "5"}}, "key 'provenance.data': n_init"),
        ({}, {"data": {"protocol": ["cut"]}}, "key 'provenance.data': n_init"),
    ],
)
def test_what_reports_rest_on_has_its_shape(scores, provenance, said):
    parts = {"train": SCORES, "val": SCORES, "test": {"test": SCORES | scores}}
    line = record(engine="cpu", metrics=parts, provenance=provenance).to_line()
    if said is None:
        assert RunRecord.from_line(line).metrics == parts
    else:
        with pytest.raises(StoreError, match=said):
            RunRecord.from_line(line)


@given(st.text())
def test_garbage_is_refused(line):
    with pytest.raises(StoreError):
        RunRecord.from_line(line)


@pytest.mark.parametrize(
    ("fields", "regime"),
    [
        ({"windows": 289, "records": 1}, "stateless"),
        ({"windows": 289, "records": 1, "config": config_of(init_mode="carry", batch_size=6)}, "stateful"),
        ({"windows": 1, "records": 1, "config": config_of(seq_len=300, batch_size=1)}, "bptt"),
        ({"windows": 3, "records": 3, "config": config_of(seq_len=300, batch_size=1)}, "bptt"),
        ({"windows": 4, "records": 3}, "stateless"),
        ({"status": "failed"}, "stateless"),
        ({"windows": 289, "records": 1, "engine": "closed_form"}, "closed_form"),
    ],
)
def test_regime(fields, regime):
    assert record(**fields).regime == regime


@pytest.mark.parametrize(("status", "done"), [("ok", True), ("diverged", True), ("failed", False)])
def test_a_failure_is_not_done(status, done):
    assert record(status=status).done is done


def test_a_record_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        record().status = "failed"


def test_only_an_lm_run_says_why_it_ended():
    adam = record(status="diverged")
    assert '"ended"' not in adam.to_line()
    lm = adam.model_copy(update={"config": config_of(optimiser="lm"), "ended": "converged"})
    assert RunRecord.from_line(lm.to_line()) == lm


def scored(n_scored, **fields):
    return record(metrics={"train": {"n_scored": n_scored}}, provenance={"data": {"n_init": 5}}, **fields)


@pytest.mark.parametrize(
    ("changes", "lengths", "regime"),
    [
        ({"optimiser": "lm", "seq_len": 30, "burn_in": 0}, (30,), "bptt"),
        ({"optimiser": "lm", "seq_len": 30, "burn_in": 9}, (30, 30), "bptt"),
        ({"optimiser": "lm", "seq_len": 20, "burn_in": 0}, (30,), "stateless"),
        ({"optimiser": "lm", "seq_len": 29, "burn_in": 0}, (30, 29), "stateless"),
        ({"optimiser": "lm", "seq_len": 12, "burn_in": 3}, (30,), "stateless"),
        ({"seq_len": 20, "burn_in": 0, "stride": 20}, (30,), "stateless"),
        ({"seq_len": 30, "burn_in": 0}, (30,), "bptt"),
    ],
    ids=str,
)
def test_only_windows_of_whole_records_are_full_bptt(changes, lengths, regime):
    config = config_of(**changes)
    windows = len(layout(lengths, config.model_copy(update={"batch_size": 1})))
    assert (
        scored(sum(lengths) - 5 * len(lengths), config=config, records=len(lengths), windows=windows).regime == regime
    )


@pytest.mark.parametrize(
    ("optimiser", "engine", "method"),
    [("adam", "cpu", "gru"), ("lm", "reference", "gru (lm)"), ("lm", "closed_form", "gru"), ("lm", "external", "gru")],
)
def test_a_method_is_the_model_and_its_optimiser_unless_that_is_adam(optimiser, engine, method):
    assert record(config=config_of(model="gru", optimiser=optimiser), engine=engine).method == method
