from functools import cache

import numpy as np
import pytest

from sysid_tbptt.data import cache as places
from sysid_tbptt.data import package, paper
from sysid_tbptt.errors import DataError

SOURCES = {source.name: source for source in paper.SOURCES}
FILES = {"silverbox": "silverbox", "wiener_hammerstein": "WienerHammerBenchmark", "rlc": "rlc"}
SIZES = {
    "silverbox": (20000, 10000, 10000),
    "wiener_hammerstein": (20000, 10000, 10000),
    "rlc": (6667, 3333, 3333),
}
PARTS = ("train", "val", "test")


@cache
def load(name):
    return SOURCES[name].load("paper")


def record(data, part):
    (series,) = getattr(data, part)
    return series


def csv(real_data, name, part):
    length = SIZES[name][PARTS.index(part)]
    return np.loadtxt(real_data / "paper" / f"data_{FILES[name]}_{part}_{length}.csv", delimiter=",", ndmin=2)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("name", ["silverbox", "wiener_hammerstein"])
def test_segments_equal_the_paper_s_files_to_the_last_bit(real_data, name, part):
    u, y = csv(real_data, name, part)
    series = record(load(name), part)
    assert np.array_equal(series.u[:, 0], u)
    assert np.array_equal(series.y[:, 0], y)


@pytest.mark.parametrize("part", PARTS)
def test_rlc_equals_the_paper_s_files_to_their_last_digit(real_data, part):
    time, v_in, v_c, i_l = csv(real_data, "rlc", part)
    series = record(load("rlc"), part)
    for ours, theirs in ((series.u[:, 0], v_in), (series.y[:, 0], i_l), (series.y[:, 1], v_c)):
        assert np.all(np.abs(ours - theirs) <= last_digit(theirs))
    assert np.allclose(np.diff(time), series.dt, rtol=1e-6)


def last_digit(values):
    """One unit of the 15th significant digit or of the 16th decimal, whichever is larger: where their csv end."""
    with np.errstate(divide="ignore"):
        decade = np.floor(np.log10(np.abs(values)))
    return np.maximum(10.0 ** (decade - 14), 1e-16)


@pytest.mark.parametrize("name", SOURCES)
def test_sizes_units_and_protocol(real_data, name):
    data = load(name)
    assert tuple(len(record(data, part)) for part in PARTS) == SIZES[name]
    assert (data.name, data.split) == (name, "paper")
    for part in PARTS:
        series = record(data, part)
        assert (series.name, series.n_init) == (part, 0)
        assert series.units.u == ("V",)
        assert series.units.y == (("A", "V") if name == "rlc" else ("V",))
    assert data.protocol.startswith("paper split")
    assert "n_init=0" in data.protocol
    assert data.citation == SOURCES[name].citation


@pytest.mark.parametrize(
    ("name", "ranges"),
    [
        ("silverbox", "train (50000, 70000), val (70000, 80000), test (80000, 90000)"),
        ("wiener_hammerstein", "train (5000, 25000), val (25000, 35000), test (35000, 45000)"),
        ("rlc", "RLC_data_id [0, 6667) and [6667, 10000), RLC_data_test [0, 3333)"),
    ],
)
def test_protocol_tells_the_cut_and_the_version(real_data, name, ranges):
    protocol = load(name).protocol
    assert ranges in protocol
    assert name == "rlc" or f"nonlinear-benchmarks {package.package_version()}" in protocol


@pytest.mark.parametrize("name", SOURCES)
def test_checksums_are_those_of_the_files_read(real_data, name):
    root = real_data / ("rlc" if name == "rlc" else package.SUBFOLDER)
    sums = load(name).sha256
    assert sums
    assert sums == {file: places.sha256_of(root / file) for file in sums}


@pytest.mark.parametrize("name", SOURCES)
def test_unknown_split_is_told(name):
    with pytest.raises(DataError, match=f"{name} has no split 'official' here.*'paper'"):
        SOURCES[name].load("official")


def test_state_tells_what_needs_a_download(given_data):
    rlc = SOURCES["rlc"]
    assert rlc.state() == "missing"
    (given_data / "rlc").mkdir()
    for name in paper.RLC_FILES:
        assert rlc.state() == "missing"
        (given_data / "rlc" / name).touch()
    assert rlc.state() == "cached"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("rlc", r"RLC_data_id\.csv could not be downloaded from https://raw\.github.*SYSID_TBPTT_DATA"),
        ("silverbox", r"SilverboxFiles\.zip could not be downloaded from .*Google Drive.*SYSID_TBPTT_DATA"),
    ],
)
def test_no_network_is_told(user_cache, offline, tree, name, said):
    with pytest.raises(DataError, match=said):
        SOURCES[name].load("paper")
    assert tree(user_cache) == {}


def test_truncated_rlc_file_is_told_and_kept(real_data, given_data, tree):
    (given_data / "rlc").mkdir()
    for name in paper.RLC_FILES:
        whole = (real_data / "rlc" / name).read_bytes()
        (given_data / "rlc" / name).write_bytes(whole[:-100] if "test" in name else whole)
    before = tree(given_data)
    with pytest.raises(DataError, match=r"RLC_data_test\.csv: SHA-256 .*truncated.*take it out of SYSID_TBPTT_DATA"):
        SOURCES["rlc"].load("paper")
    assert tree(given_data) == before


def test_rlc_is_downloaded_verified_and_kept(real_data, user_cache, server, monkeypatch, tree):
    server.bodies = [(real_data / "rlc" / name).read_bytes() for name in paper.RLC_FILES]
    monkeypatch.setattr(paper, "RLC_ORIGIN", f"{server.url}/")
    data = SOURCES["rlc"].load("paper")
    assert set(tree(user_cache)) == {f"rlc/{name}" for name in paper.RLC_FILES}
    assert SOURCES["rlc"].load("paper").revision == data.revision == load("rlc").revision
    assert server.requests == 2
