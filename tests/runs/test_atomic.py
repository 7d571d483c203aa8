import errno
import os
import stat

import pytest

from sysid_tbptt.errors import StoreError
from sysid_tbptt.runs.atomic import leftovers, write_whole


@pytest.fixture
def synced(monkeypatch):
    """The folders that were made durable, by inode."""
    found, fsync = [], os.fsync

    def watch(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            found.append(os.fstat(descriptor).st_ino)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", watch)
    return found


def test_new_folders_are_made_durable_with_the_file(tmp_path, synced):
    write_whole(tmp_path / "a" / "b" / "file", b"x")
    assert {folder.stat().st_ino for folder in (tmp_path, tmp_path / "a", tmp_path / "a" / "b")} <= set(synced)


def test_a_file_is_whole_where_the_file_system_has_no_durable_folders(tmp_path, monkeypatch):
    fsync = os.fsync

    def refuse(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", refuse)
    write_whole(tmp_path / "file", b"x")
    assert (tmp_path / "file").read_bytes() == b"x"


def test_what_cannot_be_written_leaves_the_file_and_nothing_else(tmp_path, monkeypatch):
    write_whole(tmp_path / "file", b"old")

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match=r"file: cannot be written .No space left on device.; free"):
        write_whole(tmp_path / "file", b"new")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"file": b"old"}


@pytest.mark.parametrize(
    ("process", "left"),
    [(2**22 + 1, True), (10**30, True), ("x", True), (os.getpid(), True), (os.getppid(), False), (1, os.getpid() == 1)],
    ids=["dead", "no process", "no number", "its own", "its parent", "another user's or the first"],
)
def test_leftovers_are_of_processes_that_are_no_more(tmp_path, process, left):
    path = tmp_path / f".file.{process}.tmp"
    path.touch()
    assert leftovers(tmp_path) == ([path] if left else [])
