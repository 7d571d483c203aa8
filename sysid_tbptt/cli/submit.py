"""``sysid-tbptt submit``."""

from __future__ import annotations

import argparse
from typing import Any

from .printing import BAD_INPUT, OK, printable, tell_findings


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
        help="predictions to compute scores anew from (default: predictions/ in the results folder)",
    )
    command.add_argument("--check", action="store_true", help="check only")
    command.set_defaults(command=_submit)


def _submit(options: argparse.Namespace) -> int:
    from ..runs.submission import check, record_files

    checked = check(record_files(options.paths), options.predictions)
    tell_findings(checked.errors)
    tell_findings([finding for finding in checked.findings if finding.warning])
    print(
        f"{len(checked.records)} records in {len(checked.files)} files, {len(checked.errors)} errors; "
        f"{checked.recomputed} scored anew from their predictions"
    )
    if checked.unseen:
        print(f"data not at hand, so that only the records were looked at: {', '.join(sorted(checked.unseen))}")
    if checked.errors:
        return BAD_INPUT
    if not options.check:
        _tell_pull_request(checked)
    return OK


def _tell_pull_request(checked: Any) -> None:
    from ..runs.submission import not_committed, results_folder
    from . import ranking

    files = not_committed(checked.files) or list(checked.files)
    records = [record for file in files for record in checked.files[file]]
    models, datasets = (
        ", ".join(dict.fromkeys(getattr(record.config, name) for record in records)) for name in ("model", "dataset")
    )
    print(f"\nPut into a pull request\n\nTitle: {printable(f'Results of {models} on {datasets}')}\n\nFiles:")
    for file in files:
        print(f"  {file}")
    print("\nText: what the model is, where its code is, how it was trained and chosen; and its rows, marked by >:\n")
    for folder in dict.fromkeys(map(results_folder, files)):
        ranking.show(
            str(folder), [record for file in files if results_folder(file) == folder for record in checked.files[file]]
        )
