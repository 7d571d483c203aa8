"""What can be wrong with one record: its identity, its data, its scores and its predictions; each with its remedy.

A record's identity must follow from its config and its data, and its scores must be of the benchmark's protocol. What
only the data can tell is checked where they are at hand (embedded, or in the cache); nothing is downloaded. Scores are
computed anew where the predictions are there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, Field, ValidationError

from ..config import ENGINES, RunConfig, algorithm_version
from ..data.horizon import first_forecast, look_back
from ..data.series import Dataset, Series
from ..errors import DataError, ModelError, StoreError, complaints, shown
from ..registry import at_hand
from ..training.engines import CLOSED_FORM, IPOPT
from ..training.metrics import score
from .predictions import Prediction, read_predictions
from .record import EXTERNAL, PREDICTIONS, RunRecord
from .store import records_file

RELATIVE, ROUNDING = 1e-4, 1e-6
"""A score recomputed from predictions may differ by this part of itself, and by this part of the largest |y|:
predictions are kept as float32."""

RECOMPUTED = ("rmse", "mae")
"""What is recomputed; the other scores follow from the RMSE and the data."""


@dataclass(frozen=True)
class Finding:
    """What is wrong with a file, or a line of it, and what to do; a warning is no fault."""

    path: Path
    number: int | None
    said: str
    warning: bool = False

    def __str__(self) -> str:
        line = "" if self.number is None else f", line {self.number}"
        return f"{'warning: ' if self.warning else ''}{self.path}{line}: {self.said}"


@dataclass(frozen=True)
class Remark:
    """What is said of a record.

    ``fault``: it is wrong. ``other``: it is of other data, or another version of the algorithm, than those at hand.
    ``code``: its code cannot be told exactly.
    """

    said: str
    kind: Literal["fault", "other", "code"] = "fault"


@dataclass
class Tally:
    """``recomputed`` counts the records whose predictions were there, ``unseen`` names the data sets that were not at
    hand."""

    recomputed: int = 0
    unseen: set[str] = field(default_factory=set)


Said = Iterator[Remark]


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


def check_place(record: RunRecord, path: Path) -> Said:
    """A record lies in its own file, whatever results folder that is in."""
    expected = records_file(record.config)
    if path.absolute().parts[-len(expected.parts) :] != expected.parts:
        yield Remark(f"the record belongs into {expected}; move it there")


def check_record(record: RunRecord, predictions: Path, tally: Tally) -> Said:
    """Checks a record of a run that came to an end; ``predictions`` is the folder of predictions, named by run_id."""
    try:
        told = _Provenance.model_validate(record.provenance)
    except ValidationError as error:
        yield Remark(f"key 'provenance': {complaints(error, _Provenance)}; run it again")
        return
    yield from _check_identity(record, told)
    yield from map(Remark, _check_end(record))
    try:
        data = at_hand(record.config.dataset, record.config.split, record.config.horizon)
    except DataError as error:
        yield Remark(f"its data cannot be had: {error}", "other")
        return
    if data is None:
        tally.unseen.add(f"{record.config.dataset} ({record.config.split})")
    elif data.revision != told.data.revision:
        yield Remark(
            f"made from other data: revision {told.data.revision[:12]}, here {data.revision[:12]} ({data.protocol}); "
            "run it again on these data",
            "other",
        )
        return
    if record.status == "ok":
        yield from map(Remark, _check_outcome(record, told, data, predictions, tally))


def _check_outcome(
    record: RunRecord, told: _Provenance, data: Dataset | None, predictions: Path, tally: Tally
) -> Iterator[str]:
    wrong = list(_check_scores(record, told, data))
    kept = predictions / f"{record.run_id}.npz"
    if not wrong and kept.is_file():
        tally.recomputed += 1
        wrong = list(_check_predictions(record, kept, data))
    yield from wrong


def _check_identity(record: RunRecord, told: _Provenance) -> Said:
    if told.algorithm != (version := algorithm_version(record.config.model)):
        yield Remark(f"of algorithm version {told.algorithm}, expected {version}; run it again", "other")
    elif (expected := record.config.run_id(told.data.revision)) != record.run_id:
        yield Remark(f"run_id {record.run_id}, expected {expected} of its config and data; leave records as written")
    if told.git is None:
        yield Remark("no git commit is told; run from a checkout, or name the version in the pull request", "code")
    elif told.git.dirty:
        yield Remark(f"made from changed code (commit {told.git.commit[:12]}, dirty); commit, and run it again", "code")


def _check_end(record: RunRecord) -> Iterator[str]:
    """How the run ended, by which engine and after how many steps."""
    config, stepping = record.config, ENGINES[1:]
    if record.engine not in (known := (*stepping, CLOSED_FORM, IPOPT, EXTERNAL, PREDICTIONS)):
        yield f"engine {shown(record.engine)}, expected one of {', '.join(known)}; run it again"
    if record.status != "ok" and not record.reason:
        yield f"{record.status}, and no reason is told; run it again"
    trained = record.status == "ok" and record.engine in stepping
    yield from _check_reason(record, trained and config.optimiser == "lm")
    if trained and not _takes(record.steps_done, record):
        yield f"{record.steps_done} steps, expected {config.steps} of its config; run it again"


def _check_reason(record: RunRecord, expected: bool) -> Iterator[str]:
    """Whether a run tells why it took no further iteration; only lm does."""
    if expected and record.ended is None:
        yield "key 'ended' is missing, which says why the run took no further iteration; run it again"
    if record.ended is not None and not expected:
        yield f"ended '{record.ended}', which only a run of optimiser 'lm' that ended well says; run it again"
    if record.ended == "patience" and not record.config.patience:
        yield "ended 'patience', and its config has no patience; run it again"


def _takes(steps: int, record: RunRecord) -> bool:
    """Whether a run may take so many steps: those of its config, or fewer where it may stop early."""
    config = record.config
    may_stop = config.patience is not None if record.ended is None else record.ended != "budget"
    return steps == config.steps or (may_stop and steps < config.steps)


# Scores


def _check_scores(record: RunRecord, told: _Provenance, data: Dataset | None) -> Iterator[str]:
    """Every part has finite scores, in the unit, of the samples and after the init window that the data ask for."""
    if data and told.data.n_init != data.test[0].n_init:
        yield f"n_init={told.data.n_init}, expected {data.test[0].n_init}; run it again"
    tests = record.metrics["test"]
    if data and tests.keys() != (expected := {series.name for series in data.test}):
        yield f"test sets {', '.join(sorted(tests))}, expected {', '.join(sorted(expected))}; run it again"
    for name, scores in _parts(record):
        try:
            wrong = _wrong_size(_Scores.model_validate(scores), _measured(name, record.config, data))
        except ValidationError as error:
            wrong = complaints(error, _Scores)
        if wrong:
            yield f"scores of {name}: {wrong}; run it again"


def _parts(record: RunRecord) -> Iterator[tuple[str, Any]]:
    """Each part's name and scores."""
    if record.engine != PREDICTIONS:
        yield "train", record.metrics["train"]
        yield "val", record.metrics["val"]
    for name, scores in record.metrics["test"].items():
        yield f"test set '{name}'", scores


@dataclass(frozen=True)
class _Measured:
    """What is scored of a part: the unit of each channel, the number of samples, the channels' variances."""

    unit: list[str]
    n_scored: int
    variance: np.ndarray


def _measured(part: str, config: RunConfig, data: Dataset | None) -> _Measured | None:
    """None where the data are not at hand, or have no such part."""
    if data is None:
        return None
    inputs = look_back(config, data) if config.horizon else 0
    return _measured_of(part, config.dataset, config.split, config.horizon, inputs)


@cache
def _measured_of(part: str, dataset: str, split: str, horizon: int | None, inputs: int) -> _Measured | None:
    data = at_hand(dataset, split, horizon)
    assert data is not None
    parts = {"train": data.train, "val": data.val} | {f"test set '{series.name}'": (series,) for series in data.test}
    if part not in parts:
        return None
    records = parts[part]
    n_y = len(records[0].units.y) // (horizon or 1)
    y = np.concatenate([series.y[_first(series, horizon, inputs) :] for series in records])
    return _Measured(list(records[0].units.y[:n_y]), len(y), y.reshape(-1, n_y).var(axis=0))


def _first(series: Series, horizon: int | None, inputs: int) -> int:
    """The sample from which outputs, or forecasts from so many inputs, are scored."""
    return first_forecast(series, inputs) if horizon else series.n_init


def _wrong_size(found: _Scores, measured: _Measured | None) -> str | None:
    if not len(found.rmse) == len(found.mae) == len(found.unit):
        return f"{len(found.rmse)} rmse, {len(found.mae)} mae and {len(found.unit)} units, expected one a channel"
    if measured is None:
        return None
    if found.unit != measured.unit:
        return f"unit {found.unit}, expected {measured.unit}"
    if found.n_scored != measured.n_scored:
        return f"n_scored={found.n_scored}, expected {measured.n_scored}"
    return _at_odds(found, measured.variance)


def _at_odds(found: _Scores, variance: np.ndarray) -> str | None:
    """The relative measures follow from the RMSE and the variances (n_y,) of the measured outputs."""
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = np.square(found.rmse) / variance
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
