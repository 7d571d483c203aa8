"""The results folder: records, checkpoints, weights, predictions.

    results/records/<suite>/<dataset>/<model>-N<seq_len>-s<seed>.jsonl    one line a run
    results/checkpoints/<run_id>.safetensors                              of runs under way
    results/weights/<run_id>.safetensors                                  where they are kept
    results/predictions/<run_id>.npz                                      of the test sets, beside the weights
    results/stability/<suite>/<run_id>.json                               how fast a network forgets, where estimated

Only one process writes records to a folder at a time, see `locked`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from .. import limits
from ..config import RunConfig
from ..errors import StoreError
from .atomic import write_whole
from .record import NewerSchema, RunRecord


@dataclass(frozen=True)
class Damage:
    """A line of a records file that is no record: file, line number from 1, the line, what is wrong with it.

    A ``newer`` one is not damaged, but of a schema that this version does not know.
    """

    path: Path
    number: int
    line: str
    reason: str
    newer: bool = False

    def __str__(self) -> str:
        return f"{self.path}, line {self.number}: {self.reason}"


class Store:
    """The records in a results folder, read once and kept up to date by `save`.

    Raises:
        StoreError: a file of the folder cannot be read.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        self.damages: list[Damage] = []
        self._lines: dict[Path, list[RunRecord]] = {}
        for path in sorted((self.root / "records").rglob("*.jsonl")):
            _check_within(path, self.root)
            self._lines[path] = self._read(path)
        self._by_id = {record.run_id: record for records in self._lines.values() for record in records}

    def records(self) -> list[RunRecord]:
        """Every run's latest record, in the order of the files."""
        return list(self._by_id.values())

    def get(self, run_id: str) -> RunRecord | None:
        """The latest record of a run, if there is one."""
        return self._by_id.get(run_id)

    def save(self, record: RunRecord) -> None:
        """Writes the record at once, in place of an earlier one of the same run.

        Raises:
            StoreError: the folder cannot be written; what it held is still there.
        """
        self.set_damages_aside()
        path = self.path(record.config)
        kept = [known for known in self._lines.get(path, []) if known.run_id != record.run_id]
        self._write(path, [*kept, record])
        self._by_id[record.run_id] = record

    def set_damages_aside(self) -> list[Damage]:
        """Moves lines that are no records into ``<file>.damaged``, so that their runs are done again; tells which.

        Raises:
            StoreError: a record is of a newer schema, and belongs to a newer version of this package.
        """
        for damage in self.damages:
            if damage.newer:
                raise StoreError(str(damage))
        damages, self.damages = self.damages, []
        for path in {damage.path for damage in damages}:
            aside = path.with_suffix(".damaged")
            before = aside.read_bytes() if aside.exists() else b""
            write_whole(aside, before + _as_bytes([damage.line for damage in damages if damage.path == path]))
            self._write(path, self._lines[path])
        return damages

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

    def _read(self, path: Path) -> list[RunRecord]:
        records: dict[str, RunRecord] = {}
        for _, found in read_lines(path):
            if isinstance(found, Damage):
                self.damages.append(found)
            else:
                records[found.run_id] = found
        return list(records.values())

    def _write(self, path: Path, records: list[RunRecord]) -> None:
        write_whole(path, _as_bytes([record.to_line() for record in records]))
        self._lines[path] = records


def read_lines(path: Path) -> Iterator[tuple[int, RunRecord | Damage]]:
    """The records in a file, each with its line number from 1; what is no record as damage.

    Raises:
        StoreError: the file cannot be read.
    """
    try:
        content = limits.read_bytes(path, limits.RECORDS_BYTES, StoreError)
        lines = content.decode("utf-8", errors="backslashreplace").split("\n")
    except OSError as error:
        raise StoreError(f"{path}: cannot be read ({error.strerror}); mend its permissions") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            yield number, RunRecord.from_line(line)
        except StoreError as error:
            yield number, Damage(path, number, line, str(error), isinstance(error, NewerSchema))


def _check_within(path: Path, root: Path) -> None:
    """A results folder may come from elsewhere: a link in it is no way to have another file read as records."""
    if path.is_symlink() and not path.resolve().is_relative_to(root.resolve()):
        raise StoreError(f"{path}: a link that leads out of {root}; put the file itself there, or take it away")


@contextmanager
def locked(root: str | Path) -> Iterator[None]:
    """Keeps other processes from writing to a results folder; a `Store` to write with is read within.

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
    except OSError as error:
        raise StoreError(f"{root}: cannot be written ({error.strerror}); choose another --results folder") from error
    with lock:
        for leftover in root.rglob(".*.tmp"):  # of writes that were killed
            with suppress(OSError):  # gone already, or a folder of such a name
                leftover.unlink()
        yield


def _as_bytes(lines: list[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def records_file(config: RunConfig) -> Path:
    """The records file of a run, below the results folder: its path is its identity."""
    name = f"{file_name(config.model)}-N{config.seq_len}-s{config.seed}.jsonl"
    return Path("records", file_name(config.suite), file_name(config.dataset), name)


def file_name(name: str) -> str:
    """A name as a file name: a user's own log is named by its path, a plug-in by ``module:callable``.

    The end of a long one is its hash.
    """
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip("._") or "_"
    if len(plain) <= limits.FILE_NAME:
        return plain
    return f"{plain[: limits.FILE_NAME - 17]}-{hashlib.sha256(name.encode(errors='replace')).hexdigest()[:16]}"
