"""Where raw files are looked for, and how new ones get there whole and verified or not at all.

First ``$SYSID_TBPTT_DATA``, which is only ever read; then the user's cache directory, into which downloads go.
Both have the same subfolders.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import platformdirs
from filelock import FileLock

from ..errors import DataError

ENVIRONMENT = "SYSID_TBPTT_DATA"

_STAGE = ".part"

_UNWRITABLE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM}


def data_dir() -> Path | None:
    """The directory that ``$SYSID_TBPTT_DATA`` names, if it is set.

    Raises:
        DataError: it names no directory.
    """
    name = os.environ.get(ENVIRONMENT)
    if not name:
        return None
    path = Path(name).expanduser()
    if not path.is_dir():
        raise DataError(
            f"{ENVIRONMENT}={name} is not a directory; correct it, or unset it to download into {user_cache()}"
        )
    return path


def user_cache() -> Path:
    """The user's own cache directory; downloads go here."""
    return platformdirs.user_cache_path("sysid-tbptt", appauthor=False)


def find(subfolder: str, patterns: Sequence[str]) -> Path | None:
    """The first of both places' ``subfolder`` in which every pattern matches a file; None where neither has all."""
    places = [place / subfolder for place in (data_dir(), user_cache()) if place is not None]
    return next((place for place in places if not lacking(place, patterns)), None)


def lacking(place: Path, patterns: Sequence[str]) -> list[str]:
    """The patterns that match no file below ``place``."""
    return [pattern for pattern in patterns if not any(place.glob(pattern))]


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_sha256(path: Path, expected: str, *, origin: str) -> str:
    """The file's SHA-256.

    Raises:
        DataError: it is not the expected one.
    """
    actual = sha256_of(path)
    if actual != expected:
        raise DataError(
            f"{path}: SHA-256 {actual[:12]}… where {expected[:12]}… is expected: the file is truncated, altered or of "
            f"another version; {remedy(path)} (source: {origin})"
        )
    return actual


def remedy(path: Path) -> str:
    """What to do about a broken file: it depends on whose directory it lies in."""
    if not path.is_relative_to(user_cache()):
        return f"replace it, or take it out of {ENVIRONMENT} to have it downloaded"
    if any(name.endswith(_STAGE) for name in path.relative_to(user_cache()).parts):
        return "the download was discarded: run again"
    return "delete it and run again to download it anew"


def place_by_hand(target: Path) -> str:
    """What to do without a network."""
    return f"connect and run again, or put it at {target} by hand, or point {ENVIRONMENT} to a directory that has it"


@contextmanager
def locked(subfolder: str, folder: str) -> Iterator[None]:
    """Processes that want the same ``folder`` of the user's cache wait for each other.

    Raises:
        DataError: the cache cannot be written.
    """
    root = user_cache() / subfolder
    with _cache_errors(root):
        root.mkdir(parents=True, exist_ok=True)
        lock = FileLock(root / f".{folder}.lock").acquire()
    with lock:
        yield


@contextmanager
def staging(subfolder: str, folder: str) -> Iterator[Path]:
    """An empty directory in which to build ``folder``, which moves into the user's cache if the block ends well.

    If it does not, nothing of it stays. To be used under `locked`.

    Raises:
        DataError: the cache cannot be written.
    """
    root = user_cache() / subfolder
    stage = root / f".{folder}{_STAGE}"
    shutil.rmtree(stage, ignore_errors=True)  # a killed process may have left one
    with _cache_errors(root):
        stage.mkdir()
    try:
        with _cache_errors(root):
            yield stage
            shutil.rmtree(root / folder, ignore_errors=True)
            (stage / folder).replace(root / folder)
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def is_unwritable(error: BaseException) -> bool:
    """Whether it tells of a full disk, a quota or missing rights, and not of the network."""
    return isinstance(error, OSError) and error.errno in _UNWRITABLE


@contextmanager
def _cache_errors(root: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(f"cannot write the cache {root}: {error}; free it, or set {ENVIRONMENT}") from error


def fetch(subfolder: str, name: str, *, url: str, sha256: str | None) -> Path:
    """The file ``name``, found or downloaded from ``url``, its checksum verified.

    Without a checksum the caller verifies what is in it.

    Raises:
        DataError: no network, or what was found or downloaded is not the file; nothing half stays behind.
    """
    place = find(subfolder, [name])
    if place is None:
        _download(user_cache() / subfolder / name, url, sha256)
        place = user_cache() / subfolder
    if sha256 is not None:
        check_sha256(place / name, sha256, origin=url)
    return place / name


def _download(target: Path, url: str, sha256: str | None) -> None:
    import pooch
    import requests

    pooch.get_logger().setLevel("WARNING")
    try:
        pooch.retrieve(url, known_hash=sha256 and f"sha256:{sha256}", fname=target.name, path=target.parent)
    except requests.RequestException as error:
        raise DataError(
            f"{target.name} could not be downloaded from {url} ({error}); {place_by_hand(target)}"
        ) from error
    except ValueError as error:  # pooch's word for a checksum that does not match
        raise DataError(
            f"{target.name} from {url} is not the expected file (wrong SHA-256: a truncated or changed download) and "
            f"was discarded; run again, or put the file with SHA-256 {sha256} at {target}"
        ) from error
    except OSError as error:
        raise DataError(f"cannot write {target}: {error}; free the cache, or set {ENVIRONMENT}") from error
