"""Each benchmark against the package's own loader, called here on the same files.

The sets that are too large to be at hand are made up, and read through the package's own code.
"""

from functools import cache

import nonlinear_benchmarks as nb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nonlinear_benchmarks import not_splitted_benchmarks as unsplit
from scipy.io import savemat

from sysid_tbptt.data import cache as places
from sysid_tbptt.data import official, package
from sysid_tbptt.data.series import Series, Units
from sysid_tbptt.errors import DataError

SOURCES = {source.name: source for source in official.SOURCES}
BENCHMARKS = {benchmark.name: benchmark for benchmark in official.BENCHMARKS}
VERSION = package.package_version()

LOADERS = {
    "silverbox": nb.Silverbox,
    "wiener_hammerstein": nb.WienerHammerBenchMark,
    "cascaded_tanks": nb.Cascaded_Tanks,
    "emps": nb.EMPS,
    "ced": nb.CED,
    "f16": nb.F16,
}
SPLITS = [(name, split) for name in LOADERS for split in SOURCES[name].splits]

TEST_NAMES = {
    "silverbox": ["multisine", "arrow_full", "arrow_no_extrapolation"],
    "wiener_hammerstein": ["test"],
    "cascaded_tanks": ["test"],
    "emps": ["test"],
    "ced": ["low", "high"],
    "f16": [f"{signal}_Level{level}_Validation" for signal in ("FullMSine", "SineSw") for level in (2, 4, 6)],
}
UNITS = {  # of y, the factor from the package's own, n_init and dt
    "silverbox": ("mV", 1000, 50, 1 / 610.35),
    "wiener_hammerstein": ("mV", 1000, 50, 1 / 51200),
    "cascaded_tanks": ("V", 1, 50, 4.0),
    "emps": ("mm", 1000, 20, 1e-3),
    "ced": ("ticks/s", 1, 10, 0.02),
    "f16": ("m/s^2", 1, 50, 1 / 400),
}
"""Written out once more, so that a slip in the adapter does not pass here."""


@pytest.fixture
def given_real(real_data, monkeypatch):
    monkeypatch.setenv(places.ENVIRONMENT, str(real_data))
    return real_data


@cache
def load(name, split="official"):
    return SOURCES[name].load(split)


@cache
def packaged(name, root):
    """Train_val and test records of the package, as tuples of (T, 1) arrays in its own units."""
    options = {} if name == "f16" else {"always_return_tuples_of_datasets": True}
    return LOADERS[name](dir_placement=root / package.SUBFOLDER, atleast_2d=True, **options)


def concatenated(records, signal):
    return np.concatenate([getattr(r, signal) for r in records])


# The sets at hand


@pytest.mark.parametrize("name", LOADERS)
def test_test_records_are_the_package_s_own_in_reporting_units(given_real, name):
    _, test = packaged(name, given_real)
    data = load(name)
    unit, factor, n_init, dt = UNITS[name]
    assert [r.name for r in data.test] == TEST_NAMES[name]
    for ours, theirs in zip(data.test, test, strict=True):
        assert np.array_equal(ours.u, theirs.u)
        assert np.array_equal(ours.y, theirs.y * factor)
        assert ours.n_init == theirs.state_initialization_window_length == n_init
        assert ours.dt == theirs.sampling_time == pytest.approx(dt, rel=1e-4)
        assert ours.units.y == (unit,)


@pytest.mark.parametrize(("name", "split"), [pair for pair in SPLITS if pair[0] != "f16"])
def test_train_and_val_are_the_package_s_train_val_and_nothing_else(given_real, name, split):
    train_val, _ = packaged(name, given_real)
    data = load(name, split)
    _, factor, n_init, _ = UNITS[name]
    for train, val, theirs in zip(data.train, data.val, train_val, strict=True):
        assert np.array_equal(concatenated((train, val), "u"), theirs.u)
        assert np.array_equal(concatenated((train, val), "y"), theirs.y * factor)
        assert train.dt == val.dt == theirs.sampling_time
        assert train.n_init == val.n_init == n_init


def test_train_and_val_of_the_f16_are_the_package_s_train_records(given_real):
    train_val, _ = packaged("f16", given_real)
    data = load("f16")
    ours = {r.name: r for r in (*data.train, *data.val)}
    theirs = {r.name.removeprefix("F16Data_").removesuffix(".mat"): r for r in train_val}
    assert ours.keys() == theirs.keys()
    assert all(np.array_equal(ours[name].y, theirs[name].y) for name in ours)
    assert [r.name for r in data.val] == ["FullMSine_Level5", "SineSw_Level5"]


@pytest.mark.parametrize(("name", "split"), SPLITS)
def test_no_stretch_of_test_is_in_train_or_val(given_real, name, split):
    """16 samples in a row tell a place, since noise makes each such stretch unlike any other.

    But for constant ones: the sweeps of the F-16 end in zeros.
    """
    data = load(name, split)
    seen = {stretch for r in (*data.train, *data.val) for stretch in stretches(r, every=16)}
    assert not any(stretch in seen for r in data.test for stretch in stretches(r, every=1))


def stretches(record, every):
    both = np.hstack([record.u, record.y])
    for start in range(0, len(both) - 15, every):
        stretch = both[start : start + 16].tobytes()
        if stretch != stretch[: both.itemsize * both.shape[1]] * 16:
            yield stretch


def test_stretches_would_be_found(given_real):
    test = load("ced").test[0]
    assert set(stretches(test.slice(16, 64), every=16)) <= set(stretches(test, every=1))


@pytest.mark.parametrize(
    ("name", "split", "sizes"),
    [
        ("silverbox", "official", ([52050], [13012], [21688, 40475, 32000])),
        ("silverbox", "champneys", ([32531], [32531], [21688, 40475, 32000])),
        ("wiener_hammerstein", "official", ([80000], [20000], [78800])),
        ("wiener_hammerstein", "champneys", ([50000], [50000], [78800])),
        ("cascaded_tanks", "official", ([819], [205], [1024])),
        ("cascaded_tanks", "champneys", ([700], [324], [1024])),
        ("emps", "official", ([19873], [4968], [24841])),
        ("emps", "champneys", ([12420], [12421], [24841])),
        ("ced", "official", ([320, 320], [80, 80], [100, 100])),
        ("ced", "champneys", ([200, 200], [200, 200], [100, 100])),
        ("bouc_wen", "records", ([4916, 91800], [1638, 30600], [1638, 30600])),
    ],
)
def test_sizes(given_real, name, split, sizes):
    data = load(name, split)
    assert tuple([len(r) for r in part] for part in (data.train, data.val, data.test)) == sizes


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("silverbox", 100, 1000),
        ("wiener_hammerstein", 100, 2000),
        ("cascaded_tanks", 5, 10.1),
        ("emps", 100, 1000),
        ("ced", 1, 10),
    ],
)
def test_outputs_are_as_large_as_their_unit_makes_them(given_real, name, least, most):
    """Wide enough for any record, too narrow for a factor of 1000; a tank overflows at 10 V."""
    assert least <= np.abs(concatenated(load(name).test, "y")).max() <= most


@pytest.mark.parametrize(("name", "split"), [*SPLITS, ("bouc_wen", "records")])
def test_protocol_and_checksums_are_written_down(given_real, name, split):
    data = load(name, split)
    assert (data.name, data.split) == (name, split)
    n_init = UNITS[name][2] if name in UNITS else 0
    assert f"{split} split on nonlinear-benchmarks {VERSION}, n_init={n_init}; " in data.protocol
    assert data.citation == SOURCES[name].citation
    raw = BENCHMARKS[name].raw
    assert set(data.sha256) == {f"{raw.folder}/{file}" for file in raw.files}
    root = given_real / package.SUBFOLDER
    assert all(places.sha256_of(root / file) == data.sha256[file] for file in list(data.sha256)[:4])
    assert SOURCES[name].state() == "cached"


def test_revisions_differ(given_real):
    revisions = {load(name, split).revision for name, split in SPLITS}
    assert len(revisions) == len(SPLITS)


def test_bouc_wen_is_cut_from_the_two_test_signals(given_real):
    records = unsplit.BoucWen(dir_placement=given_real / package.SUBFOLDER, train_test_split=False)
    data = load("bouc_wen", "records")
    for k, theirs in enumerate(records):
        ours = (data.train[k], data.val[k], data.test[k])
        assert np.array_equal(concatenated(ours, "u")[:, 0], theirs.u)
        assert np.array_equal(concatenated(ours, "y")[:, 0], theirs.y)
        assert {r.dt for r in ours} == {1 / 750}
    assert [r.name for r in data.test] == ["multisine", "sinesweep"]
    assert "not comparable with published scores" in data.protocol


def test_files_that_are_none_of_the_benchmark_do_not_enter(real_copy, given_data):
    folder = real_copy("F16") / "F16GVT_Files" / "BenchmarkData"
    (folder / "F16Data_SineSw_Level1_copy.mat").write_bytes((folder / "F16Data_SineSw_Level1.mat").read_bytes())
    names = [r.name for r in SOURCES["f16"].load("official").train]
    assert "SineSw_Level1" in names
    assert "SineSw_Level1_copy" not in names


# What cannot be had


@pytest.mark.parametrize("name", SOURCES)
def test_unknown_split_is_told(name, user_cache, offline):
    with pytest.raises(DataError, match=f"{name} has no split 'paper'; choose one of {SOURCES[name].splits[0]}"):
        SOURCES[name].load("paper")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("parwh", r"ParWHFiles\.zip could not be downloaded from .*data\.4tu\.nl\)"),
        ("wh_process_noise", r"WienerHammersteinFiles\.zip could not be downloaded from .*data\.4tu\.nl\)"),
        (
            "industrial_robot",
            r"Robot_Identification_Benchmark_\S*\.rar could not be downloaded from fdm-fallback\.uni-kl\.de",
        ),
    ],
)
def test_set_that_is_not_at_hand_is_told(real_data, user_cache, monkeypatch, offline, tree, name, said):
    monkeypatch.setenv(places.ENVIRONMENT, str(real_data))
    assert SOURCES[name].state() == "missing"
    with pytest.raises(DataError, match=rf"^{said} .*connect and run again.*by hand.*SYSID_TBPTT_DATA"):
        SOURCES[name].load(SOURCES[name].splits[0])
    assert tree(user_cache) == {}


def test_a_package_that_splits_otherwise_is_told(real_copy, monkeypatch):
    real_copy("Silverbox")
    real = package.call_loader

    def two_test_records(*args, **options):
        train_val, test = real(*args, **options)
        return train_val, test[:2]

    monkeypatch.setattr(package, "call_loader", two_test_records)
    with pytest.raises(DataError, match=r"Silverbox cannot be read .*of another version"):
        SOURCES["silverbox"].load("official")


# Sets made up, read through the package


def placed(given_data, name):
    """The folder of a set with empty raw files in it."""
    raw = BENCHMARKS[name].raw
    for pattern in raw.patterns:
        path = given_data / package.SUBFOLDER / pattern
        path.parent.mkdir(parents=True, exist_ok=True)
        if "*" not in pattern:
            path.touch()
    return given_data / package.SUBFOLDER / raw.folder


@pytest.fixture(scope="module")
def parwh_variables():
    """As the package describes them: (samples, periods, phases, amplitudes)."""
    rng = np.random.default_rng(0)
    period = rng.normal(size=16384)
    amplitudes = 1 + np.arange(5)

    def signal(phases):
        shifts = np.stack([np.roll(period, 100 * phase) for phase in range(phases)], axis=1)
        both = np.stack([shifts, shifts], axis=1)
        return (both[..., None] * amplitudes).astype(np.float64)

    def noisy(u):
        return u + 0.01 * np.arange(2)[None, :, None, None]  # tells the periods apart

    return {
        "fs": np.array([[78000.0]]),
        "uEst": signal(20),
        "yEst": noisy(signal(20)),
        "uVal": signal(1),
        "yVal": noisy(signal(1)),
    }


def test_parwh(given_data, monkeypatch, parwh_variables):
    placed(given_data, "parwh")
    monkeypatch.setattr(nb.benchmarks, "loadmat", lambda _: parwh_variables)
    data = SOURCES["parwh"].load("official")
    assert [len(part) for part in (data.train, data.val, data.test)] == [80, 20, 5]
    assert [r.name for r in data.test] == [f"amp-{amp}" for amp in range(5)]
    assert {r.n_init for r in (*data.train, *data.val, *data.test)} == {50}
    assert data.train[0].dt == 1 / 78000
    for series in (*data.train[:7], *data.val[-2:]):
        _, phase, _, amp = series.name.split("-")
        for ours, theirs in ((series.u, "uEst"), (series.y, "yEst")):
            signal = parwh_variables[theirs][:, :, int(phase), int(amp)]
            assert np.array_equal(ours[:, 0], np.concatenate([signal[:, 0], signal[:, 1]]))
    for amp, series in enumerate(data.test):
        assert np.array_equal(series.y[:, 0], parwh_variables["yVal"][:, :, 0, amp].T.ravel())
    assert set(data.sha256) == {"ParWH/ParWHFiles/ParWHData.mat"}


@settings(max_examples=30)
@given(st.integers(8, 200), st.floats(0, 0.05), st.integers(0, 2**32 - 1))
def test_periods_are_laid_end_to_end_and_then_left_alone(length, noise, seed):
    rng = np.random.default_rng(seed)
    period = rng.normal(size=length)
    u = np.concatenate([period, period]) + noise * rng.normal(size=2 * length)
    y = rng.normal(size=2 * length)

    def series(u, y):
        return Series(u[:, None], y[:, None], 0.1, Units(u=("V",), y=("V",)), 3, "r")

    def side_by_side(signal):
        return signal.reshape(2, length).T.ravel()

    right = series(u, y)
    for given_series in (right, series(side_by_side(u), side_by_side(y))):
        laid = official.periods_end_to_end(given_series)
        assert np.array_equal(laid.u, right.u)
        assert np.array_equal(laid.y, right.y)
        assert (laid.n_init, laid.name, laid.dt) == (3, "r", 0.1)


def process_noise_file(path, length, realisations, seed):
    rng = np.random.default_rng(seed)
    r, u, y = (rng.normal(size=(length, realisations)) for _ in range(3))
    savemat(path, {"dataMeas": {"r": r, "u": u, "y": y, "fs": 78125.0}})
    return u, y


@pytest.fixture
def noise_folder(given_data, monkeypatch):
    """Below a directory whose name has the word Test in it, which makes no test file of a file."""
    root = given_data / "Test"
    root.mkdir()
    monkeypatch.setenv(places.ENVIRONMENT, str(root))
    return placed(root, "wh_process_noise") / "WienerHammersteinFiles"


@pytest.fixture
def noise_files(noise_folder):
    """Two files to train on and one to test on."""
    return {
        name: process_noise_file(noise_folder / f"{name}.mat", length, realisations, seed)
        for seed, (name, length, realisations) in enumerate(
            [("WH_Sweep", 50, 1), ("WH_Multisine", 100, 3), ("WH_TestDataset", 40, 2)]
        )
    }


def test_process_noise(noise_files):
    data = SOURCES["wh_process_noise"].load("records")
    names = ["WH_Multisine-0", "WH_Multisine-1", "WH_Multisine-2", "WH_Sweep-0"]
    assert [r.name for r in data.train] == [f"train_{name}" for name in names]
    assert [r.name for r in data.val] == [f"val_{name}" for name in names]
    assert [r.name for r in data.test] == ["WH_TestDataset-0", "WH_TestDataset-1"]
    u, y = noise_files["WH_Multisine"]
    assert np.array_equal(concatenated((data.train[1], data.val[1]), "u")[:, 0], u[:, 1])
    assert np.array_equal(concatenated((data.train[1], data.val[1]), "y")[:, 0], y[:, 1])
    assert np.array_equal(data.test[1].y[:, 0], noise_files["WH_TestDataset"][1][:, 1])
    assert {r.dt for r in data.train} == {1 / 78125}
    assert data.protocol.startswith("records split")
    assert len(data.sha256) == 3


def test_process_noise_is_what_the_package_reads(noise_files, noise_folder):
    data = SOURCES["wh_process_noise"].load("records")
    theirs, _ = unsplit.WienerHammerstein_Process_Noise(
        train_test_split=False, dir_placement=noise_folder.parent.parent
    )
    ours = [(np.concatenate([t.u, v.u]), np.concatenate([t.y, v.y])) for t, v in zip(data.train, data.val, strict=True)]
    ours += [(r.u, r.y) for r in data.test]
    assert len(ours) == len(theirs)
    for record in theirs:
        assert any(np.array_equal(u[:, 0], record.u) and np.array_equal(y[:, 0], record.y) for u, y in ours)


def test_damaged_process_noise_file_is_named(noise_files, noise_folder):
    broken = noise_folder / "WH_Sweep.mat"
    broken.write_bytes(broken.read_bytes()[:-200])
    with pytest.raises(DataError, match=r"WH_Sweep\.mat cannot be read .*truncated.*SYSID_TBPTT_DATA.*4tu"):
        SOURCES["wh_process_noise"].load("records")


def test_process_noise_without_its_test_file_is_told(noise_files, noise_folder):
    (noise_folder / "WH_TestDataset.mat").unlink()
    with pytest.raises(DataError, match=r"wh_process_noise: no record is left for test.*WienHammer.*4tu"):
        SOURCES["wh_process_noise"].load("records")


def test_industrial_robot(given_data, monkeypatch):
    placed(given_data, "industrial_robot")
    rng = np.random.default_rng(0)
    variables = {
        f"{signal}_{part}": rng.normal(size=(6, 606 * records + 5))
        for signal in "uy"
        for part, records in (("train", 10), ("test", 2))
    }
    monkeypatch.setattr(unsplit, "loadmat", lambda _: variables)
    data = SOURCES["industrial_robot"].load("records")
    assert [len(part) for part in (data.train, data.val, data.test)] == [8, 2, 2]
    assert (data.n_u, data.n_y) == (6, 6)
    for k, series in enumerate((*data.train, *data.val)):
        assert np.array_equal(series.u, variables["u_train"][:, 606 * k : 606 * (k + 1)].T)
        assert np.array_equal(series.y, variables["y_train"][:, 606 * k : 606 * (k + 1)].T)
        assert (series.name, series.dt, series.n_init) == (f"train_val-{k}", 0.1, 0)
    assert [r.name for r in data.test] == ["test-0", "test-1"]
    assert data.protocol.startswith("records split")


@pytest.mark.parametrize(("name", "loader"), [("parwh", nb.benchmarks), ("industrial_robot", unsplit)])
def test_unreadable_file_without_a_known_sum_is_named(given_data, name, loader):
    placed(given_data, name)
    file = BENCHMARKS[name].raw.files[0].split("/")[-1]
    with pytest.raises(DataError, match=rf"{file} cannot be read .*take it out of SYSID_TBPTT_DATA"):
        SOURCES[name].load(SOURCES[name].splits[0])
