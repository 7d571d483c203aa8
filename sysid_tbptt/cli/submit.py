"""``sysid-tbptt submit``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from .printing import BAD_INPUT, OK

SHOWN = 20
"""Findings that are printed; the others are counted."""


def add(commands: Any) -> None:
    command = commands.add_parser("submit", help="check records, and say what to put in a pull request")
    command.add_argument(
        "paths",
        nargs="*",
        default=["results"],
        metavar="RECORDS",
        help="files of records, or a results folder (default: results)",
    )
    command.add_argument(
        "--predictions",
        metavar="FOLDER",
        help="predictions to compute the scores from anew (default: predictions/ in the results folder)",
    )
    command.set_defaults(command=_submit)


def _submit(options: argparse.Namespace) -> int:
    from ..runs.submission import check, record_files

    checked = check(record_files(options.paths), options.predictions)
    errors = checked.errors
    _tell(errors)
    _tell([finding for finding in checked.findings if finding.warning])
    print(
        f"{len(checked.records)} records in {len(checked.files)} files: {len(errors)} errors; the scores of "
        f"{checked.recomputed} recomputed from predictions"
    )
    if checked.unseen:
        print(f"not checked against the data, which are not at hand: {', '.join(sorted(checked.unseen))}")
    if errors:
        return BAD_INPUT
    _tell_pull_request(checked)
    return OK


def _tell(findings: Sequence[Any]) -> None:
    for finding in findings[:SHOWN]:
        print(finding, file=sys.stderr)
    if len(findings) > SHOWN:
        print(f"... and {len(findings) - SHOWN} more", file=sys.stderr)
