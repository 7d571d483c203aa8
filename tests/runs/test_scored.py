import numpy as np
import pytest

from sysid_tbptt.errors import ConfigError, DataError, ModelError, StoreError
from sysid_tbptt.registry import load_dataset
from sysid_tbptt.runs.predictions import read_predictions
from sysid_tbptt.runs.record import RunRecord
from sysid_tbptt.runs.scored import NotFinite, fitting, score_file, scores
from sysid_tbptt.runs.store import Store, records_file
from sysid_tbptt.suite import Group, Suite

T, N_INIT = 120, 5


@pytest.fixture
def two_channels(make_data):
    return make_data(n_y=2).test[0]


def test_outputs_fit_with_or_without_the_init_window(two_channels):
    y_hat = np.random.default_rng(1).normal(size=(T, 2))
    whole, tail = (fitting(given, two_channels, "x") for given in (y_hat, y_hat[N_INIT:]))
    assert np.array_equal(whole, tail)
    assert np.array_equal(whole[N_INIT:], y_hat[N_INIT:])
    assert np.array_equal(whole[:N_INIT], two_channels.y[:N_INIT])


def test_what_is_not_scored_need_not_be_finite(two_channels):
    y_hat = np.zeros((T, 2))
    y_hat[:N_INIT] = np.nan
    assert np.isfinite(fitting(y_hat, two_channels, "x")).all()


@pytest.mark.parametrize(
    ("y_hat", "error", "said"),
    [
        (np.zeros((T - 1, 2)), ModelError, r"x: the outputs have shape \(119, 2\), expected \(120, 2\) or \(115, 2\)"),
        (np.zeros((T, 1)), ModelError, r"shape \(120, 1\), expected \(120, 2\)"),
        (np.zeros(T), ModelError, r"shape \(120,\), expected \(120, 2\)"),
        (np.zeros((2, T)), ModelError, r"shape \(2, 120\)"),
        (np.zeros((1, T, 2)), ModelError, r"shape \(1, 120, 2\)"),
        (None, ModelError, "of type object, expected real numbers"),
        (np.zeros((T, 2), complex), ModelError, "of type complex128"),
        ([["a", "b"]] * T, ModelError, "expected real numbers"),
        (np.full((T, 2), np.nan), NotFinite, r"the output at sample 5 is \[nan, nan\], .* \(115 such"),
        (np.full((T, 2), 1e200), NotFinite, r"sample 5 is \[1e\+200, 1e\+200\], expected .* that float32 can hold"),
        (np.where(np.arange(T)[:, None] == 77, np.inf, [0.0, 1.0]), NotFinite, r"sample 77 is \[inf, inf\].*\(1 such"),
    ],
)
def test_outputs_that_do_not_fit_are_told(two_channels, y_hat, error, said):
    with pytest.raises(error, match=said):
        fitting(y_hat, two_channels, "x")


def test_scores_are_those_of_an_independent_calculation(make_data):
    data = make_data((80, 50), n_y=2)
    y_hat = [series.y + np.random.default_rng(0).normal(size=series.y.shape) for series in data.train]
    found = scores(y_hat, data.train, data.scaler)
    error = np.concatenate([(a - b.y)[N_INIT:] for a, b in zip(y_hat, data.train, strict=True)])
    y = np.concatenate([series.y[N_INIT:] for series in data.train])
    std = np.concatenate([series.y for series in data.train]).std(axis=0)
    assert found["rmse"] == pytest.approx(np.sqrt((error**2).mean(axis=0)))
    assert found["mae"] == pytest.approx(np.abs(error).mean(axis=0))
    assert found["r2"] == pytest.approx(1 - (error**2).sum(axis=0) / ((y - y.mean(axis=0)) ** 2).sum(axis=0))
    assert found["mse_scaled"] == pytest.approx(((error / std) ** 2).mean())
    assert (found["unit"], found["n_scored"]) == (["m", "m"], 80 + 50 - 2 * N_INIT)


# from a file


@pytest.fixture
def log(own_log):
    own_log.write_text(own_log.read_text() + 'units_y = ["m"]\nn_init = 5\n')
    return str(own_log)


@pytest.fixture
def suite(log):
    return Suite("s", "", (Group("s.toml", {"dataset": [log], "split": ["file"]}),))


@pytest.fixture
def scored(log, suite, tmp_path):
    def scored(path, **options):
        return score_file(path, **{"suite": suite, "dataset": log, "results": tmp_path / "results"} | options)

    return scored


def y_hat_of(log, seed=0):
    y = load_dataset(log).test[0].y[:, 0]
    return y + np.random.default_rng(seed).normal(size=len(y))


def test_a_file_becomes_a_record_beside_the_others(scored, log, tmp_path):
    y_hat, y = y_hat_of(log), load_dataset(log).test[0].y[:, 0]
    np.savez(tmp_path / "mine.npz", test=y_hat)
    record = scored(tmp_path / "mine.npz")
    (line,) = (tmp_path / "results" / records_file(record.config)).read_text().splitlines()
    assert RunRecord.from_line(line) == record
    assert (record.engine, record.regime, record.config.model, record.config.suite) == (
        "predictions",
        "external",
        "mine",
        "s",
    )
    assert record.run_id == record.config.run_id(load_dataset(log).revision)
    assert record.metrics.keys() == {"test"}
    assert record.metrics["test"]["test"]["rmse"] == pytest.approx([np.sqrt(np.mean((y_hat - y)[5:] ** 2))])
    (kept,) = read_predictions(Store(tmp_path / "results").predictions(record.run_id))
    assert np.array_equal(kept.y_hat[5:, 0], y_hat[5:].astype(np.float32))


def test_a_suite_that_forecasts_the_data_takes_no_file(scored, log, tmp_path):
    np.savez(tmp_path / "mine.npz", test=y_hat_of(log))
    suite = Suite("s", "", (Group("s.toml", {"dataset": [log], "split": ["file"], "horizon": [3]}),))
    with pytest.raises(ConfigError, match=r"suite 's' forecasts .*tank.toml; a file holds simulated outputs"):
        scored(tmp_path / "mine.npz", suite=suite)


def test_the_same_file_is_scored_once_and_another_takes_its_place(scored, log, tmp_path):
    path = tmp_path / "mine.npz"
    np.savez(path, test=y_hat_of(log))
    first = scored(path)
    assert scored(path) == first
    np.savez(path, test=y_hat_of(log, seed=1))
    second = scored(path)
    assert second.run_id == first.run_id
    assert second.metrics != first.metrics
    assert Store(tmp_path / "results").records() == [second]


def test_the_name_of_a_trained_model_is_refused(scored, log, tmp_path):
    path, store = tmp_path / "mine.npz", Store(tmp_path / "results")
    np.savez(path, test=y_hat_of(log))
    first = scored(path)
    trained = first.model_copy(update={"engine": "external", "run_id": "0" * 16, "status": "diverged"})
    store.save(trained)
    with pytest.raises(ConfigError, match=r"model 'mine': the suite 's' has trained runs .* by --name"):
        scored(path)
    assert scored(path, model="other").config.model == "other"


def test_name_seed_and_split_tell_records_apart(scored, log, tmp_path):
    path = tmp_path / "mine.npz"
    np.savez(path, test=y_hat_of(log))
    records = [scored(path), scored(path, model="other"), scored(path, seed=1), scored(path, split="file")]
    assert len({record.run_id for record in records}) == 3
    assert records[3] == records[0]


@pytest.mark.parametrize(
    ("test_sets", "said"),
    [
        (("tset",), "no test set of tank .file. is named 'tset'; did you mean 'test'"),
        ((), "no outputs for test set test of tank .file.; it has none, expected test"),
    ],
)
def test_a_test_set_that_is_unknown_or_missing_is_told(scored, log, tmp_path, test_sets, said):
    np.savez(tmp_path / "a.npz", **dict.fromkeys(test_sets, y_hat_of(log)))
    with pytest.raises(DataError, match=said):
        scored(tmp_path / "a.npz")
    assert not (tmp_path / "results").exists()


def test_outputs_of_another_length_are_told_with_file_and_test_set(scored, log, tmp_path):
    np.savez(tmp_path / "a.npz", test=y_hat_of(log)[:50])
    with pytest.raises(
        ModelError, match=r"a\.npz, test set 'test': the outputs have shape \(50,\), expected \(100, 1\)"
    ):
        scored(tmp_path / "a.npz")


def test_only_a_record_of_predictions_may_lack_train_and_val(scored, log, tmp_path):
    np.savez(tmp_path / "a.npz", test=y_hat_of(log))
    record = scored(tmp_path / "a.npz")
    with pytest.raises(StoreError, match="has mse_scaled, rmse, unit of train, val, test"):
        RunRecord.from_line(record.model_copy(update={"engine": "reference"}).to_line())
    with pytest.raises(StoreError, match="has mse_scaled, rmse, unit of test"):
        RunRecord.from_line(record.model_copy(update={"metrics": {"test": {}}}).to_line())
