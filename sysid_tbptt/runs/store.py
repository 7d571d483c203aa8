"""The results folder: records, checkpoints, weights, predictions.

    results/records/<suite>/<dataset>/<model>-N<seq_len>-s<seed>.jsonl    one line a run
    results/checkpoints/<run_id>.safetensors                              of runs under way
    results/weights/<run_id>.safetensors                                  where they are kept
    results/predictions/<run_id>.npz                                      of the test sets, beside the weights
    results/stability/<suite>/<run_id>.json                               how fast a network forgets, where estimated

Names of suites, data sets and models are written as `sysid_tbptt.runs.names` says.

``records`` and all folders below it are real ones, and no links; the results folder itself may be reached by a link.
Only one process writes records to a folder at a time, see `locked`. Nothing here depends on the clock, and nothing that
was found is deleted: lines that do not count are moved into ``<file>.damaged``.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout

from .. import limits
from ..config import RunConfig
from ..errors import StoreError
from .atomic import leftovers, write_whole
from .names import file_name
from .record import NewerSchema, RunRecord

SHOWN = 5
"""Runs that an error names."""


@dataclass(frozen=True)
class Line:
    """A record where it was found: file, line number from 1, the line as it is."""

    path: Path
    number: int
    line: bytes
    record: RunRecord

    def __str__(self) -> str:
        return f"{self.path}, line {self.number}"


@dataclass(frozen=True)
class Damage:
    """A line of a records file that does not count: file, line number from 1, the line as it is, and why.

    ``damaged``: it is no record. ``double``: another record of the same run counts. ``newer``: it is of a schema that
    this version does not know, and is left as it is.
    """

    path: Path
    number: int
    line: bytes
    reason: str
    kind: Literal["damaged", "double", "newer"] = "damaged"

    def __str__(self) -> str:
        return f"{self.path}, line {self.number}: {self.reason}"


class Store:
    """The records in a results folder, read once and kept up to date by `save`.

    Of several records of one run one counts: one that did not fail before one that did, then one that lies in its own
    file, then the later line. ``damages`` are the lines that do not count.

    Raises:
        StoreError: a file of the folder cannot be read, or a link stands where a folder of records should.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        self.damages: list[Damage] = []
        self._found: dict[Path, list[Line | Damage]] = {}
        self._stamps: dict[Path, tuple[int, ...]] = {}
        self._counting: dict[str, Line] = {}
        for path in _records_files(self.root):
            self._read(path)
        self._settle()

    def records(self) -> list[RunRecord]:
        """The record of every run of this package's algorithm version, in the order of the files."""
        return [line.record for line in self.lines() if line.record.current]

    def outdated(self) -> list[RunRecord]:
        """The records of another algorithm version: their runs are to be done again, and no report shows them."""
        return [line.record for line in self.lines() if not line.record.current]

    def lines(self) -> list[Line]:
        """The record of every run, of any algorithm version, each with its place."""
        return list(self._counting.values())

    def get(self, run_id: str) -> RunRecord | None:
        """The record of a run, if there is one."""
        line = self._counting.get(run_id)
        return line.record if line else None

    def find(self, prefix: str) -> RunRecord:
        """The record whose run_id is, or alone begins with, ``prefix``.

        Raises:
            StoreError: there is none, or more than one.
        """
        if exact := self.get(prefix):
            return exact
        found = [line.record for line in self.lines() if line.record.run_id.startswith(prefix)]
        if not found:
            raise StoreError(
                f"{self.root}: no record of a run '{prefix}'; take a run_id from a file below {self.root / 'records'}, "
                "or name another folder by --results"
            )
        if len(found) > 1:
            begun = ", ".join(record.run_id for record in found[:SHOWN]) + ", ..." * (len(found) > SHOWN)
            raise StoreError(f"{self.root}: '{prefix}' begins {len(found)} run_ids ({begun}); give more of it")
        return found[0]

    def save(self, record: RunRecord) -> None:
        """Writes the record at once, in place of an earlier one of the same run.

        What others put into its file since it was read stays there.

        Raises:
            StoreError: the folder cannot be written, or has a record of a newer schema; what it held is still there.
        """
        path = self.path(record.config)
        _check_way(path, self.root)
        if _stamp(path) != self._stamps.get(path):
            self._read(path)
            self._settle()
        self.set_damages_aside()
        kept = [line for line in self._found.get(path, []) if not _is_of(line, record.run_id)]
        line = Line(path, len(kept) + 1, record.to_line().encode(), record)
        self._write(path, [*kept, line])
        self._counting[record.run_id] = line

    def set_damages_aside(self) -> list[Damage]:
        """Moves lines that do not count into ``<file>.damaged``, so that the runs of those that are no records are
        done again; tells which.

        Raises:
            StoreError: a record is of a newer schema, and belongs to a newer version of this package.
        """
        for damage in self.damages:
            if damage.kind == "newer":
                raise StoreError(f"{damage}, or choose another --results folder")
        return self.set_aside(self.damages)

    def set_aside(self, damages: Iterable[Damage]) -> list[Damage]:
        """Moves these lines into ``<file>.damaged``, those of a newer schema apart; tells which.

        Raises:
            StoreError: the folder cannot be written; each line is still there, or in ``<file>.damaged``.
        """
        moved = [damage for damage in damages if damage.kind != "newer"]
        for path in dict.fromkeys(damage.path for damage in moved):
            lines = {damage.number: damage.line for damage in moved if damage.path == path}
            _check_way(path, self.root)
            _add_lines(path.with_suffix(".damaged"), lines.values())
            self._write(path, [found for found in self._found[path] if found.number not in lines])
        if moved:
            self._settle()
        return moved

    def misplaced(self) -> list[Line]:
        """The records that count and do not lie in their own file."""
        return [line for line in self._counting.values() if line.path != self.path(line.record.config)]

    def put_in_place(self, lines: Iterable[Line]) -> None:
        """Moves records into their own files.

        Raises:
            StoreError: the folder cannot be written; each record is still where it was, or in both files.
        """
        for line in lines:
            own = self.path(line.record.config)
            self._write(own, [*self._found.get(own, []), line])
            self._write(line.path, [found for found in self._found[line.path] if found.line != line.line])
        self._settle()

    def spent_checkpoints(self) -> list[Path]:
        """The checkpoints of runs that are done: one is left where the process died after it saved the record."""
        found = sorted(self.checkpoint("x").parent.glob("*.safetensors"))
        return [path for path in found if (record := self.get(path.stem)) and record.done]

    def path(self, config: RunConfig) -> Path:
        """The records file of a run."""
        return self.root / records_file(config)

    def checkpoint(self, run_id: str) -> Path:
        """Where a run under way keeps its state."""
        return self.root / "checkpoints" / f"{run_id}.safetensors"

    def weights(self, run_id: str) -> Path:
        """Where the weights of a finished run are kept."""
        return self.root / "weights" / f"{run_id}.safetensors"

    def predictions(self, run_id: str) -> Path:
        """Where the simulated test outputs of a finished run are kept."""
        return self.root / "predictions" / f"{run_id}.npz"

    def _read(self, path: Path) -> None:
        self._stamps[path] = _stamp(path)
        self._found[path] = list(read_lines(path)) if self._stamps[path] else []

    def _settle(self) -> None:
        """Finds the lines that count, and those that do not."""
        found = [line for lines in self._found.values() for line in lines]
        records = [line for line in found if isinstance(line, Line)]
        self._counting = {}
        for line in records:
            known = self._counting.get(line.record.run_id)
            if known is None or self._rank(line) >= self._rank(known):
                self._counting[line.record.run_id] = line
        self.damages = [line for line in found if isinstance(line, Damage)]
        self.damages += [
            _double(line, counts) for line in records if (counts := self._counting[line.record.run_id]) is not line
        ]

    def _rank(self, line: Line) -> tuple[bool, bool]:
        return line.record.done, line.path == self.path(line.record.config)

    def _write(self, path: Path, lines: list[Line | Damage]) -> None:
        """Writes the lines, or takes away the file where there are none."""
        _check_way(path, self.root)
        write_whole(path, _as_bytes(line.line for line in lines))
        if not lines:
            path.unlink()
        self._stamps[path] = _stamp(path)
        self._found[path] = [replace(line, path=path, number=number) for number, line in enumerate(lines, start=1)]


def _is_of(line: Line | Damage, run_id: str) -> bool:
    return isinstance(line, Line) and line.record.run_id == run_id


def _double(line: Line, counts: Line) -> Damage:
    reason = f"the run '{line.record.run_id}' is there already: {counts}"
    return Damage(line.path, line.number, line.line, reason, "double")


def _stamp(path: Path) -> tuple[int, ...]:
    """Changes when a file does, whatever the clock says; empty where there is none."""
    try:
        about = path.stat()
    except OSError:
        return ()
    return about.st_ino, about.st_size, about.st_mtime_ns


def read_lines(path: Path) -> Iterator[Line | Damage]:
    """The records in a file, and as damage what is no record.

    Raises:
        StoreError: the file cannot be read.
    """
    for number, line in enumerate(_bytes_of(path).split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            yield Line(path, number, line, RunRecord.from_line(line.decode("utf-8", errors="backslashreplace")))
        except StoreError as error:
            kind: Literal["newer", "damaged"] = "newer" if isinstance(error, NewerSchema) else "damaged"
            yield Damage(path, number, line, str(error), kind)


def unreadable(path: Path, error: OSError) -> StoreError:
    """What to say of a file or folder below the results folder that the system does not let read."""
    return StoreError(f"{path}: cannot be read ({error.strerror}); mend its permissions")


def _bytes_of(path: Path) -> bytes:
    try:
        return limits.read_bytes(path, limits.RECORDS_BYTES, StoreError)
    except OSError as error:
        raise unreadable(path, error) from error


def _add_lines(path: Path, lines: Collection[bytes]) -> None:
    """Adds to a file the lines that are not in it: a move that was killed half-way moves them again."""
    before = [line for line in _bytes_of(path).split(b"\n") if line] if path.exists() else []
    known = set(before)
    write_whole(path, _as_bytes([*before, *(line for line in lines if line not in known)]))


def _records_files(root: Path) -> list[Path]:
    """The files of records, sorted; of each folder on the way it is certain that it is no link."""
    found, folders = [], [root / "records"]
    _check_real(folders[0])
    while folders:
        for path in _paths_in(folders.pop()):
            if path.is_dir() or _leads_nowhere(path):
                _check_real(path)
                folders.append(path)
            elif path.suffix in (".jsonl", ".damaged"):
                _check_within(path, root)
                found.append(path)
    return sorted(path for path in found if path.suffix == ".jsonl")


def _leads_nowhere(path: Path) -> bool:
    """Whether it is a link to what is not there, such as a folder on a disk that is not mounted; editors leave hidden
    ones beside a file."""
    return path.is_symlink() and not path.exists() and not path.name.startswith(".")


def _paths_in(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise unreadable(folder, error) from error


def _check_way(path: Path, root: Path) -> None:
    """Passes a file of records if no link stands for a folder between the results folder and it."""
    for folder in list(path.relative_to(root).parents)[:-1]:
        _check_real(root / folder)


def _check_real(folder: Path) -> None:
    """Behind a link records are not found, or are those of another folder."""
    if folder.is_symlink():
        raise StoreError(
            f"{folder}: a link, and records are read and written in real folders alone; put the folder itself "
            "there, mount it there, or choose another --results folder"
        )


def _check_within(path: Path, root: Path) -> None:
    """A results folder may come from elsewhere: a link in it is no way to have another file read as records."""
    if path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(root.resolve()):
        raise StoreError(f"{path}: a link that leads out of {root}; put the file itself there, or take it away")


@contextmanager
def locked(root: str | Path) -> Iterator[list[Path]]:
    """Keeps other processes from writing to a results folder; a `Store` to write with is read within.

    Gives the leftovers of writes that were killed, which it takes away.

    Raises:
        StoreError: another process is at it, or the folder cannot be written.
    """
    root = Path(root)
    lock = FileLock(root / ".lock", timeout=0)
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise StoreError(
            f"{root}: another run is writing here; wait for it, or choose another --results folder"
        ) from error
    except (OSError, NotImplementedError) as error:
        reason = error.strerror if isinstance(error, OSError) else "its file system has no locks"
        raise StoreError(f"{root}: cannot be written ({reason}); choose another --results folder") from error
    with lock:
        yield _sweep(root)
        _sweep(root)  # of workers that were killed meanwhile


def _sweep(root: Path) -> list[Path]:
    """Takes away the leftovers of killed writes; tells which."""
    found = leftovers(root)
    for leftover in found:
        with suppress(OSError):  # gone already, or a folder of such a name
            leftover.unlink()
    return found


def _as_bytes(lines: Iterable[bytes]) -> bytes:
    return b"".join(line + b"\n" for line in lines)


def records_file(config: RunConfig) -> Path:
    """The records file of a run, below the results folder: its path is its identity."""
    name = f"{file_name(config.model)}-N{config.seq_len}-s{config.seed}.jsonl"
    return Path("records", file_name(config.suite), file_name(config.dataset), name)
