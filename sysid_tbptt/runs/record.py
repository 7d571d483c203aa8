"""The record of a run: one line of JSON. It is all that reports are made from, so nothing here needs torch."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from ..config import Ended, RunConfig, algorithm_version, canonical_json, method
from ..errors import StoreError, abridged, complaints, shown
from ..limits import FILE_NAME, WHOLE_NUMBER
from .readable import check_metrics, check_provenance

SCHEMA = 1
"""Raised, with a migration, when the fields of a record change their meaning."""

PREDICTIONS, EXTERNAL = "predictions", "external"
"""Engines of what was not trained here: outputs that came in a file, and a model that trained itself."""

Status = Literal["ok", "diverged", "failed"]

Count = Annotated[int, Field(ge=0, le=WHOLE_NUMBER)]

RunId = Annotated[
    str,
    Field(
        pattern=r"^\w[\w -]*$",
        max_length=FILE_NAME,
        description="letters, digits, -, _ and blanks: files are named by it",
    ),
]


class NewerSchema(StoreError):
    """A record was written by a newer version of this package."""


class Loss(BaseModel):
    """The course of the training: ``curve`` holds the mean loss of each block of ``curve_every`` steps,
    ``validation`` the standardised free-run MSE of each validation."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    last100_mean: float | None = None
    curve: Sequence[float | None] = []
    curve_every: int = Field(default=1, ge=1, le=WHOLE_NUMBER)
    validation: list[float | None] = []
    best_step: Count | None = None


class Optimum(BaseModel):
    """Of a run that was solved to an optimum, see `sysid_tbptt.training.job.Optimum`; ``y_hat`` (S, N, n_y) holds 7
    significant digits."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    loss: float
    w_hh: float
    y_hat: Sequence[Sequence[Sequence[float]]]
    coercivity: float
    iterations: Count

    @field_validator("y_hat")
    @classmethod
    def _rectangular(cls, y_hat: Sequence[Sequence[Sequence[float]]]) -> Sequence[Sequence[Sequence[float]]]:
        shapes = {(len(outputs), len(step)) for outputs in y_hat for step in outputs}
        if len(shapes) != 1 or not all(y_hat) or 0 in shapes.pop():
            raise ValueError("key 'optimum.y_hat': as many steps in each subsequence, and channels in each step")
        return y_hat


class Time(BaseModel):
    """Over all sittings of the run: seconds of wall clock, and seconds of processor time that the training took,
    which do not depend on what else the machine was doing. Steps and samples (steps x B x N; of lm, iterations x
    windows x N) a second of wall clock, in which a warm start counts as time alone.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    train_s: float = 0.0
    train_cpu_s: float = 0.0
    evaluate_s: float = 0.0
    steps_per_s: float = 0.0
    samples_per_s: float = 0.0


class RunRecord(BaseModel):
    """What one run was, what came out of it, and where it came from.

    ``metrics`` has the keys ``train``, ``val`` and ``test``, the last by test set, and of the engine ``predictions``
    the last alone; see `sysid_tbptt.training.evaluate.score_records` for the measures and their units. A null is a
    measure that is not defined, such as the R2 of a constant signal. ``records`` is the number of training records
    that give subsequences, ``windows`` that of the subsequences. ``ended`` says why an lm run took no further
    iteration, see `sysid_tbptt.config.Ended`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    version: int = Field(default=SCHEMA, alias="schema")
    run_id: RunId
    status: Status
    reason: str | None = None
    config: RunConfig
    records: Count = 0
    windows: Count = 0
    parameters: Count = 0
    steps_done: Count = 0
    engine: str | None = None
    metrics: dict[str, Any] = {}
    loss: Loss = Loss()
    time: Time = Time()
    optimum: Optimum | None = None
    ended: Ended | None = None
    provenance: dict[str, Any] = {}

    @property
    def done(self) -> bool:
        """Whether running it again would give the same; a failure would not."""
        return self.status != "failed"

    @property
    def algorithm(self) -> Any:
        """The algorithm version in the record, by default that of this package."""
        return self.provenance.get("algorithm", algorithm_version(self.config.model))

    @property
    def current(self) -> bool:
        """Whether it has this package's algorithm version, so that it can be compared with other records."""
        return bool(self.algorithm == algorithm_version(self.config.model))

    @property
    def regime(self) -> Literal["stateless", "stateful", "bptt", "coupled", "free", "closed_form", "external"]:
        """How the run was trained, in the words of the reference experiment; ``external``: not here."""
        if self.engine in (PREDICTIONS, EXTERNAL):
            return "external"
        if self.engine == "closed_form":
            return "closed_form"
        if self.config.init_mode == "carry":
            return "stateful"
        if self.config.init_mode != "zero":
            return self.config.init_mode
        return "bptt" if self._on_whole_records else "stateless"

    @property
    def _on_whole_records(self) -> bool:
        """Whether each window is a whole record; with a long stride a record may have one window, and be longer."""
        one_each = 0 < self.windows == self.records
        if not one_each or self.config.samples_apart == 1:
            return one_each
        n_init = (self.provenance.get("data") or {}).get("n_init") or 0
        scored = self.metrics.get("train", {}).get("n_scored") if self.status == "ok" else None
        return bool(scored == self.windows * self.config.seq_len - self.records * n_init)

    @property
    def optimiser(self) -> str:
        """The optimiser that trained the model; empty where none did: in closed form, or not here."""
        return "" if self.regime in ("closed_form", "external") else self.config.optimiser

    @property
    def method(self) -> str:
        """The model and its optimiser, see `sysid_tbptt.config.method`."""
        return method(self.config.model, self.optimiser)

    def to_line(self) -> str:
        """One line of JSON, numbers at full precision, what is not finite as null."""
        unused = {name for name in ("optimum", "ended") if getattr(self, name) is None}
        return canonical_json(finite(self.model_dump(by_alias=True, exclude=unused)))

    @classmethod
    def from_line(cls, line: str) -> RunRecord:
        """A record from its line.

        Raises:
            StoreError: the line is no record, or of a newer schema.
        """
        try:
            record = cls.model_validate_json(line)
        except ValidationError as error:
            raise _told(line, error) from error
        if record.version != SCHEMA:
            raise _of_another_schema(record.version)
        if record.status == "ok":
            check_metrics(record.metrics, ("test",) if record.engine == PREDICTIONS else ("train", "val", "test"))
        check_provenance(record.provenance)
        return record


def _told(line: str, error: ValidationError) -> StoreError:
    """Why a line that cannot be read as a record is none."""
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError) as broken:
        return StoreError(f"not a line of JSON ({abridged(str(broken))})")
    if not isinstance(fields, dict):
        return StoreError("not a JSON object")
    if fields.get("schema") != SCHEMA:
        return _of_another_schema(fields.get("schema"))
    return StoreError(complaints(error, RunRecord))


def _of_another_schema(schema: Any) -> StoreError:
    if isinstance(schema, int) and schema > SCHEMA:
        return NewerSchema(f"schema {shown(schema)} where {SCHEMA} is known; use a newer version of sysid-tbptt")
    return StoreError(f"schema {shown(schema)} where {SCHEMA} is known")


def finite(value: Any) -> Any:
    """The value with null in place of every number that is not finite, as JSON wants it."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
