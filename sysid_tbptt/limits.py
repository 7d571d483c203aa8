"""How much of a file from outside is read: each limit is far above what this package writes or its data sets need.

A file may claim to be, or unfold to, more than a machine has; what is above a limit is refused before it is read.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from .errors import SysidError

MIB, GIB = 2**20, 2**30

WHOLE_NUMBER = 2**53
"""Largest whole number in a config or a record: beyond it JSON readers, and float64, take neighbours for the same."""

TOML_BYTES = MIB
"""A suite or the description of a log; the largest of our own has some 20 kB, and parsing takes the square of a key."""

RUNS_A_GROUP = 1_000_000
"""Combinations of the values of a suite's group, each a run: days of work even where a run takes a second."""

RECORDS_BYTES = 64 * MIB
"""A file of records; the largest of our own has 0.4 MB. As objects in memory JSON may take 50 times its size."""

ESTIMATE_BYTES = 4 * MIB
"""The estimate of a network's stability; ours have 7 kB."""

TABLE_BYTES = GIB
"""A log, or a table of outputs: 50 million samples as text. In memory text may take 20 times its size."""

TABLE_CELLS = 2**27
"""Cells of a Parquet file, which may claim billions in a few bytes: 1 GiB as float64."""

ARRAYS_BYTES = GIB
"""An npz file unpacked: deflate makes a gigabyte out of a megabyte."""

ARRAYS = 100_000
"""Arrays in an npz file: predictions have five a test set."""

WEIGHTS_BYTES = 4 * GIB
"""Weights, or a checkpoint: a thousand million float32."""

RAW_BYTES = 2 * GIB
"""A raw file of a data set unpacked, or a part of one that is read at once; the largest, electricity, has 0.7 GB."""

TRIAL_BYTES = 8 * GIB
"""Memory of the process that tries a MATLAB file, which with its libraries takes some 1 GiB to begin with."""

ARCHIVE_BYTES = 8 * GIB
"""An archive of a data set unpacked; the largest has 0.4 GB packed."""

ARCHIVE_MEMBERS = 10_000
"""Files in an archive of a data set; the F-16's has some hundred."""

FILE_NAME = 120
"""Letters of a name that goes into a file name; file systems take 255 bytes with what comes before and after."""


def check_plain(path: Path, limit: int, error: type[SysidError]) -> None:
    """Passes a plain file of at most ``limit`` bytes.

    Raises:
        SysidError: of the type ``error``, where it is a pipe or a device, or larger.
        OSError: it is not there, or cannot be looked at.
    """
    try:
        about = path.stat()
    except ValueError as unfit:  # a name that no file can have
        raise FileNotFoundError(errno.ENOENT, "no file can have this name") from unfit
    if stat.S_ISDIR(about.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(about.st_mode):
        raise error(f"{path}: not a plain file; name a file")
    if about.st_size > limit:
        raise error(f"{path}: {about.st_size} bytes where at most {limit} are read; split it, or check what it is")


def read_bytes(path: Path, limit: int, error: type[SysidError]) -> bytes:
    """The content of a plain file.

    Raises:
        SysidError: as `check_plain`.
        OSError: it is not there, or cannot be read.
    """
    check_plain(path, limit, error)
    with path.open("rb") as file:
        content = file.read(limit + 1)
    if len(content) > limit:  # one that grows, or of a file system that tells no size
        raise error(f"{path}: more than {limit} bytes, which is all that is read; check what it is")
    return content
