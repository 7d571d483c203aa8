"""Raw records through the package nonlinear-benchmarks: found or downloaded, verified, read."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from functools import cache as remembered
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

from .. import limits
from ..errors import DataError
from . import cache, unpacked
from .checksums import CONTENT, SHA256
from .identity import fingerprint
from .source import State

SUBFOLDER = "nonlinear_benchmarks_cache"

TRIAL = """
import sys
try:
    import resource
    resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[2]), int(sys.argv[2])))
except (ImportError, ValueError):  # not everywhere can memory be limited
    pass
from scipy.io import loadmat
try:
    loadmat(sys.argv[1])
except MemoryError:
    sys.exit(2)
"""
"""Exits with 1 where an error is raised, as Python does, and with more where memory runs out."""

TRIAL_S = 600.0
"""Seconds that the trial of a file may take; the largest takes some ten."""


@dataclass(frozen=True)
class RawSet:
    """A data set as the package keeps it on disk.

    ``loader`` is the package's function (``module:name``); it looks for ``archive`` in ``folder`` of its cache
    directory and downloads it from ``origin`` when it is not there. ``files`` are the patterns of the raw files
    that are read, below ``folder``.

    A file is checked against its SHA-256 in `checksums`. Of the sets in `checksums.CONTENT` the values are
    checked instead, and for the rest no sum is known: they must be readable, and the sums read are recorded.
    """

    loader: str
    folder: str
    archive: str
    files: tuple[str, ...]
    origin: str

    @property
    def patterns(self) -> tuple[str, ...]:
        """What must be there, below the package's cache directory."""
        return tuple(f"{self.folder}/{name}" for name in dict.fromkeys((self.archive, *self.files)))

    def raw_files(self, root: Path) -> list[Path]:
        """The raw files below the cache directory ``root``, in the order of their names."""
        return sorted(path for pattern in self.files for path in root.glob(f"{self.folder}/{pattern}"))


@dataclass(frozen=True)
class Raw:
    """A set that is on disk and verified: the package's cache directory, and the SHA-256 of each file by name."""

    root: Path
    sha256: Mapping[str, str]


def package_version() -> str:
    """Version of nonlinear-benchmarks: split and init window depend on it."""
    return version("nonlinear-benchmarks")


def state(raw_set: RawSet) -> State:
    """Whether loading needs a download."""
    return "cached" if cache.find(SUBFOLDER, raw_set.patterns) else "missing"


def obtain(raw_set: RawSet) -> Raw:
    """The set on disk, downloaded into the user's cache if need be, and verified.

    Raises:
        DataError: no network, a truncated archive, or a file that is not the expected one. A download that
            fails leaves nothing in the cache.
    """
    root = cache.find(SUBFOLDER, raw_set.patterns)
    if root is None:
        _download(raw_set)
        root = cache.user_cache() / SUBFOLDER
    return Raw(root, verify(raw_set, root))


def verify(raw_set: RawSet, root: Path) -> dict[str, str]:
    """SHA-256 of each raw file below ``root``, after all checks.

    Raises:
        DataError: a sum, or the content, is not the expected one.
    """
    sums = {path.relative_to(root).as_posix(): _checked_sum(raw_set, root, path) for path in raw_set.raw_files(root)}
    if raw_set.folder in CONTENT:
        _check_content(raw_set, root)
    return sums


def _checked_sum(raw_set: RawSet, root: Path, path: Path) -> str:
    expected = SHA256.get(path.relative_to(root).as_posix())
    if expected is not None:
        return cache.check_sha256(path, expected, origin=raw_set.origin)
    found = cache.sha256_of(path)
    if path.suffix.lower() == ".mat" and kills_its_reader(path, found):
        raise DataError(
            f"{path} cannot be read: scipy's reader dies of it, or takes all memory; truncated, damaged or of another "
            f"version; {cache.remedy(path)} (source: {raw_set.origin})"
        )
    return found


@remembered
def kills_its_reader(path: Path, _sha256: str) -> bool:
    """Whether another process that reads a MATLAB file dies of it, or runs out of memory.

    Scipy's reader trusts what a file claims, and a damaged one can end the process. An error that it raises is none.
    """
    try:
        command = (sys.executable, "-I", "-c", TRIAL, path, str(limits.TRIAL_BYTES))
        done = subprocess.run(command, capture_output=True, timeout=TRIAL_S)
    except subprocess.TimeoutExpired:
        return True
    return done.returncode not in (0, 1)


def _check_content(raw_set: RawSet, root: Path) -> None:
    whole = call_loader(raw_set, root, train_test_split=False, atleast_2d=True, always_return_tuples_of_datasets=True)
    if fingerprint(array for record in whole for array in (record.u, record.y)) != CONTENT[raw_set.folder]:
        broken = raw_set.raw_files(root)[0]
        raise DataError(
            f"{broken}: its values are not those of the published record (checked to 5 significant digits); "
            f"{cache.remedy(broken)} (source: {raw_set.origin})"
        )


def call_loader(raw_set: RawSet, root: Path, **options: Any) -> Any:
    """What the package's loader returns for files that are below ``root``; its chatter goes to stderr.

    Raises:
        DataError: a file cannot be read.
    """
    files = raw_set.raw_files(root)
    with reading(files[0] if len(files) == 1 else root / raw_set.folder, raw_set), redirect_stdout(sys.stderr):
        return _loader(raw_set)(dir_placement=root, **options)


@contextmanager
def reading(path: Path, raw_set: RawSet) -> Iterator[None]:
    """Turns whatever a reader makes of a damaged file into one `DataError` that names ``path``."""
    try:
        yield
    except DataError:
        raise
    except Exception as error:  # scipy and the package raise of every kind
        raise DataError(
            f"{path} cannot be read ({type(error).__name__}: {error}): truncated, damaged or of another version; "
            f"{cache.remedy(path)} (source: {raw_set.origin})"
        ) from error


def _loader(raw_set: RawSet) -> Callable[..., Any]:
    module, name = raw_set.loader.split(":")
    return getattr(import_module(module), name)


def _download(raw_set: RawSet) -> None:
    """Downloads, unpacks and verifies beside the user's cache, then moves into it."""
    with cache.locked(SUBFOLDER, raw_set.folder):
        if state(raw_set) == "cached":  # another process was quicker
            return
        with cache.staging(SUBFOLDER, raw_set.folder) as stage:
            _unpack(raw_set, stage)
            _check_complete(raw_set, stage)
            verify(raw_set, stage)


def _unpack(raw_set: RawSet, stage: Path) -> None:
    try:
        with redirect_stdout(sys.stderr), unpacked.checked_archives():
            # force_download: or else the archive that a first address sent broken stands in for the second's
            _loader(raw_set)(dir_placement=stage, data_file_locations=True, force_download=True)
    except Exception as error:  # urllib, requests, zipfile, rarfile and the package's own
        if cache.is_unwritable(error):
            raise  # told by `cache.staging`
        raise _download_error(raw_set, stage, error) from error


def _download_error(raw_set: RawSet, stage: Path, error: Exception) -> DataError:
    reason = f"{type(error).__name__}: {error}"
    if (stage / raw_set.folder / raw_set.archive).exists():
        tool = ", with the program unrar or bsdtar installed" if raw_set.archive.endswith(".rar") else ""
        return DataError(
            f"{raw_set.archive} from {raw_set.origin} is truncated, no archive or another one, and was discarded "
            f"({reason}); run again{tool}"
        )
    target = cache.user_cache() / SUBFOLDER / raw_set.folder
    return DataError(
        f"{raw_set.archive} could not be downloaded from {raw_set.origin} ({reason}){_lacking(raw_set)}; connect and "
        f"run again, or put the archive and its unpacked files into {target} by hand, or point {cache.ENVIRONMENT} to "
        "a directory that has them"
    )


def _lacking(raw_set: RawSet) -> str:
    """Which files a given directory lacks, where it has some of the set."""
    given = cache.data_dir()
    if given is None or not (given / SUBFOLDER / raw_set.folder).is_dir():
        return ""
    root = given / SUBFOLDER
    return f"; {root} lacks {', '.join(cache.lacking(root, raw_set.patterns))}"


def _check_complete(raw_set: RawSet, stage: Path) -> None:
    missing = cache.lacking(stage, raw_set.patterns)
    if missing:
        raise DataError(
            f"{raw_set.archive} from {raw_set.origin} does not hold {', '.join(missing)}: another version, or not the "
            "archive at all; it was discarded: run again, or report it"
        )
