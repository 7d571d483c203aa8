import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sysid_tbptt.data.series import Dataset, Series, Units
from sysid_tbptt.errors import DataError

UNITS = Units(u=("V",), y=("mm", "A"))


def record(length=10, **changes):
    rng = np.random.default_rng(0)
    fields = {
        "u": rng.normal(size=(length, 1)),
        "y": rng.normal(size=(length, 2)),
        "dt": 0.1,
        "units": UNITS,
        "n_init": 2,
        "name": "tank",
    }
    return Series(**(fields | changes))


@given(st.integers(0, 9), st.integers(1, 10))
def test_slice_keeps_samples_and_metadata(start, width):
    whole = record(length=30)
    part = whole.slice(start, start + width + whole.n_init)
    assert np.array_equal(part.u, whole.u[start : start + width + 2])
    assert np.array_equal(part.y, whole.y[start : start + width + 2])
    assert (part.dt, part.units, part.n_init, part.name) == (whole.dt, whole.units, whole.n_init, whole.name)


def test_slice_may_rename():
    assert record().slice(0, 5, name="val").name == "val"


def test_signals_are_float64_and_cannot_be_changed():
    series = record()
    assert series.u.dtype == series.y.dtype == np.float64
    with pytest.raises(ValueError, match="read-only"):
        series.y[0, 0] = 1.0


def test_series_does_not_follow_its_source():
    u = np.ones((10, 1))
    series = record(u=u)
    u[0] = 5.0
    assert series.u[0] == 1.0


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"u": np.zeros((9, 1))}, "u has 9 samples and y has 10"),
        ({"y": np.zeros((10, 3))}, "3 channels of y but 2 units"),
        ({"u": np.array([[0.0]] * 7 + [[np.nan]] + [[np.inf]] * 2)}, r"u is not finite at sample 7 \(3 in all\)"),
        (
            {"y": np.where(np.arange(10)[:, None] == 6, [0.0, 1e45], 1.0)},
            r"channel 1 of y holds 1e\+45 at sample 6, more",
        ),
        ({"n_init": 10}, r"n_init=10 must lie in \[0, 10\)"),
        ({"n_init": -1}, "n_init=-1"),
        ({"u": np.zeros((0, 1)), "y": np.zeros((0, 2)), "n_init": 0}, "n_init=0"),
    ],
    ids=["unequal lengths", "units", "not finite", "beyond float32", "n_init too long", "n_init negative", "empty"],
)
def test_bad_record_is_told_apart(changes, said):
    with pytest.raises(DataError, match=f"tank: .*{said}"):
        record(**changes)


def test_scaler_sees_the_training_part_only():
    train, other = record(length=50), record(length=50, u=np.full((50, 1), 1e6), y=np.full((50, 2), 1e6))
    data = Dataset("tank", "file", (train,), (other,), (other,), "", "", "0")
    assert np.allclose(data.scaler.u_mean, train.u.mean(axis=0))
    assert np.allclose(data.scaler.y_std, train.y.std(axis=0))
    assert (data.n_u, data.n_y) == (1, 2)


@pytest.mark.parametrize("part", ["train", "val", "test"])
@pytest.mark.parametrize("key", ["u", "y"])
def test_a_data_set_with_a_sample_too_far_away_is_not_made(part, key):
    fine, far = record(length=50), getattr(record(length=50), key).copy()
    far[31] *= 1e30
    parts = {"train": fine, "val": fine, "test": fine} | {part: record(length=50, **{key: far}, name="odd")}
    parts = {name: (series,) for name, series in parts.items()}
    if part == "train":  # one glitch makes the deviation large, and the rest a constant
        data = Dataset("tank", "file", **parts, citation="", protocol="", revision="0")
        assert np.isfinite(data.scaler.scale(data.train[0])[key == "y"]).all()
        return
    with pytest.raises(DataError, match=rf"tank: channel 0 of {key} at sample 31 of 'odd' holds .*standard deviations"):
        Dataset("tank", "file", **parts, citation="", protocol="", revision="0")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"train": ()}, "part 'train' has no record"),
        ({"val": ()}, "part 'val' has no record"),
        ({"test": ()}, "part 'test' has no record"),
        ({"test": (record(), record(length=12))}, "2 test records are named 'tank'; rename them"),
    ],
)
def test_a_data_set_whose_scores_would_be_lost_is_not_made(changes, said):
    parts = {"train": (record(),), "val": (record(),), "test": (record(),)}
    with pytest.raises(DataError, match=f"motor: {said}"):
        Dataset("motor", "file", **parts | changes, citation="", protocol="", revision="0")
