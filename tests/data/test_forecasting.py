import gzip
import io
import zipfile
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest

from sysid_tbptt.data import forecasting
from sysid_tbptt.data.cache import ENVIRONMENT
from sysid_tbptt.data.horizon import ahead
from sysid_tbptt.errors import DataError
from sysid_tbptt.registry import load_dataset

RNG = np.random.default_rng(3)
TABLE = RNG.normal(size=(121, 4)).cumsum(axis=0)
RAW = {raw.name: raw for raw in forecasting.SERIES}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A data directory; nothing is downloaded."""
    monkeypatch.setenv(ENVIRONMENT, str(tmp_path))
    (tmp_path / "forecasting").mkdir()
    return tmp_path / "forecasting"


def small(name, series, **changes):
    """The series of that name in small: its variances are those of ``series``."""
    variances = {n: float(series[:n].var()) for n in (60, 90)}
    return replace(RAW[name], lengths=(60, 30, 20), variances=variances, **changes)


def written(folder, raw, table=TABLE):
    (folder / raw.file).write_bytes(gzip.compress(pd.DataFrame(table).to_csv(header=False, index=False).encode()))
    return raw


@pytest.mark.parametrize(("column", "first"), [(2, 1), (2, 0), (1, 1), (1, 0)])
def test_the_column_is_the_one_with_the_papers_variances(folder, column, first):
    raw = written(folder, small("solar", TABLE[first:, column], candidates=partial(forecasting.lstnet, 2)))
    data = raw.load("paper")
    assert np.allclose(data.train[0].y[:, 0], TABLE[first : first + 60, column])
    assert f"column {column + 1}" in data.protocol


def test_another_edition_of_the_file_is_refused_with_what_was_found(folder):
    raw = written(folder, small("solar", TABLE[1:, 2]), TABLE * 1.01)
    with pytest.raises(
        DataError, match=r"no series in it has the variances .* another edition of the file; replace it"
    ):
        raw.load("paper")


def test_parts_follow_each_other_and_tests_reach_back(folder):
    values = TABLE[1:, 2]
    raw = written(folder, small("solar", values))
    data = ahead(raw.load("paper"), 5)
    (train,), (val,), (test,) = data.train, data.val, data.test
    assert len(train) == 60 - 5
    for series, first, stop in ((val, 60, 90), (test, 90, 110)):
        scored = series.y[series.n_init :]
        assert np.allclose(scored, [values[t : t + 5] for t in range(first, stop - 4)])
        assert series.u[series.n_init, 0] == pytest.approx(values[first - 1])


def test_the_second_stage_trains_on_validation_too_and_keeps_the_test(folder):
    raw = written(folder, small("solar", TABLE[1:, 2]))
    one, two = raw.load("paper"), raw.load("paper-retrain")
    assert np.array_equal(two.train[0].y[:, 0], one.val[0].y[:, 0])
    assert np.array_equal(two.test[0].y, one.test[0].y)
    assert two.scaler.y_std == two.train[0].y.std()
    assert one.revision != two.revision


def test_hourly_energy_is_the_mean_power_of_its_quarters(folder):
    quarters = RNG.uniform(1, 9, size=(366 * 96, 1))
    hours = quarters.reshape(-1, 4).mean(axis=1)
    text = io.StringIO()
    index = pd.date_range("2011-01-01 00:15", periods=len(quarters), freq="15min")
    frame = pd.DataFrame(np.repeat(quarters, 2, axis=1) * [1, 2], index=index, columns=["MT_005", "MT_006"])
    frame.to_csv(text, sep=";", decimal=",")
    for start, column, factor in ((365 * 24, "MT_005", 1), (0, "MT_006", 2)):
        with zipfile.ZipFile(folder / RAW["electricity"].file, "w") as archive:
            archive.writestr("LD2011_2014.txt", text.getvalue())
        raw = replace(
            RAW["electricity"],
            lengths=(10, 5, 8),
            variances={n: float(hours[start:][:n].var()) * factor**2 for n in (10, 15)},
        )
        data = raw.load("paper")
        assert np.allclose(data.train[0].y[:, 0], factor * hours[start : start + 10])
        assert column in data.protocol


WHOLE = gzip.compress(pd.DataFrame(TABLE).to_csv(header=False, index=False).encode())
BROKEN = {
    "no archive": b"no archive",
    "empty": b"",
    "cut off": WHOLE[:-500],
    "altered": WHOLE[:200] + bytes(100) + WHOLE[300:],
    "a column": gzip.compress(b"1\n2\n"),
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("name", ["electricity", "traffic"])
def test_a_broken_file_is_told_with_source_and_remedy(folder, name, content):
    (folder / RAW[name].file).write_bytes(content)
    with pytest.raises(DataError, match=rf"{RAW[name].file}: cannot be read .*replace it.*source: https"):
        RAW[name].load("paper")


def test_too_short_a_file_is_told(folder):
    raw = replace(written(folder, small("solar", TABLE[1:, 2])), lengths=(60, 30, 200))
    with pytest.raises(DataError, match="120 samples, expected 290"):
        raw.load("paper")


def test_unknown_split_is_told(folder):
    with pytest.raises(DataError, match="traffic has no split 'official'; choose one of paper, paper-retrain"):
        RAW["traffic"].load("official")


@pytest.mark.parametrize(("name", "samples"), [("ett_h1", 14400), ("exchange_rate", 7588)])
def test_real_series_are_read_and_cut(real_data, name, samples):
    data = load_dataset(name, horizon=96)
    assert len(data.test[0]) == samples - 96
    assert data.n_y == 96
    assert load_dataset(name, "standard-retrain", 96).train[0].y[0, 0] == data.train[0].y[0, 0]


def test_a_series_without_a_horizon_is_told_what_it_needs(real_data):
    with pytest.raises(DataError, match="'ett_h1' is a series to forecast: give the horizon"):
        load_dataset("ett_h1")
