"""Whether records may be submitted: what is wrong with them, by file and line, each with its remedy.

A record must be whole, lie where its identity asks for, be there once, and stand up to `sysid_tbptt.runs.checks`.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import StoreError
from .checks import Finding, Remark, Said, Tally, check_place, check_record
from .record import RunRecord
from .store import Damage, Line, read_lines

FAULTS = ("fault", "other")
"""Remarks on a record for which it is not to be submitted; other ones are warnings."""


@dataclass
class Checked(Tally):
    """The records read, by file, and what was found."""

    files: dict[Path, list[RunRecord]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    @property
    def records(self) -> list[RunRecord]:
        return [record for records in self.files.values() for record in records]

    @property
    def errors(self) -> list[Finding]:
        return [finding for finding in self.findings if not finding.warning]


def record_files(paths: Iterable[str | Path]) -> list[Path]:
    """The files of records among the paths and below the folders.

    Raises:
        StoreError: a path does not exist, or there is no file of records.
    """
    found: dict[Path, None] = {}
    for path in map(Path, paths):
        if not path.exists():
            raise StoreError(f"{path}: no such file or folder; name records (.jsonl) or a results folder")
        folder = path / "records" if (path / "records").is_dir() else path
        found |= dict.fromkeys(sorted(folder.rglob("*.jsonl")) if path.is_dir() else [path])
    if not found:
        raise StoreError("no records (.jsonl) are there to submit; `sysid-tbptt run` or `compare` makes them")
    return list(found)


def results_folder(path: Path) -> Path:
    """The results folder of a file of records that lies where `records_file` says; the root of one that lies higher."""
    above = path.absolute().parents
    return above[min(3, len(above) - 1)]


def not_committed(paths: Iterable[Path]) -> list[Path]:
    """The files that git does not have as they are; none where there is no git checkout."""
    paths = list(paths)
    changed = {file for folder in {path.resolve().parent for path in paths} for file in _changed_beside(folder)}
    return [path for path in paths if path.resolve() in changed]


def _changed_beside(folder: Path) -> set[Path]:
    """What is new or changed in a folder."""
    try:
        top = _git(folder, "rev-parse", "--show-toplevel").strip()
        status = _git(folder, "status", "--porcelain", "-z", "--untracked-files=all", ".")
    except (OSError, subprocess.CalledProcessError):
        return set()
    return {(Path(top) / entry[3:]).resolve() for entry in status.split("\0") if entry}


def _git(folder: Path, *arguments: str) -> str:
    return subprocess.run(
        ("git", "-c", "core.fsmonitor=false", *arguments), cwd=folder, capture_output=True, text=True, check=True
    ).stdout


def check(paths: Iterable[Path], predictions: str | Path | None = None) -> Checked:
    """Checks files of records.

    ``predictions`` is the folder of predictions, named by run_id; by default that of the results folder in which a
    file lies, where there is one.

    Raises:
        StoreError: a file cannot be read.
    """
    checked, seen = Checked(), dict[str, str]()
    for path in paths:
        records = checked.files.setdefault(path, [])
        folder = Path(predictions) if predictions else results_folder(path) / "predictions"
        for found in read_lines(path):
            if isinstance(found, Damage):
                said = f"{found.reason}; write it anew by `sysid-tbptt run`"
                checked.findings.append(Finding(path, found.number, said))
                continue
            records.append(found.record)
            if (first := seen.setdefault(found.record.run_id, str(found))) != str(found):
                said = f"the run is there already: {first}; keep one of the two"
                checked.findings.append(Finding(path, found.number, said))
            checked.findings += [
                Finding(path, found.number, remark.said, remark.kind not in FAULTS)
                for remark in _check(found, folder, checked)
            ]
    return checked


def _check(line: Line, folder: Path, checked: Checked) -> Said:
    if line.record.status == "failed":
        yield Remark(f"the run failed ({line.record.reason}); run it again, or take the line out")
        return
    yield from check_place(line.record, line.path)
    yield from check_record(line.record, folder, checked)
