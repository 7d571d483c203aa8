"""Links to the tables and figures that stand beside the page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from .runs import Json

FOLDERS = {"tables": (".md", ".csv", ".tex"), "figures": (".pdf", ".png", ".svg")}
SHOWN = {"critical-difference.png": "Average ranks over test sets, and the critical difference between them"}
"""Figures that the page itself shows, and what they tell."""


def files(root: Path) -> list[Json]:
    """By suite the tables and figures on disk, a name and a link for each format; and the figures to show."""
    found: dict[str, dict[str, list[Json]]] = {}
    for path, kind in _paths(root):
        suite = found.setdefault(path.parent.name, {})
        link = {"kind": kind, "href": quote(f"../{path.relative_to(root).as_posix()}")}
        suite.setdefault(path.stem, []).append(link)
    return [
        {
            "name": suite,
            "files": [{"name": name, "links": links} for name, links in sorted(named.items())],
            "shown": [
                {"href": quote(f"../figures/{suite}/{name}"), "told": told}
                for name, told in SHOWN.items()
                if (root / "figures" / suite / name).is_file()
            ],
        }
        for suite, named in sorted(found.items())
    ]


def _paths(root: Path) -> Iterator[tuple[Path, str]]:
    for folder, suffixes in FOLDERS.items():
        for suffix in suffixes:
            for path in sorted((root / folder).glob(f"*/*{suffix}")):
                yield path, {".md": "Markdown", ".tex": "LaTeX"}.get(suffix, suffix[1:].upper())
