import io
import zipfile

import numpy as np
import pytest
from rich.console import Console

from sysid_tbptt.data.series import Series, Units
from sysid_tbptt.errors import StoreError
from sysid_tbptt.registry import build_model, load_dataset
from sysid_tbptt.runs.harness import train
from sysid_tbptt.runs.predictions import read_predictions, write_predictions
from sysid_tbptt.runs.store import Store
from sysid_tbptt.training.evaluate import evaluate, evaluate_and_keep, simulate
from sysid_tbptt.training.modules import module_simulator
from sysid_tbptt.training.weights import put_weights, read_weights
from tests.conftest import config_of


def series(name, length=30, n_y=2):
    y = np.random.default_rng(0).normal(size=(length, n_y))
    return Series(y, y, 0.25, Units(u=("V",) * n_y, y=("mm/s", "°C")[:n_y]), 4, name)


@pytest.fixture
def written(tmp_path):
    path = tmp_path / "predictions" / "a.npz"
    records = [series("high"), series("low/1", length=20)]
    write_predictions(path, records, {record.name: record.y + 1 for record in records})
    return path, records


def test_predictions_come_back_as_they_were_written(written):
    path, records = written
    for found, record in zip(read_predictions(path), records, strict=True):
        assert (found.test_set, found.n_init, found.dt, found.unit) == (record.name, 4, 0.25, ("mm/s", "°C"))
        assert found.y.dtype == found.y_hat.dtype == np.float32
        assert np.array_equal(found.y, record.y.astype(np.float32))
        assert np.array_equal(found.y_hat, (record.y + 1).astype(np.float32))


def test_the_file_is_plain_arrays_and_the_same_to_the_byte(written):
    path, records = written
    with np.load(path, allow_pickle=False) as file:
        assert {"high/y", "high/y_hat", "high/n_init", "high/dt", "high/unit"} <= set(file.files)
        assert all(file[name].dtype.kind in "fiU" for name in file.files)
    before = path.read_bytes()
    write_predictions(path, records, {record.name: record.y + 1 for record in records})
    assert path.read_bytes() == before


@pytest.mark.parametrize("at", range(0, 100, 7), ids=lambda at: f"at {at} %")
@pytest.mark.parametrize("damage", ["cut", "flipped"])
def test_a_damaged_file_is_told_or_reads_as_written(written, damage, at):
    path, records = written
    content = bytearray(path.read_bytes())
    place = len(content) * at // 100
    if damage == "cut":
        del content[place:]
    else:
        content[place] ^= 0xFF
    path.write_bytes(content)
    try:
        found = read_predictions(path)
    except StoreError as error:
        assert str(path) in str(error)
    else:
        assert damage == "flipped"
        assert [np.array_equal(p.y, r.y.astype(np.float32)) for p, r in zip(found, records, strict=True)] == [True] * 2


def test_what_is_no_file_of_predictions_is_told(tmp_path):
    path = tmp_path / "a.npz"
    with pytest.raises(StoreError, match="no predictions of this run; --keep-weights"):
        read_predictions(path)
    for arrays in ({"x/y_hat": np.zeros((3, 1))}, {"x/y": np.array([None]), "x/y_hat": np.zeros(2)}):
        np.savez(path, **arrays)
        with pytest.raises(StoreError, match="no file of predictions"):
            read_predictions(path)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("x/y_hat.npy", b"not an array")
    with pytest.raises(StoreError, match="no file of predictions"):
        read_predictions(path)


# from a run


def trained(own_log, results, **options):
    changes = options.pop("changes", {})
    config = config_of(dataset=str(own_log), split="file", **changes)
    quiet = Console(file=io.StringIO())
    (record,) = train([config], engine="reference", workers=1, results=results, console=quiet, **options)
    return record, Store(results)


def test_kept_weights_come_with_the_outputs_that_they_simulate(own_log, tmp_path):
    record, store = trained(own_log, tmp_path / "results", keep_weights=True)
    (found,) = read_predictions(store.predictions(record.run_id))
    data = load_dataset(str(own_log), "file")
    module = build_model("lstm", n_u=1, n_y=1, hidden_size=4)
    path = store.weights(record.run_id)
    put_weights(module, read_weights(path), path)
    assert np.allclose(found.y_hat, simulate(module, data.test[0], scaler=data.scaler), rtol=1e-6, atol=1e-6)
    assert np.array_equal(found.y, data.test[0].y.astype(np.float32))
    scored = (found.y_hat - found.y)[found.n_init :]
    assert record.metrics["test"][found.test_set]["rmse"] == pytest.approx(
        np.sqrt(np.mean(scored**2, axis=0)), rel=1e-5
    )


@pytest.mark.parametrize(
    "options",
    [{}, {"keep_weights": True, "changes": {"learning_rate": 1e30}}],
    ids=["not asked for", "diverged"],
)
def test_there_are_no_predictions_where_they_are_not_asked_for_or_worth_nothing(own_log, tmp_path, options):
    record, store = trained(own_log, tmp_path / "results", **options)
    assert not store.predictions(record.run_id).exists()


def test_each_record_is_simulated_once(make_data):
    data, calls = make_data((80, 50)), []
    model = module_simulator(build_model("rnn", n_u=1, n_y=1, hidden_size=2))

    def counted(u, y_init):
        calls.append(len(u))
        return model(u, y_init)

    metrics, y_hat = evaluate_and_keep(counted, data)
    assert sorted(calls) == sorted(len(s) for part in (data.train, data.val, data.test) for s in part)
    assert metrics == evaluate(model, data)
    u, y = data.scaler.scale(data.test[0])
    assert np.allclose(y_hat["test"], data.scaler.unscale_y(model(u, y[:0])))
