"""How raw files get from the package's addresses to disk: whole and verified, or with one clear error and no trace.

The sets downloaded here are made up, and pass the package's own download and unpacking.
"""

import errno
import hashlib
import io
import urllib.request
import zipfile
from contextlib import contextmanager
from inspect import getmodule
from pathlib import Path

import numpy as np
import pytest
from nonlinear_benchmarks import utilities
from scipy.io import loadmat, savemat

from sysid_tbptt.data import cache, official, package
from sysid_tbptt.errors import DataError

RAW = {benchmark.name: benchmark.raw for benchmark in official.BENCHMARKS}
NOISE, TANKS, EMPS, CED, WH = (
    RAW[name] for name in ("wh_process_noise", "cascaded_tanks", "emps", "ced", "wiener_hammerstein")
)
HTML = b"<!DOCTYPE html><html><title>Quota exceeded</title></html>"


def mat(**variables):
    file = io.BytesIO()
    savemat(file, variables)
    return file.getvalue()


def archive(**files):
    """A zip; ``__`` in a name stands for a slash."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, content in files.items():
            zipped.writestr(name.replace("__", "/") + ".mat", content)
    return file.getvalue()


SIGNAL = np.random.default_rng(0).normal(size=(2000, 1))
RECORD = mat(dataMeas={"r": SIGNAL, "u": SIGNAL, "y": SIGNAL, "fs": 78125.0})
GOOD = archive(WienerHammersteinFiles__WH_Train=RECORD, WienerHammersteinFiles__WH_Test=RECORD)


@pytest.fixture
def internet(server, user_cache, monkeypatch):
    """Whatever the package asks for, the local server sends."""
    real = urllib.request.urlretrieve
    monkeypatch.setattr(urllib.request, "urlretrieve", lambda _, *rest: real(server.url, *rest))
    monkeypatch.setattr(utilities, "download_file_from_google_drive", lambda _, to: real(server.url, to))
    return server


# The package's own names


@pytest.mark.parametrize("name", RAW)
def test_folder_archive_and_files_are_those_of_the_package(name, tmp_path, monkeypatch):
    raw = RAW[name]
    loader = package._loader(raw)
    for pattern in raw.patterns:
        path = tmp_path / pattern.replace("*", "any")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    asked = []

    def look(url, name_dir, zip_name=None, dir_placement=None, **_):
        url = url if isinstance(url, str) else url[0]
        asked.append(f"{name_dir}/{zip_name or url.split('/')[-1]}")
        return str(dir_placement / name_dir)

    monkeypatch.setattr(getmodule(loader), "cashed_download", look)
    located = loader(dir_placement=tmp_path, data_file_locations=True)
    assert asked == [f"{raw.folder}/{raw.archive}"]
    located = [located] if isinstance(located, str) else located
    read = set(map(str, raw.raw_files(tmp_path)))
    if name == "bouc_wen":  # the package tells the folder only
        assert all(path.startswith(located[0]) for path in read)
    elif name == "silverbox":  # and the file of another experiment
        assert read < set(located)
    else:
        assert read == set(located)


def test_no_file_with_a_known_sum_is_forgotten():
    named = {f"{raw.folder}/{file}" for raw in RAW.values() for file in raw.files}
    assert named >= set(package.SHA256)
    assert not {name.split("/")[0] for name in package.SHA256} & set(package.CONTENT)


# Downloads


def test_good_download_moves_whole_into_the_user_cache(internet, user_cache, tree, capsys):
    internet.bodies = [GOOD]
    assert package.state(NOISE) == "missing"
    raw = package.obtain(NOISE)
    assert raw.root == user_cache / package.SUBFOLDER
    assert set(tree(user_cache)) == {
        f"{package.SUBFOLDER}/WienHammer/{name}"
        for name in (
            "WienerHammersteinFiles.zip",
            "WienerHammersteinFiles/WH_Test.mat",
            "WienerHammersteinFiles/WH_Train.mat",
        )
    }
    assert raw.sha256 == {name: cache.sha256_of(raw.root / name) for name in raw.sha256}
    assert len(raw.sha256) == 2
    assert package.state(NOISE) == "cached"
    assert package.obtain(NOISE) == raw
    assert internet.requests == 1
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "body",
    [HTML, GOOD[:-1000], b"", GOOD.replace(b"WH_Train", b"WH_Trial", 1), archive(other=RECORD)],
    ids=["a page", "truncated", "empty", "corrupt", "another archive"],
)
def test_bad_download_leaves_nothing(internet, user_cache, tree, body):
    internet.bodies = [body]
    said = (
        r"WienerHammersteinFiles\.zip from .*data\.4tu\.nl.* is truncated, no archive or another one, and was discarded"
    )
    with pytest.raises(DataError, match=f"{said}.*run again"):
        package.obtain(NOISE)
    assert tree(user_cache) == {}
    assert package.state(NOISE) == "missing"


def test_archive_without_a_file_leaves_nothing(internet, user_cache, tree):
    internet.bodies = [archive(DATA_EMPS=RECORD)]
    with pytest.raises(DataError, match=r"EMPS\.zip from .* does not hold EMPS/DATA_EMPS_PULSES\.mat.*run again"):
        package.obtain(EMPS)
    assert tree(user_cache) == {}


def test_connection_that_breaks_off_leaves_nothing(internet, user_cache, tree):
    internet.bodies, internet.promised = [GOOD[:-1000]], len(GOOD)
    with pytest.raises(DataError, match=r"WienerHammersteinFiles\.zip from .*truncated.*run again"):
        package.obtain(NOISE)
    assert tree(user_cache) == {}


def test_page_in_place_of_a_file_leaves_nothing(internet, user_cache, tree):
    internet.bodies = [HTML]
    with pytest.raises(DataError, match=r"WienerHammerBenchMark\.mat cannot be read .*discarded: run again.*kth\.se"):
        package.obtain(WH)
    assert tree(user_cache) == {}


def test_wrong_checksum_of_a_download_leaves_nothing(internet, user_cache, tree):
    internet.bodies = [archive(CascadedTanksFiles__dataBenchmark=RECORD)]
    with pytest.raises(DataError, match=r"dataBenchmark\.mat: SHA-256 .*discarded: run again .*4tu"):
        package.obtain(TANKS)
    assert tree(user_cache) == {}


def test_second_address_is_used_where_the_first_sends_a_page(internet, user_cache, monkeypatch, tree):
    internet.bodies = [HTML, archive(CascadedTanksFiles__dataBenchmark=RECORD)]
    name = "Cascaded_Tanks/CascadedTanksFiles/dataBenchmark.mat"
    monkeypatch.setitem(package.SHA256, name, hashlib.sha256(RECORD).hexdigest())
    assert list(package.obtain(TANKS).sha256) == [name]
    assert internet.requests == 2


def test_what_an_earlier_version_left_is_replaced(internet, user_cache, tree):
    old = user_cache / package.SUBFOLDER / NOISE.folder / "old.mat"
    old.parent.mkdir(parents=True)
    old.touch()
    internet.bodies = [GOOD]
    package.obtain(NOISE)
    assert not old.exists()


def test_interrupted_download_leaves_nothing(user_cache, monkeypatch, tree):
    def interrupt(_, target, *__):
        Path(target).write_bytes(GOOD[:100])
        raise KeyboardInterrupt

    monkeypatch.setattr(urllib.request, "urlretrieve", interrupt)
    with pytest.raises(KeyboardInterrupt):
        package.obtain(NOISE)
    assert tree(user_cache) == {}


def test_full_disk_is_told_apart_from_a_bad_network(user_cache, monkeypatch, tree):
    def fill(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(urllib.request, "urlretrieve", fill)
    with pytest.raises(DataError, match=r"cannot write the cache .*No space left.*free it"):
        package.obtain(NOISE)
    assert tree(user_cache) == {}


def test_unwritable_cache_is_told(internet, user_cache):
    user_cache.write_text("a file where a directory should be")
    with pytest.raises(DataError, match=r"cannot write the cache .*user-cache.*set SYSID_TBPTT_DATA"):
        package.obtain(NOISE)
    assert internet.requests == 0


def test_set_that_another_process_has_just_brought_is_not_downloaded_again(user_cache, offline, monkeypatch):
    real = cache.locked

    @contextmanager
    def locked(*args):
        with real(*args):
            folder = user_cache / package.SUBFOLDER / NOISE.folder
            with zipfile.ZipFile(io.BytesIO(GOOD)) as zipped:
                zipped.extractall(folder)
            (folder / NOISE.archive).write_bytes(GOOD)
            yield

    monkeypatch.setattr(cache, "locked", locked)
    assert len(package.obtain(NOISE).sha256) == 2


@pytest.mark.parametrize("name", RAW)
def test_no_network_is_told_with_file_source_and_remedy(name, user_cache, offline, tree):
    raw = RAW[name]
    with pytest.raises(DataError) as told:
        package.obtain(raw)
    said = str(told.value)
    assert said.startswith(f"{raw.archive} could not be downloaded from {raw.origin}")
    assert "connect and run again" in said
    assert str(user_cache) in said
    assert cache.ENVIRONMENT in said
    assert "\n" not in said
    assert tree(user_cache) == {}


# Files at hand that are not what they should be


@pytest.mark.parametrize(
    ("raw", "file"),
    [
        (TANKS, "CascadedTanksFiles/dataBenchmark.mat"),
        (EMPS, "DATA_EMPS_PULSES.mat"),
        (CED, "DATAUNIF.MAT"),
        (WH, WH.archive),
    ],
    ids=lambda value: getattr(value, "folder", ""),
)
def test_truncated_file_is_told_and_kept(raw, file, real_copy, given_data, user_cache, tree):
    broken = real_copy(raw.folder) / file
    broken.write_bytes(broken.read_bytes()[:-500])
    before = tree(given_data)
    with pytest.raises(DataError) as told:
        package.obtain(raw)
    assert str(told.value).startswith(str(broken))
    assert "truncated" in str(told.value)
    assert "take it out of SYSID_TBPTT_DATA" in str(told.value)
    assert raw.origin in str(told.value)
    assert tree(given_data) == before
    assert tree(user_cache) == {}


def test_one_flipped_bit_is_told(real_copy):
    broken = real_copy("EMPS") / "DATA_EMPS.mat"
    content = bytearray(broken.read_bytes())
    content[len(content) // 2] ^= 1
    broken.write_bytes(content)
    with pytest.raises(DataError, match=r"DATA_EMPS\.mat: SHA-256"):
        package.obtain(EMPS)


def test_record_known_by_content_may_come_in_another_container(real_copy):
    file = real_copy("CED") / "DATAUNIF.MAT"
    saved = {key: value for key, value in loadmat(file).items() if not key.startswith("__")}
    savemat(file, saved, appendmat=False, do_compression=True)
    assert package.obtain(CED).sha256 == {"CED/DATAUNIF.MAT": cache.sha256_of(file)}


@pytest.mark.parametrize("key", ["u11", "u12", "z11", "z12"])
def test_changed_value_of_a_record_known_by_content_is_told(real_copy, key):
    file = real_copy("CED") / "DATAUNIF.MAT"
    saved = {name: value for name, value in loadmat(file).items() if not name.startswith("__")}
    saved[key][250] *= 1.001
    savemat(file, saved, appendmat=False)
    with pytest.raises(DataError, match=r"DATAUNIF\.MAT: its values are not those of the published record.*replace it"):
        package.obtain(CED)


def test_missing_file_of_given_data_is_named(real_copy, given_data, user_cache, offline, tree):
    (real_copy("EMPS") / "DATA_EMPS_PULSES.mat").unlink()
    before = tree(given_data)
    with pytest.raises(DataError, match=r"EMPS\.zip could not be downloaded.*given.* lacks EMPS/DATA_EMPS_PULSES\.mat"):
        package.obtain(EMPS)
    assert tree(given_data) == before
    assert tree(user_cache) == {}


def test_incomplete_given_data_are_left_alone_and_downloaded(internet, given_data, user_cache, tree):
    folder = given_data / package.SUBFOLDER / NOISE.folder
    folder.mkdir(parents=True)
    (folder / NOISE.archive).touch()
    before = tree(given_data)
    internet.bodies = [GOOD]
    assert package.obtain(NOISE).root.is_relative_to(user_cache)
    assert tree(given_data) == before


def test_file_broken_in_the_user_cache_is_to_be_deleted(real_copy, user_cache, given_data, monkeypatch):
    broken = real_copy("Cascaded_Tanks") / "CascadedTanksFiles" / "dataBenchmark.mat"
    broken.write_bytes(broken.read_bytes()[:-500])
    given_data.rename(user_cache)
    monkeypatch.delenv(cache.ENVIRONMENT)
    with pytest.raises(DataError, match=r"user-cache/.*dataBenchmark\.mat: SHA-256 .*delete it and run again"):
        package.obtain(TANKS)


@pytest.mark.parametrize(
    "name", [name for name, raw in RAW.items() if name not in ("parwh", "wh_process_noise", "industrial_robot")]
)
def test_real_files_are_accepted_and_each_is_accounted_for(real_data, name, monkeypatch):
    raw = RAW[name]
    monkeypatch.setenv(cache.ENVIRONMENT, str(real_data))
    obtained = package.obtain(raw)
    assert obtained.root == real_data / package.SUBFOLDER
    assert set(obtained.sha256) == {f"{raw.folder}/{file}" for file in raw.files}
