"""What a figure's file tells of what it shows: one that shows its page as it would be drawn now is not drawn again."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

from .traces import Page

SEALED_IN = {"pdf": "Keywords", "png": "Description"}
"""The field of a file's metadata that holds the page's seal, by format."""


def seal(page: Page) -> str:
    """Hash of the page, of the code that draws it, and of matplotlib's version; written into the file's metadata.

    The ids of the runs stay out: they are not drawn, and the order of a set differs from process to process.
    """
    rows = tuple(tuple(replace(panel, runs=frozenset()) for panel in row) for row in page.rows)
    return sha256(f"{replace(page, rows=rows)!r}\n{_renderer()}".encode()).hexdigest()


def is_sealed(path: Path, with_seal: str) -> bool:
    """Whether the file is there and bears the seal."""
    return path.is_file() and with_seal.encode() in path.read_bytes()


@cache
def _renderer() -> str:
    code = Path(__file__).with_name("render.py").read_bytes()
    return f"{sha256(code).hexdigest()} {version('matplotlib')}"
