"""Whether records may be submitted: what is wrong with them, by file and line, each with its remedy.

A record must be whole, its identity must follow from its config and its data, it must lie where its identity asks for,
and its scores must be of the benchmark's protocol. What only the data can tell is checked where they are at hand
(embedded, or in the cache); nothing is downloaded. Scores are computed anew where the predictions are there.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, Field, ValidationError

from ..config import ALGORITHM_VERSION, RunConfig
from ..data.horizon import first_forecast
from ..data.series import Dataset, Series
from ..errors import DataError, ModelError, StoreError, complaints
from ..registry import at_hand
from ..training.metrics import score
from .predictions import Prediction, read_predictions
from .record import PREDICTIONS, RunRecord
from .store import Damage, read_lines, records_file

RELATIVE, ROUNDING = 1e-4, 1e-6
"""A score recomputed from predictions may differ by this part of itself, and by this part of the largest |y|:
predictions are kept as float32."""

RECOMPUTED = ("rmse", "mae")
"""What is recomputed; the other scores follow from the RMSE and the data."""


@dataclass(frozen=True)
class Finding:
    """What is wrong with a line of a file, and what to do; a warning is no reason not to submit."""

    path: Path
    number: int
    said: str
    warning: bool = False

    def __str__(self) -> str:
        return f"{'warning: ' if self.warning else ''}{self.path}, line {self.number}: {self.said}"


@dataclass
class Checked:
    """The records read, by file, and what was found; ``recomputed`` counts those whose predictions were there,
    ``unseen`` names the data sets that were not at hand."""

    files: dict[Path, list[RunRecord]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    recomputed: int = 0
    unseen: set[str] = field(default_factory=set)

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
        for number, found in read_lines(path):
            if isinstance(found, Damage):
                checked.findings.append(Finding(path, number, f"{found.reason}; write it anew by `sysid-tbptt run`"))
                continue
            records.append(found)
            place = f"{path}, line {number}"
            if (first := seen.setdefault(found.run_id, place)) != place:
                checked.findings.append(
                    Finding(path, number, f"the run is there already: {first}; keep one of the two")
                )
            checked.findings += [Finding(path, number, said, w) for said, w in _check(found, path, folder, checked)]
    return checked


Said = Iterator[tuple[str, bool]]
"""Findings of one record: what is said, and whether it is a warning only."""


class _Data(BaseModel):
    revision: str
    n_init: int


class _Git(BaseModel):
    commit: str
    dirty: bool


class _Provenance(BaseModel):
    """What of a record's provenance is needed to check it."""

    algorithm: int
    data: _Data
    git: _Git | None = None


_Error = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Scores(BaseModel):
    """What of the scores of a part is needed to rank it."""

    mse_scaled: _Error
    rmse: list[_Error]
    mae: list[_Error]
    nrmse: list[_Error | None]
    fit: list[float | None]
    r2: list[float | None]
    unit: list[str]
    n_scored: int


def _check(record: RunRecord, path: Path, folder: Path, checked: Checked) -> Said:
    if record.status == "failed":
        yield f"the run failed ({record.reason}); run it again, or take the line out", False
        return
    expected = records_file(record.config)
    if path.absolute().parts[-len(expected.parts) :] != expected.parts:
        yield f"the record belongs into {expected}; move it there", False
    try:
        told = _Provenance.model_validate(record.provenance)
    except ValidationError as error:
        yield f"key 'provenance': {complaints(error, _Provenance)}; run it again", False
        return
    yield from _check_identity(record, told)
    try:
        data = at_hand(record.config.dataset, record.config.split, record.config.horizon)
    except DataError as error:
        yield f"its data cannot be had: {error}", False
        return
    if data is None:
        checked.unseen.add(f"{record.config.dataset} ({record.config.split})")
    elif data.revision != told.data.revision:
        yield (
            f"made from other data: revision {told.data.revision[:12]}, here {data.revision[:12]} ({data.protocol}); "
            "run it again on these data",
            False,
        )
        return
    if record.status != "ok":
        return
    wrong = list(_check_scores(record, told, data))
    kept = folder / f"{record.run_id}.npz"
    if not wrong and kept.is_file():
        checked.recomputed += 1
        wrong = list(_check_predictions(record, kept, data))
    yield from ((said, False) for said in wrong)


def _check_identity(record: RunRecord, told: _Provenance) -> Said:
    if told.algorithm != ALGORITHM_VERSION:
        yield f"of algorithm version {told.algorithm}, expected {ALGORITHM_VERSION}; run it again", False
    elif (expected := record.config.run_id(told.data.revision)) != record.run_id:
        yield f"run_id {record.run_id}, expected {expected} of its config and data; leave records as written", False
    if told.git is None:
        yield "no git commit is told; run from a checkout, or name the version in the pull request", True
    elif told.git.dirty:
        yield f"made from changed code (commit {told.git.commit[:12]}, dirty); commit, and run it again", True


# Scores


def _check_scores(record: RunRecord, told: _Provenance, data: Dataset | None) -> Iterator[str]:
    """Every part has finite scores, in the unit, of the samples and after the init window that the data ask for."""
    if data and told.data.n_init != data.test[0].n_init:
        yield f"n_init={told.data.n_init}, expected {data.test[0].n_init}; run it again"
    tests = record.metrics["test"]
    if data and tests.keys() != (expected := {series.name for series in data.test}):
        yield f"test sets {', '.join(sorted(tests))}, expected {', '.join(sorted(expected))}; run it again"
    for name, scores, records in _parts(record, data):
        try:
            wrong = _wrong_size(_Scores.model_validate(scores), records, record.config)
        except ValidationError as error:
            wrong = complaints(error, _Scores)
        if wrong:
            yield f"scores of {name}: {wrong}; run it again"


def _parts(record: RunRecord, data: Dataset | None) -> Iterator[tuple[str, Any, Sequence[Series]]]:
    """Each part's name, scores and records; no records where the data are not at hand."""
    tests = {series.name: (series,) for series in data.test} if data else {}
    if record.engine != PREDICTIONS:
        yield "train", record.metrics["train"], data.train if data else ()
        yield "val", record.metrics["val"], data.val if data else ()
    for name, scores in record.metrics["test"].items():
        yield f"test set '{name}'", scores, tests.get(name, ())


def _wrong_size(found: _Scores, records: Sequence[Series], config: RunConfig) -> str | None:
    if not len(found.rmse) == len(found.mae) == len(found.unit):
        return f"{len(found.rmse)} rmse, {len(found.mae)} mae and {len(found.unit)} units, expected one a channel"
    if not records:
        return None
    n_y = len(records[0].units.y) // (config.horizon or 1)
    y = np.concatenate([series.y[_first(series, config) :] for series in records])
    unit, n_scored = list(records[0].units.y[:n_y]), len(y)
    if found.unit != unit:
        return f"unit {found.unit}, expected {unit}"
    if found.n_scored != n_scored:
        return f"n_scored={found.n_scored}, expected {n_scored}"
    return _at_odds(found, y.reshape(-1, n_y))


def _first(series: Series, config: RunConfig) -> int:
    """The sample from which outputs, or forecasts, are scored."""
    return first_forecast(series, config.seq_len) if config.horizon else series.n_init


def _at_odds(found: _Scores, y: np.ndarray) -> str | None:
    """The relative measures follow from the RMSE and the measured outputs (T, n_y)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = np.square(found.rmse) / y.var(axis=0)
    expected = {"nrmse": np.sqrt(relative), "fit": 100 * (1 - np.sqrt(relative)), "r2": 1 - relative}
    for name, values in expected.items():
        told = np.array(getattr(found, name), dtype=float)
        if told.shape != values.shape or not np.allclose(told, values, rtol=1e-6, atol=1e-6, equal_nan=True):
            return f"{name} {told.tolist()} does not go with rmse {found.rmse}, expected {values.tolist()}"
    return None


# Predictions


def _check_predictions(record: RunRecord, path: Path, data: Dataset | None) -> Iterator[str]:
    """The scores follow from the predictions, and these are of the test records where the data are at hand."""
    try:
        found = {prediction.test_set: prediction for prediction in read_predictions(path)}
        measured = {series.name: series for series in data.test} if data else {}
        for name, scores in record.metrics["test"].items():
            where = f"{path}, test set '{name}'"
            if name not in found:
                yield f"{where}: no predictions; it has {', '.join(found) or 'none'}"
            elif name in measured and not _same_record(found[name], measured[name]):
                yield f"{where}: the measured outputs are not those of the data set; write the predictions anew"
            else:
                yield from (f"{where}: {said}" for said in _different(found[name], scores))
    except StoreError as error:
        yield str(error)
    except ModelError as error:
        yield f"{path}: {error}; write the predictions anew"


def _same_record(prediction: Prediction, series: Series) -> bool:
    return prediction.n_init == series.n_init and np.array_equal(prediction.y, series.y.astype(np.float32))


def _different(prediction: Prediction, scores: dict[str, Any]) -> Iterator[str]:
    y, y_hat = prediction.y.astype(np.float64), prediction.y_hat.astype(np.float64)
    computed = score(y=y, y_hat=y_hat, n_init=prediction.n_init)
    rounding = ROUNDING * np.abs(y).max()
    for name in RECOMPUTED:
        told, anew = np.array(scores[name]), computed[name]
        if told.shape != anew.shape or not np.allclose(told, anew, RELATIVE, rounding):
            yield (
                f"{name} {told.tolist()} in the record, {anew.tolist()} of the predictions (allowed: {RELATIVE:g} of "
                f"it and {rounding:.2g}); leave records and predictions as written"
            )
