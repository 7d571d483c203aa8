"""``sysid-tbptt choose``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..errors import ConfigError
from .options import add_results, positive
from .printing import OK


def add(commands: Any) -> None:
    command = commands.add_parser(
        "choose",
        help="write the suite of the settings that validated best, of each model and optimiser, in another suite",
    )
    command.add_argument("search", metavar="SEARCH", help="name of the suite whose records to choose among")
    command.add_argument(
        "suite",
        metavar="SUITE",
        help="TOML file to write; its stem is the suite's name. An existing file is replaced only if `choose` wrote it "
        "and it was not changed since",
    )
    command.add_argument("--seeds", type=positive, default=10, metavar="K", help="seeds of each setting (default: 10)")
    add_results(command)
    command.set_defaults(command=_choose)


def _choose(options: argparse.Namespace) -> int:
    from ..runs.finals import final_suite
    from ..runs.sealed import write_sealed
    from ..runs.store import Store

    records = [record for record in Store(options.results).records() if record.config.suite == options.search]
    if not records:
        raise ConfigError(
            f"{options.results}: no record of a suite '{options.search}' to choose among; `sysid-tbptt run` makes them"
        )
    path = Path(options.suite)
    write_sealed(path, final_suite(records, search=options.search, name=path.stem, seeds=options.seeds))
    print(f"written: {path}")
    return OK
