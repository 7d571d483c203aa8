"""Packed files that were downloaded: read no further than a limit, unpacked nowhere but into their folder."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, Protocol, runtime_checkable

from .. import limits
from ..errors import DataError, shown


@runtime_checkable
class _Member(Protocol):
    """What zipfile and rarfile tell of a member alike."""

    filename: str
    file_size: int


class Bounded(io.RawIOBase):
    """A stream that ends in an error where it is longer than ``limit`` bytes: packed zeros unfold a thousandfold.

    Raises:
        ValueError: more was asked for than the limit.
    """

    def __init__(self, stream: Any, limit: int) -> None:
        self._stream, self._left, self._limit = stream, limit, limit

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        content = self._stream.read(len(buffer))
        self._left -= len(content)
        if self._left < 0:
            raise ValueError(f"more than {self._limit} bytes unpacked, which is all that is read")
        buffer[: len(content)] = content
        return len(content)


@contextmanager
def opened(path: Path, member: str | None = None) -> Iterator[io.BufferedReader]:
    """A raw file, or a member of a zip archive, to read: unpacked where its name ends in .gz, bounded.

    Raises:
        ValueError: in reading, where it is larger than `limits.RAW_BYTES`; and what gzip and zipfile raise.
    """
    limits.check_plain(path, limits.RAW_BYTES, DataError)
    with path.open("rb") as file:
        if member is not None:
            with zipfile.ZipFile(file) as archive, archive.open(member) as stream:
                yield _bounded(stream)
        elif path.suffix == ".gz":
            with gzip.open(file) as packed:
                yield _bounded(packed)
        else:
            yield file


def _bounded(stream: Any) -> io.BufferedReader:
    return io.BufferedReader(Bounded(stream, limits.RAW_BYTES))


def check_members(members: Sequence[_Member]) -> None:
    """Passes what an archive of a data set may hold.

    Raises:
        DataError: too many members, too large together, or one that would lie outside the folder or is a link.
    """
    size = sum(member.file_size for member in members)
    if len(members) > limits.ARCHIVE_MEMBERS or size > limits.ARCHIVE_BYTES:
        raise DataError(
            f"the archive claims {len(members)} files of {size} bytes, where at most {limits.ARCHIVE_MEMBERS} of "
            f"{limits.ARCHIVE_BYTES} are unpacked"
        )
    for member in members:
        if _leads_out(member.filename) or _is_link(member):
            raise DataError(f"the archive holds {shown(member.filename)}, which would not stay in its folder")


def _leads_out(name: str) -> bool:
    posix, windows = PurePosixPath(name), PureWindowsPath(name)
    return bool(posix.root or windows.root or windows.drive) or ".." in windows.parts or "\x00" in name


def _is_link(member: Any) -> bool:
    told = getattr(member, "is_symlink", None)  # of rarfile; zipfile writes a link as a plain file
    return bool(told and told())


@contextmanager
def checked_archives() -> Iterator[None]:
    """Within, archives are checked before they are unpacked: the package nonlinear-benchmarks unpacks by ``extractall``
    of zipfile or rarfile whatever it has downloaded."""
    with _checked(zipfile.ZipFile), _checked(_rar_file()):
        yield


def _rar_file() -> Any:
    try:
        from rarfile import RarFile
    except ImportError:  # no archive of that kind can be unpacked then
        return None
    return RarFile


@contextmanager
def _checked(archive: Any) -> Iterator[None]:
    if archive is None:
        yield
        return
    unpack = archive.extractall

    def extractall(self: Any, *arguments: Any, **named: Any) -> Any:
        check_members(self.infolist())
        return unpack(self, *arguments, **named)

    archive.extractall = extractall
    try:
        yield
    finally:
        archive.extractall = unpack
