"""``sysid-tbptt datasets``."""

from __future__ import annotations

import argparse
import json
from typing import Any

from .printing import OK, print_table


def add(commands: Any) -> None:
    command = commands.add_parser("datasets", help="what data sets there are, and which are at hand")
    command.add_argument("--json", action="store_true", help="print JSON, one object a data set and adapter")
    command.set_defaults(command=_datasets)


def _datasets(options: argparse.Namespace) -> int:
    from ..registry import sources

    fields = ("name", "splits", "size", "origin", "licence", "citation")
    rows = [{"state": source.state(), **{name: getattr(source, name) for name in fields}} for source in sources()]
    if options.json:
        print(json.dumps(rows, indent=1, ensure_ascii=False))
        return OK
    shown = [(row["name"], ", ".join(row["splits"]), row["state"], row["size"], row["origin"]) for row in rows]
    print_table(("data set", "splits", "state", "size", "source"), shown)
    print()
    for line in dict.fromkeys(f"{row['name']}: {row['citation']} (licence: {row['licence']})" for row in rows):
        print(line)
    return OK
