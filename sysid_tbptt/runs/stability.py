"""Estimates of how fast a run's network forgets, as files beside its record; figures are made from them without torch.

results/stability/<suite>/<run_id>.json
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from .. import limits
from ..config import RunConfig
from ..data.identity import round_significant
from ..errors import StoreError, complaints, shown
from ..training.bound import forgets
from ..training.decay import Decay
from ..training.forgetting import Forgetting
from .atomic import write_whole
from .names import file_name
from .readable import check_provenance
from .record import Count, RunId, finite
from .store import unreadable

SCHEMA = 1
"""Raised, with a migration, when the fields of an estimate change their meaning."""

POINTS, DIGITS = 100, 6
"""Steps and digits that are kept of a decay."""
BAND = (0.05, 0.95)
"""Quantiles over pairs."""


class Curve(BaseModel):
    """Output distance over state distance at some steps ``t``: quantiles and root mean square over pairs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    t: list[Count]
    median: list[float]
    low: list[float]
    high: list[float]
    rms: list[float]

    @model_validator(mode="after")
    def _as_long(self) -> Curve:
        if len({len(self.t), len(self.median), len(self.low), len(self.high), len(self.rms)}) != 1:
            raise ValueError("key 'curve': t, median, low, high and rms are equally long")
        return self


class StabilityRecord(BaseModel):
    """The estimate of one run's weights, see `sysid_tbptt.training.forgetting.Forgetting`; ``seed`` drew the pairs."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    version: int = Field(default=SCHEMA, alias="schema")
    run_id: RunId
    config: RunConfig
    factor: float = Field(alias="lambda", gt=0)
    interval: tuple[float, float]
    constant: float
    scale: float
    fitted: tuple[Count, Count]
    pairs: Count
    seed: int
    curve: Curve
    provenance: dict[str, Any] = {}

    @classmethod
    def of(
        cls, found: Forgetting, *, run_id: str, config: RunConfig, seed: int, provenance: Mapping[str, Any]
    ) -> StabilityRecord:
        """The record of an estimate."""
        measured = {name: getattr(found, name) for name in ("factor", "interval", "constant", "scale", "fitted")}
        kept = {"pairs": len(found.decay.ratio), "curve": thinned(found.decay, found.fitted[1])}
        made = {"run_id": run_id, "config": config, "seed": seed, "provenance": dict(provenance)}
        return cls.model_validate(made | measured | kept)

    @property
    def forgets(self) -> bool:
        """Whether lambda and all of its interval are less than 1."""
        return forgets(self.factor, self.interval)


def thinned(decay: Decay, last: int) -> Curve:
    """The curve of a decay at `POINTS` steps up to ``last``, evenly spaced."""
    t = np.unique(np.linspace(1, last, POINTS).round().astype(int))
    ratio = decay.ratio[:, t - 1]
    low, median, high = np.quantile(ratio, [BAND[0], 0.5, BAND[1]], axis=0)
    rms = np.sqrt(np.square(ratio).mean(axis=0))
    return Curve(t=t.tolist(), median=_short(median), low=_short(low), high=_short(high), rms=_short(rms))


def _short(values: np.ndarray) -> list[float]:
    return round_significant(values, DIGITS).tolist()


def stability_file(root: Path, config: RunConfig, run_id: str) -> Path:
    """Where the estimate of a run is kept in a results folder."""
    return root / "stability" / file_name(config.suite) / f"{run_id}.json"


def write_stability(root: Path, record: StabilityRecord) -> Path:
    """Writes an estimate in place of an earlier one of the same run; returns the file.

    A file that holds the same estimate of the same weights is left as it is, with the provenance of its first making.

    Raises:
        StoreError: the folder cannot be written.
    """
    path = stability_file(root, record.config, record.run_id)
    if not _holds(path, record):
        write_whole(path, f"{_text(record)}\n".encode())
    return path


def _holds(path: Path, record: StabilityRecord) -> bool:
    """Whether the file is there, and of this estimate; one that cannot be read is not."""
    with suppress(StoreError):
        return _content(read_estimate(path)) == _content(record)
    return False


def _content(record: StabilityRecord) -> str:
    """What was found, and of which weights: all but how it was made."""
    made = {"weights_sha256": record.provenance.get("weights_sha256")}
    return _text(record.model_copy(update={"provenance": made}))


def _text(record: StabilityRecord) -> str:
    return json.dumps(finite(record.model_dump(by_alias=True)), allow_nan=False)


def read_stability(root: Path, suite: str) -> list[StabilityRecord]:
    """The estimates of a suite's runs, in the order of their files.

    Raises:
        StoreError: a file cannot be read, or is no estimate; the message names it.
    """
    return [read_estimate(path) for path in sorted((root / "stability" / file_name(suite)).glob("*.json"))]


def read_estimate(path: Path) -> StabilityRecord:
    """The estimate in a file.

    Raises:
        StoreError: it cannot be read, or is no estimate.
    """
    try:
        content = limits.read_bytes(path, limits.ESTIMATE_BYTES, StoreError)
        record = StabilityRecord.model_validate_json(content)
    except OSError as error:
        raise unreadable(path, error) from error
    except ValidationError as error:
        raise StoreError(
            f"{path}: no estimate of a network's stability: {complaints(error, StabilityRecord)}; "
            "`sysid-tbptt stability` writes it anew"
        ) from error
    if record.version != SCHEMA:
        said = f"schema {shown(record.version)} where {SCHEMA} is known; use a newer version of sysid-tbptt"
        raise StoreError(f"{path}: {said}")
    numbers = record.model_dump(mode="json", exclude={"provenance"})
    if numbers != finite(numbers) or not record.curve.t:
        raise StoreError(f"{path}: numbers are not finite, or there are none; `sysid-tbptt stability` writes it anew")
    try:
        check_provenance(record.provenance)
    except StoreError as error:
        raise StoreError(f"{path}: {error}; `sysid-tbptt stability` writes it anew") from error
    return record
