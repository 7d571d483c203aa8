"""The line under a table that says where its numbers come from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from ..runs.record import RunRecord
from .sources import commits, devices, once

_SHOWN = ("sysid-tbptt", "torch", "numba", "nonlinear-benchmarks")


def provenance_of(run_ids: Iterable[str], records: Iterable[RunRecord]) -> str:
    """The line of those of the records that have the ids."""
    behind = set(run_ids)
    return provenance_line([record for record in records if record.run_id in behind])


def provenance_line(records: Sequence[RunRecord]) -> str:
    """Runs, why those of lm ended, seeds, protocol, engines, versions, commits, devices and dates, each once."""
    sources = [record.provenance for record in records]
    parts = {
        "runs": str(len(records)),
        "not ended well": str(n_bad) if (n_bad := sum(record.status != "ok" for record in records)) else "",
        "iterations of lm ended": _counted(record.ended for record in records),
        "suite": once(record.config.suite for record in records),
        "seeds": once(record.config.seed for record in records),
        "protocol": once(_at(source, "data", "protocol") for source in sources),
        "data revision": once(str(_at(source, "data", "revision") or "")[:12] for source in sources),
        "engine": once(record.engine for record in records),
        "versions": ", ".join(f"{name} {text}" for name in _SHOWN if (text := _versions(sources, name))),
        "commit": commits(sources),
        "device": devices(sources),
        "made": _span(str(source.get("time") or "")[:10] for source in sources),
    }
    return "; ".join(f"{name}: {text}" for name, text in parts.items() if text)


def _counted(values: Iterable[str | None]) -> str:
    """The words, each with its count; the most frequent first."""
    return ", ".join(f"{word} {count}" for word, count in Counter(filter(None, values)).most_common())


def _versions(sources: Iterable[dict[str, Any]], name: str) -> str:
    return once(_at(source, "versions", name) for source in sources)


def _span(dates: Iterable[str]) -> str:
    known = sorted({date for date in dates if date})
    return " to ".join(dict.fromkeys([known[0], known[-1]])) if known else ""


def _at(source: dict[str, Any], *keys: str) -> Any:
    value: Any = source
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value
