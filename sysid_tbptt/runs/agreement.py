"""How far two records of one run agree, number by number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64

from .record import RunRecord

NUMBERS = (
    *("status", "reason", "records", "windows", "parameters"),
    *("steps_done", "ended", "metrics", "loss", "optimum"),
)
"""Fields of a record that a run of the same config on the same data gives again."""

LEAST_SCALE = {"fit": 100.0, "r2": 1.0}
"""Measures that are a difference from this: near zero they keep the rounding of the whole."""

SIGNALS = ("y_hat",)
"""Numbers that are one array, and are measured against the largest of it."""


@dataclass(frozen=True)
class Difference:
    """A number, or a word, that two runs do not share.

    ``relative`` is the difference over the larger magnitude of the two; infinite for what is no measured number:
    words, counts, and what one of the two lacks.
    """

    name: str
    recorded: Any
    again: Any
    relative: float


@dataclass(frozen=True)
class Agreement:
    """What was compared, and what differs, the largest difference first."""

    compared: int
    differences: tuple[Difference, ...]

    @property
    def identical(self) -> bool:
        """Whether every number is the same to the bit."""
        return not self.differences

    @property
    def largest(self) -> float:
        """The largest relative difference."""
        return max((found.relative for found in self.differences), default=0.0)

    @property
    def largest_score(self) -> float:
        """The largest relative difference among the metrics."""
        return max((found.relative for found in self.differences if found.name.startswith("metrics.")), default=0.0)


def agreement(recorded: RunRecord, again: RunRecord) -> Agreement:
    """Compares all that the earlier record tells; what a newer version records besides is left out."""
    return _agreement(_told(recorded), _told(RunRecord.from_line(again.to_line())))


def agreement_of_weights(recorded: Mapping[str, np.ndarray], again: Mapping[str, np.ndarray]) -> Agreement:
    """Compares trained weights by name; each against the largest of its array."""
    return _agreement(*({f"weights.{name}": _real(array) for name, array in one.items()} for one in (recorded, again)))


def _real(array: np.ndarray) -> np.ndarray:
    """Complex numbers as their real and imaginary parts, along a last axis."""
    return np.stack([array.real, array.imag], axis=-1) if np.iscomplexobj(array) else array


def together(*parts: Agreement) -> Agreement:
    """Several as one."""
    found = (difference for part in parts for difference in part.differences)
    return Agreement(sum(part.compared for part in parts), tuple(sorted(found, key=lambda one: -one.relative)))


def _agreement(recorded: dict[str, Any], again: dict[str, Any]) -> Agreement:
    found = [one for name, value in recorded.items() if (one := _difference(name, value, again.get(name)))]
    sizes = (value.size if isinstance(value, np.ndarray) else 1 for value in recorded.values())
    return together(Agreement(sum(sizes), tuple(found)))


def _told(record: RunRecord) -> dict[str, Any]:
    """The compared leaves that the record's line has, by their path; signals as arrays."""
    fields = record.model_dump(include=set(NUMBERS), exclude_unset=True)
    return {name: value for key in NUMBERS if key in fields for name, value in _leaves(key, fields[key])}


def _leaves(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if name.rpartition(".")[2] in SIGNALS:
        yield name, np.array(value, dtype=float)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(f"{name}.{key}", item)
    elif isinstance(value, list | tuple):
        yield f"{name}.length", len(value)
        for k, item in enumerate(value):
            yield from _leaves(f"{name}[{k}]", item)
    else:
        yield name, value


def _difference(name: str, recorded: Any, again: Any) -> Difference | None:
    if isinstance(recorded, np.ndarray):
        return _between_arrays(name, recorded, np.asarray(again))
    if isinstance(recorded, float) and isinstance(again, float):
        return _between(name, recorded, again)
    return None if type(recorded) is type(again) and recorded == again else Difference(name, recorded, again, np.inf)


def _between(name: str, recorded: float, again: float) -> Difference | None:
    if recorded.hex() == again.hex():
        return None
    measure = name.rpartition(".")[2].partition("[")[0]
    scale = max(abs(recorded), abs(again), LEAST_SCALE.get(measure, 0.0))
    return Difference(name, recorded, again, abs(recorded - again) / scale if scale else 0.0)


def _between_arrays(name: str, recorded: np.ndarray, again: np.ndarray) -> Difference | None:
    if recorded.shape != again.shape:
        return Difference(f"{name}.shape", recorded.shape, again.shape, np.inf)
    if recorded.tobytes() == again.tobytes():
        return None
    gap = _gap(recorded.astype(np.float64), again.astype(np.float64))
    where = np.unravel_index(np.argmax(gap), gap.shape)
    place = f"{name}[{', '.join(map(str, where))}]"
    return Difference(place, float(recorded[where]), float(again[where]), float(gap[where]))


def _gap(a: Float64[np.ndarray, " *shape"], b: Float64[np.ndarray, " *shape"]) -> Float64[np.ndarray, " *shape"]:
    """Each difference over the largest magnitude in the two arrays; infinite where one alone is finite."""
    scale = max(np.abs(a).max(), np.abs(b).max()) or 1.0
    with np.errstate(invalid="ignore"):
        gap = np.abs(a - b) / scale
    return np.where(np.isnan(gap), np.inf, gap)
