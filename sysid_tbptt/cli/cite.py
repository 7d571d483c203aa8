"""``sysid-tbptt cite``."""

from __future__ import annotations

import argparse
from typing import Any

from ..errors import ConfigError, near
from .options import add_results
from .printing import OK


def add(commands: Any) -> None:
    command = commands.add_parser("cite", help="print BibTeX of all that the tables rest on")
    command.add_argument("--suite", help="of one suite's tables (default: all)")
    command.add_argument("--dataset", help="of one data set's tables (default: all)")
    add_results(command)
    command.set_defaults(command=_cite)


def _cite(options: argparse.Namespace) -> int:
    from ..report.citations import bibtex
    from ..runs.store import Store

    records = Store(options.results).records()
    if not records:
        raise ConfigError(f"{options.results}: no record to cite for; `sysid-tbptt run` makes them")
    for field in ("suite", "dataset"):
        wanted, there = getattr(options, field), sorted({getattr(record.config, field) for record in records})
        if wanted is not None:
            records = [record for record in records if getattr(record.config, field) == wanted]
            if not records:
                raise ConfigError(f"{options.results}: no record of {field} '{wanted}'; {near(wanted, there)}")
    print(bibtex(records), end="")
    return OK
