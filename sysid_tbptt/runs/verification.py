"""Whether a results folder is sound: every record, and every file that belongs to a run; what is bad is set aside.

A record must be whole, be there once, lie in its own file, and stand up to `sysid_tbptt.runs.checks`; a run that failed
is no fault of the folder, and other data than those at hand are a warning. Weights, checkpoints, predictions and
estimates of stability must be readable and named by their run; where that has no record, it may be under way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import StoreError, SysidError
from ..training.weights import read_weights
from .atomic import leftovers
from .checkpoint import read_checkpoint
from .checks import Finding, Tally, check_record
from .predictions import read_predictions
from .stability import read_estimate
from .store import Damage, Line, Store, locked

CURE = "`sysid-tbptt verify --fix` sets it aside"
NEWER = "it is left as it is"
NO_RECORD = "there is no record of its run: it is under way, or is to be run again"


@dataclass
class Verified(Tally):
    """``records`` and ``files`` that were looked at, what was found, and what was done about it."""

    records: int = 0
    files: int = 0
    findings: list[Finding] = field(default_factory=list)
    mended: list[str] = field(default_factory=list)

    @property
    def faults(self) -> list[Finding]:
        return [finding for finding in self.findings if not finding.warning]


def verify(root: str | Path, *, fix: bool = False) -> Verified:
    """Checks a results folder.

    With ``fix``, and the folder locked, what is bad is set aside first: lines of records into ``<file>.damaged``, other
    files under that name; records in the wrong file are moved, and of several records of a run the one that counts
    (see `Store`) is kept. The findings are then what is left, such as records of a newer schema. Nothing is deleted
    but the leftovers of killed writes and the checkpoints of runs that are done, as by every run.

    Raises:
        StoreError: there is no such folder, a file cannot be read, or, with ``fix``, the folder cannot be written.
    """
    root = Path(root)
    if not root.is_dir():
        raise StoreError(f"{root}: no such results folder; name one")
    found = Verified()
    if not fix:
        _Inspection(root, found).look()
        return found
    with locked(root) as taken:
        found.mended += [f"taken away: {path}: left by a write that was killed" for path in taken]
        found.mended += _Inspection(root, Verified()).mend()
        _Inspection(root, found).look()
    return found


@dataclass
class _Inspection:
    """One look at a folder."""

    root: Path
    found: Verified

    def __post_init__(self) -> None:
        self.store = Store(self.root)

    def look(self) -> None:
        self.found.findings += self._of_records()
        self.found.findings += self._of_files()

    def mend(self) -> list[str]:
        return [*self._mend_records(), *self._mend_files()]

    # Records

    def _of_records(self) -> Iterator[Finding]:
        self.found.records = len(self.store.lines())
        for damage in self.store.damages:
            yield Finding(damage.path, damage.number, f"{damage.reason}; {NEWER if damage.kind == 'newer' else CURE}")
        for line in self.store.misplaced():
            own = self.store.path(line.record.config)
            yield Finding(line.path, line.number, f"the record belongs into {own}; `sysid-tbptt verify --fix` moves it")
        for line in self.store.lines():
            yield from self._of_record(line)

    def _of_record(self, line: Line) -> Iterator[Finding]:
        if line.record.status == "failed":
            return
        for remark in check_record(line.record, self.root / "predictions", self.found):
            if remark.kind != "code":
                yield Finding(line.path, line.number, remark.said, warning=remark.kind == "other")

    def _mend_records(self) -> Iterator[str]:
        yield from map(_told_aside, self.store.set_aside(self.store.damages))
        for line in self.store.misplaced():
            self.store.put_in_place([line])
            yield f"moved: {line}, into {self.store.path(line.record.config)}"
        yield from map(_told_aside, self.store.set_aside(list(self._bad_lines())))

    def _bad_lines(self) -> Iterator[Damage]:
        for line in self.store.lines():
            faults = [finding.said for finding in self._of_record(line) if not finding.warning]
            if faults:
                yield Damage(line.path, line.number, line.line, "; ".join(faults))

    # Other files

    def _of_files(self) -> Iterator[Finding]:
        for path in leftovers(self.root):
            yield Finding(path, None, "left by a write that was killed; the next run takes it away")
        for path in self.store.spent_checkpoints():
            yield Finding(path, None, "checkpoint of a run that is done; the next run takes it away")
        for path, reason in self._run_files():
            if reason:
                yield Finding(path, None, f"{reason}; {CURE}")
            elif self.store.get(path.stem) is None and not self.store.checkpoint(path.stem).exists():
                yield Finding(path, None, NO_RECORD, warning=True)

    def _mend_files(self) -> Iterator[str]:
        for path in self.store.spent_checkpoints():
            path.unlink(missing_ok=True)
            yield f"taken away: {path}: checkpoint of a run that is done"
        for path, reason in list(self._run_files()):
            if reason:
                aside = _free_name(path)
                _rename(path, aside)
                yield f"set aside: {path}: {reason}; now {aside.name}"

    def _run_files(self) -> Iterator[tuple[Path, str | None]]:
        """The files that are named by their run, each with what is wrong with it."""
        spent = set(self.store.spent_checkpoints())
        for pattern, read in READERS.items():
            for path in sorted(set(self.root.glob(pattern)) - spent):
                self.found.files += 1
                yield path, _unreadable(path, read)


def _unreadable(path: Path, read: Callable[[Path], object]) -> str | None:
    """What is wrong with the content of a file; None if it is sound.

    Raises:
        StoreError: this user may not read it, which is not a fault of the content.
    """
    try:
        with suppress(IsADirectoryError), path.open("rb"):
            pass
    except PermissionError as error:
        raise StoreError(f"{path}: cannot be read ({error.strerror}); unlock it") from error
    try:
        read(path)
    except SysidError as error:
        return str(error).removeprefix(f"{path}: ")
    return None


def _read_checkpoint(path: Path) -> None:
    mark, _ = read_checkpoint(path)
    if mark.partition(" ")[0] != path.stem:
        raise StoreError(f"{path}: the checkpoint of another run, {mark}")


def _read_estimate(path: Path) -> None:
    estimate = read_estimate(path)
    if estimate.run_id != path.stem:
        raise StoreError(f"{path}: the estimate of another run, {estimate.run_id}")


READERS: dict[str, Callable[[Path], object]] = {
    "checkpoints/*.safetensors": _read_checkpoint,
    "weights/*.safetensors": read_weights,
    "predictions/*.npz": read_predictions,
    "stability/*/*.json": _read_estimate,
}
"""Files that are named by their run, and what reads them."""


def _told_aside(damage: Damage) -> str:
    return f"set aside: {damage}; now in {damage.path.with_suffix('.damaged').name}"


def _free_name(path: Path) -> Path:
    """``<file>.damaged``, or ``<file>.2.damaged`` and so on: what was set aside earlier stays."""
    names = (path.with_suffix(f"{number}.damaged") for number in ("", *(f".{k}" for k in range(2, 10**6))))
    return next(name for name in names if not name.exists())


def _rename(path: Path, aside: Path) -> None:
    try:
        path.rename(aside)
    except OSError as error:
        raise StoreError(f"{path}: cannot be set aside ({error.strerror}); unlock its folder") from error
