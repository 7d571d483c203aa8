"""``sysid-tbptt verify``."""

from __future__ import annotations

import argparse
from typing import Any

from .printing import OK, SOME_FAILED, tell_findings


def add(commands: Any) -> None:
    command = commands.add_parser("verify", help="check every record and file of a results folder")
    command.add_argument("results", nargs="?", default="results", metavar="RESULTS", help="folder (default: results)")
    command.add_argument(
        "--fix",
        action="store_true",
        help="set what is bad aside, into <file>.damaged, and move what lies in the wrong file; nothing is deleted",
    )
    command.set_defaults(command=_verify)


def _verify(options: argparse.Namespace) -> int:
    from ..runs.verification import verify

    found = verify(options.results, fix=options.fix)
    tell_findings(found.mended)
    tell_findings(found.faults)
    tell_findings([finding for finding in found.findings if finding.warning])
    counted = f"{len(found.mended)} mended, " if options.fix else ""
    counted += f"{len(found.faults)} faults, {len(found.findings) - len(found.faults)} warnings"
    print(
        f"{found.records} records and {found.files} other files in {options.results}: {counted}; "
        f"{found.recomputed} scored anew from their predictions"
    )
    if found.unseen:
        print(f"data not at hand, so that only the records were looked at: {', '.join(sorted(found.unseen))}")
    return SOME_FAILED if found.faults else OK
