"""The runs behind the numbers of the page: what each was, what came out, and where it came from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ...config import canonical_json
from ...runs.record import RunRecord, finite
from ...runs.store import Store

Json = dict[str, Any]


class Runs:
    """All runs of a results folder; a place on the page names a run by its number here.

    What many runs share, their setting and their source, is kept once.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._settings, self._sources = Interned(), Interned()
        records = store.records()
        self._numbers = {record.run_id: number for number, record in enumerate(records)}
        self._runs = [self._run(record) for record in records]

    def numbers(self, run_ids: Iterable[str]) -> list[int]:
        """The numbers of runs by their ids."""
        return [self._numbers[run_id] for run_id in run_ids]

    def as_json(self) -> Json:
        return {"settings": self._settings.values, "sources": self._sources.values, "runs": self._runs}

    def _run(self, record: RunRecord) -> Json:
        source = finite(dict(record.provenance))
        made = source.pop("time", None)
        scored = record.metrics if record.status == "ok" else {}
        parts = {"val": scored.get("val"), **(scored.get("test") or {})}
        return {
            "id": record.run_id,
            "setting": self._settings.number(record.config.model_dump(mode="json", exclude={"seed"})),
            "source": self._sources.number(source),
            "seed": record.config.seed,
            "status": record.status,
            "reason": record.reason,
            "regime": record.regime,
            "engine": record.engine,
            "parameters": record.parameters,
            "train_s": rounded(record.time.train_s),
            "made": made,
            "file": self._store.path(record.config).relative_to(self._store.root).as_posix(),
            **({"ended": record.ended} if record.ended else {}),
            "rmse": {name: [rounded(value) for value in part["rmse"]] for name, part in parts.items() if part},
        }


class Interned:
    """Values of JSON, each once, by the order in which they came."""

    def __init__(self) -> None:
        self.values: list[Json] = []
        self._numbers: dict[str, int] = {}

    def number(self, value: Json) -> int:
        key = canonical_json(value)
        if key not in self._numbers:
            self._numbers[key] = len(self.values)
            self.values.append(value)
        return self._numbers[key]


def rounded(value: float | None) -> float | None:
    """Six significant digits, more than is shown; null for what is not finite."""
    return finite(value if value is None else float(f"{value:.6g}"))
