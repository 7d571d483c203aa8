"""What a figure's file tells of what it shows: one that shows its page as it would be drawn now is not drawn again."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

from .traces import Page


def seal(page: Page) -> str:
    """Hash of the page, of the code that draws it, and of matplotlib's version; written into the file's metadata."""
    return sha256(f"{page!r}\n{_renderer()}".encode()).hexdigest()


def is_sealed(path: Path, with_seal: str) -> bool:
    """Whether the file is there and bears the seal."""
    return path.is_file() and with_seal.encode() in path.read_bytes()


@cache
def _renderer() -> str:
    code = Path(__file__).with_name("render.py").read_bytes()
    return f"{sha256(code).hexdigest()} {version('matplotlib')}"
