import errno
import hashlib

import pytest

from sysid_tbptt.data import cache
from sysid_tbptt.errors import DataError

CONTENT = b"time,V\n0,1\n"
SUM = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def _content(server):
    server.bodies = [CONTENT]


def fetch(server):
    return cache.fetch("rlc", "log.csv", url=f"{server.url}/log.csv", sha256=SUM)


def test_download_lands_in_the_user_cache_and_is_found_again(server, user_cache):
    assert fetch(server) == user_cache / "rlc" / "log.csv"
    server.bodies = [b"something else"]
    assert fetch(server).read_bytes() == CONTENT


def test_given_data_comes_first_and_is_never_written(server, user_cache, given_data, tree):
    (given_data / "rlc").mkdir()
    assert fetch(server).is_relative_to(user_cache)
    assert tree(given_data) == {}
    (given_data / "rlc" / "log.csv").write_bytes(CONTENT)
    assert fetch(server).is_relative_to(given_data)


def test_download_with_a_wrong_sum_is_discarded(server, user_cache, tree):
    server.bodies = [b"<html>quota exceeded</html>"]
    with pytest.raises(DataError, match=r"log\.csv from http://.* is not the expected file .*run again"):
        fetch(server)
    assert tree(user_cache) == {}


def test_truncated_download_is_discarded(server, user_cache, tree):
    server.promised = 10 * len(CONTENT)
    with pytest.raises(DataError, match=r"log\.csv .*http://"):
        fetch(server)
    assert tree(user_cache) == {}


def test_no_network_is_told(user_cache, offline, tree):
    with pytest.raises(DataError, match=r"log\.csv could not be downloaded from http://nowhere/.*SYSID_TBPTT_DATA"):
        cache.fetch("rlc", "log.csv", url="http://nowhere/log.csv", sha256=SUM)
    assert tree(user_cache) == {}


@pytest.mark.parametrize("place", ["user_cache", "given_data"])
def test_file_on_disk_with_a_wrong_sum_is_named_and_kept(place, request, user_cache):
    root = request.getfixturevalue(place)
    (root / "rlc").mkdir(parents=True)
    broken = root / "rlc" / "log.csv"
    broken.write_bytes(CONTENT[:-3])
    said = "delete it and run again" if place == "user_cache" else "take it out of SYSID_TBPTT_DATA"
    with pytest.raises(DataError, match=rf"log\.csv: SHA-256 .*{said}"):
        cache.fetch("rlc", "log.csv", url="http://nowhere/log.csv", sha256=SUM)
    assert broken.exists()


def test_unwritable_cache_is_told(user_cache):
    user_cache.write_text("a file where a directory should be")
    with pytest.raises(DataError, match="cannot write the cache"), cache.locked("rlc", "set"):
        pass


def test_data_directory_that_is_none_is_told(user_cache, monkeypatch, tmp_path):
    monkeypatch.setenv(cache.ENVIRONMENT, str(tmp_path / "mistyped"))
    with pytest.raises(DataError, match=r"SYSID_TBPTT_DATA=.*mistyped is not a directory"):
        cache.find("rlc", ["log.csv"])


def test_staging_moves_whole_or_not_at_all(user_cache, tree):
    with cache.locked("sets", "a"):
        with pytest.raises(KeyboardInterrupt), cache.staging("sets", "a") as stage:
            (stage / "a").mkdir()
            (stage / "a" / "half").write_text("x")
            raise KeyboardInterrupt
        assert tree(user_cache) == {}
        with cache.staging("sets", "a") as stage:
            assert list(stage.iterdir()) == []
            (stage / "a").mkdir()
            (stage / "a" / "whole").write_text("x")
    assert tree(user_cache) == {"sets/a/whole": 1}


def test_staging_clears_what_a_killed_process_left(user_cache, tree):
    leftover = user_cache / "sets" / ".a.part" / "a"
    leftover.mkdir(parents=True)
    (leftover / "half").write_text("x")
    with cache.staging("sets", "a") as stage:
        (stage / "a").mkdir()
    assert tree(user_cache) == {}


def test_full_disk_is_told_and_nothing_stays(user_cache, tree):
    with cache.locked("sets", "a"):
        said = r"cannot write the cache .*No space left.*set SYSID_TBPTT_DATA"
        with pytest.raises(DataError, match=said), cache.staging("sets", "a") as stage:
            (stage / "half").write_text("x")
            raise OSError(errno.ENOSPC, "No space left on device")
        assert tree(user_cache) == {}


def test_unwritable_cache_is_told_by_a_download(server, user_cache):
    user_cache.write_text("a file where a directory should be")
    with pytest.raises(DataError, match=r"cannot write .*log\.csv.*set SYSID_TBPTT_DATA"):
        fetch(server)


def test_missing_file_on_the_server_is_told(user_cache, server, tree, monkeypatch):
    monkeypatch.setattr(server.RequestHandlerClass, "do_GET", lambda handler: handler.send_error(404))
    with pytest.raises(DataError, match=r"log\.csv could not be downloaded from http://.*404.*SYSID_TBPTT_DATA"):
        fetch(server)
    assert tree(user_cache) == {}
