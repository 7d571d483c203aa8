"""What reports read of the parts of a record that have no fields of their own, and whether it has its form.

A record may come from anybody: what a report would fall over is no record.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import StoreError
from ..limits import WHOLE_NUMBER

SCORES = ("mse_scaled", "rmse", "unit")
"""What every part of a run that ended well has."""


def check_metrics(metrics: Mapping[str, Any], whole: Sequence[str]) -> None:
    """Passes scores of the parts that are there, and of all parts of ``whole``.

    Raises:
        StoreError: some are missing, or are no numbers.
    """
    test = metrics.get("test")
    parts: list[Any] = [metrics.get(part) for part in ("train", "val") if part in {*whole, *metrics}]
    parts += test.values() if isinstance(test, dict) else []
    scored = all(isinstance(part, dict) and part.keys() >= set(SCORES) for part in parts)
    if not test or not isinstance(test, dict) or not scored:
        raise StoreError(f"key 'metrics': a run that ended well has {', '.join(SCORES)} of {', '.join(whole)}")
    if not all(_one_a_channel(part["rmse"], part["unit"]) for part in parts):
        raise StoreError("key 'metrics': each rmse is a list of numbers, and unit a list of words, one a channel each")
    for name, is_right in _MEASURES.items():
        if not all(is_right(part[name], part["unit"]) for part in parts if name in part):
            raise StoreError(f"key 'metrics': a {name} is no number, or not one a channel")


def check_provenance(provenance: Mapping[str, Any]) -> None:
    """Passes what reports group records by, and put into words, where it is there.

    Raises:
        StoreError: it is something else than `sysid_tbptt.runs.provenance` writes.
    """
    data, versions, git = (provenance.get(key) for key in ("data", "versions", "git"))
    if not isinstance(data, dict | None) or not isinstance(versions, dict | None):
        raise StoreError("key 'provenance': data and versions are objects")
    told = data or {}
    if not _is_count(told.get("n_init")) or not _are_words(told.get("revision"), told.get("protocol")):
        raise StoreError("key 'provenance.data': n_init is a whole number, revision and protocol are words")
    if not isinstance(git, dict | None) or not _are_words((git or {}).get("commit")):
        raise StoreError("key 'provenance.git': an object with the commit in words")
    words = (provenance.get("device"), provenance.get("time"), *(versions or {}).values())
    if not _is_count(provenance.get("threads")) or not _are_words(*words):
        raise StoreError("key 'provenance': threads is a whole number; device, time and versions are words")


def _one_a_channel(rmse: Any, unit: Any) -> bool:
    lists = isinstance(rmse, list) and isinstance(unit, list) and 0 < len(rmse) == len(unit)
    return lists and all(map(_is_number, rmse)) and all(isinstance(x, str) for x in unit)


def _is_number(value: Any) -> bool:
    """Whether it is a number, or null for one that is not finite; a whole number of 400 digits is none."""
    return isinstance(value, float | None) or (isinstance(value, int) and abs(value) <= WHOLE_NUMBER)


def _is_count(value: Any) -> bool:
    return value is None or (isinstance(value, int) and 0 <= value <= WHOLE_NUMBER)


def _are_words(*values: Any) -> bool:
    return all(isinstance(value, str | None) for value in values)


def _numbers(value: Any, unit: Sequence[str]) -> bool:
    return isinstance(value, list) and len(value) == len(unit) and all(map(_is_number, value))


_MEASURES = {
    "mse_scaled": lambda value, _: _is_number(value),
    "mse_paper": lambda value, _: _is_number(value),
    "mse_after_burn_in": lambda value, _: _is_number(value),
    "n_scored": lambda value, _: _is_count(value),
    "nrmse": _numbers,
}
"""What reports read of a part beside the RMSE, and whether it is what it should be."""
