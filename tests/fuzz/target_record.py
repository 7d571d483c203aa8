"""Lines of records: what is read is written and read again the same, and leads to no file outside the folder."""

from __future__ import annotations

from pathlib import Path

from sysid_tbptt.errors import StoreError
from sysid_tbptt.report.frame import frame
from sysid_tbptt.runs.record import Loss, Optimum, RunRecord
from sysid_tbptt.runs.store import Damage, Store, read_lines
from tests.conftest import config_of
from tests.fuzz.mutations import json_fields as mutate
from tests.fuzz.sandbox import CANARY
from tests.report.made_up import FULL, record

__all__ = ["MENDED", "fuzz", "mutate", "seeds"]

MENDED = {
    "test scores that are no object, where the engine is predictions: AttributeError in the frame": "fuzzing",
    "train or val scores without fields, where the engine is predictions: KeyError in the frame": "reading",
    "a whole number of 400 digits as an error: OverflowError on the page": "reading",
    "scores, counts and provenance of another type: TypeError or ValueError in reports": "reading",
    "outputs of an optimum that are no array: ValueError in its table": "reading",
    "an error that is null throughout: a column of objects in the frame": "reading",
    "a run_id or a name longer than a file name: OSError": "reading",
    "a link, a pipe, or a file of any size among the records was read": "reading",
    "a link in place of the temporary file was written through": "reading",
    "a folder named like a leftover: OSError when the results folder is locked": "reading",
    "a model or a log that only a record names was loaded by stability": "reading",
}
"""Holes that were found here, by fuzzing or by reading the code; see `test_findings`."""


def seeds() -> list[bytes]:
    optimum = Optimum(loss=0.1, w_hh=0.5, y_hat=[[[1.0], [2.0]]] * 2, coercivity=1.0, iterations=7)
    told = {"data": {"revision": "r" * 20, "protocol": "cut", "n_init": 5}, "time": "2026-01-01T00:00:00+00:00"}
    made = [
        record(3, 1.0, 2.0, {"low": 3.0, "high": 4.0}),
        record(0, 1.0, 2.0, 3.0, status="failed"),
        record(3, 1.0, 2.0, 3.0, model=f"{CANARY}:build", suite="../x", dataset="/etc/passwd"),
        record(0, 1.0, 2.0, 3.0, **FULL).model_copy(update={"optimum": optimum}),
    ]
    made[0] = made[0].model_copy(update={"provenance": made[0].provenance | told})
    made.append(made[1].model_copy(update={"loss": Loss(curve=[1.0, None], validation=[2.0]), "reason": "a reason"}))
    made.append(made[0].model_copy(update={"config": config_of(horizon=4, validate_every=None), "status": "diverged"}))
    return [one.to_line().encode() for one in made]


def fuzz(data: bytes, folder: Path) -> None:
    path = folder / "x.jsonl"
    path.write_bytes(data)
    found = list(read_lines(path))
    if found and all(isinstance(one, Damage) for one in found):
        raise StoreError(str(found[0]))
    for one in found:
        if isinstance(one, Damage):
            str(one).encode()
            assert len(one.reason) < 5000, "a long reason"
            continue
        line = one.record.to_line()
        again = RunRecord.from_line(line)
        assert again.to_line() == line, "a record is not what it is written as"
        for place in _places(Store(folder / "none"), one.record):
            assert place.resolve().is_relative_to(folder), f"a file outside: {place}"
            assert len(place.name.encode()) < 220, f"a long name: {place}"
            place.is_file()
        assert len(frame([one.record])) >= 1


def _places(store: Store, one: RunRecord) -> list[Path]:
    run_id = one.run_id
    return [store.path(one.config), store.checkpoint(run_id), store.weights(run_id), store.predictions(run_id)]
