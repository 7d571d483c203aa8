"""The runs of a suite with another model in the place of one of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..config import RunConfig
from .expand import expand


def substitute(suite: str | Path, *, like: str, model: str, results: str | Path, **filters: Any) -> list[RunConfig]:
    runs = expand(suite, model=like, **filters)
    return list(dict.fromkeys(run.model_copy(update={"model": model}) for run in runs))
