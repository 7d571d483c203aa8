"""``sysid-tbptt report``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError
from . import tables
from .options import add_results
from .printing import OK

if TYPE_CHECKING:
    from ..report.tables import Placed
    from ..runs.store import Store


def add(commands: Any) -> None:
    command = commands.add_parser(
        "report", help="write the tables, figures and page of a results folder, from its records alone"
    )
    add_results(command)
    command.add_argument("--no-figures", action="store_true", help="leave out the figures")
    command.add_argument("--no-site", action="store_true", help="leave out the page")
    command.set_defaults(command=_report)


def _report(options: argparse.Namespace) -> int:
    from ..runs.store import Store

    store = Store(options.results)
    made, written = tables.write(store)
    if not written:
        raise ConfigError(
            f"{options.results}: no table can be made yet: it takes a run that ended well, of forecasts one of stage "
            "one (a split without -retrain); `sysid-tbptt run` makes them"
        )
    print(f"{len(written)} tables in {store.root / 'tables'}", flush=True)
    if not options.no_figures and (figures := _write_figures(store)):
        print(f"{len(figures)} figures in {store.root / 'figures'}", flush=True)
    if not options.no_site:
        for page in _write_site(store, made):
            print(f"page: {page}")
    return OK


def _write_figures(store: Store) -> list[Path]:
    """The figures; none, and a line that says so, where matplotlib is missing."""
    from ..report.plots import missing, write_figures

    if reason := missing():
        print(f"no figures: {reason}", file=sys.stderr)
        return []
    return write_figures(store)


def _write_site(store: Store, made: list[Placed]) -> list[Path]:
    """The page, which links to tables and figures; none, and a line that says so, where a package is missing."""
    from ..report.site import missing, write_site

    if reason := missing():
        print(f"no page: {reason}", file=sys.stderr)
        return []
    return write_site(store, made)
