"""Where the runs of a table or figure come from: what their provenances name, each once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def once(values: Iterable[Any], between: str = ", ") -> str:
    """The values in their order, each once; those that are None or empty are left out."""
    return between.join(str(value) for value in sorted({value for value in values if value not in (None, "")}))


def devices(sources: Iterable[dict[str, Any]]) -> str:
    """The devices of provenances; their names may hold commas."""
    return once((source.get("device") for source in sources), between=" and ")


def commits(sources: Iterable[dict[str, Any]]) -> str:
    """The commits of provenances in short."""
    return once(map(_commit, sources))


def _commit(source: dict[str, Any]) -> str | None:
    git = found if isinstance(found := source.get("git"), dict) else {}
    commit = git.get("commit")
    return commit and commit[:10] + (" (changed since)" if git.get("dirty") else "")
