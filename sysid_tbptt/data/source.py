"""What an adapter says of a data set before anything is loaded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from .series import Dataset

State = Literal["embedded", "cached", "missing"]


@dataclass(frozen=True)
class Source:
    """A data set by name: ``load(split)`` gives it, ``state()`` tells whether that needs a download.

    ``size`` is the size of the download in words, ``origin`` where it comes from, ``licence`` what its authors
    state (or "none stated"), ``citation`` how to cite it. The first of ``splits`` is the default.
    """

    name: str
    splits: tuple[str, ...]
    load: Callable[[str], Dataset]
    state: Callable[[], State]
    size: str
    origin: str
    licence: str
    citation: str
