"""The page: one folder of files that opens from disk and asks no network, written from records alone.

What comes from records is text everywhere: Jinja escapes it in the HTML, and the data blocks are JSON without a
character that could end a script. Plotly and DataTables are copied in from the packages of the extra ``site``.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files as resources
from pathlib import Path

from ...runs.atomic import write_whole
from ...runs.store import Store
from ..tables import Placed
from . import libraries, page
from .libraries import missing as missing


def write_site(store: Store, tables: Sequence[Placed]) -> list[Path]:
    """Writes the page into ``site/`` of the results folder; returns its ``index.html``.

    ``tables`` are all tables of its records, see `sysid_tbptt.report.tables`.

    Raises:
        SysidError: a package of the extra ``site`` is missing.
        StoreError: predictions cannot be read, or the folder cannot be written.
    """
    folder = store.root / "site"
    texts = libraries.texts() | _assets() | {"index.html": page.html(store, tables)}
    for name, text in texts.items():
        write_whole(folder / name, text.encode())
    return [folder / "index.html"]


def _assets() -> dict[str, str]:
    folder = resources(__package__) / "assets"
    return {name: folder.joinpath(name).read_text(encoding="utf-8") for name in ("page.css", *page.SCRIPTS)}
