"""``sysid-tbptt status``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..errors import StoreError
from .options import add_results
from .printing import OK, print_table, tell_damages

STATUSES = ("ok", "diverged", "failed")


def add(commands: Any) -> None:
    command = commands.add_parser("status", help="what is in a results folder")
    add_results(command)
    command.set_defaults(command=_status)


def _status(options: argparse.Namespace) -> int:
    from ..runs.store import Store

    if not Path(options.results).is_dir():
        raise StoreError(f"{options.results}: no such results folder; name one by --results")
    store = Store(options.results)
    counts: dict[tuple[str, ...], dict[str, int]] = {}
    for record in [line.record for line in store.lines()]:
        config = record.config
        count = counts.setdefault((config.suite, config.dataset, record.method, str(config.seq_len)), {})
        count[record.status] = count.get(record.status, 0) + 1
    rows = [(*key, *(count.get(status, 0) for status in STATUSES)) for key, count in counts.items()]
    print_table(("suite", "data set", "model", "N", *STATUSES), rows)
    under_way = len(list(store.checkpoint("x").parent.glob("*.safetensors")))
    print(f"{len(store.lines())} records in {store.root}; {under_way} runs under way or stopped")
    tell_damages(store)
    return OK
