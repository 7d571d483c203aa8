"""Published errors, apart from ours: as their authors report them, each under its own protocol."""

from __future__ import annotations

from collections.abc import Container

from .runs import Json


def literature(datasets: Container[str]) -> Json | None:
    return None
