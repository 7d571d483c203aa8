"""``sysid-tbptt reproduce``."""

from __future__ import annotations

import argparse
import json
from math import isfinite
from typing import TYPE_CHECKING, Any

from ..config import ENGINES
from .options import add_results
from .printing import OK, SHOWN, SOME_FAILED, print_table, printable

if TYPE_CHECKING:
    from ..runs.reproduction import Reproduction


def add(commands: Any) -> None:
    command = commands.add_parser(
        "reproduce", help="do a recorded run again, and tell whether it gives the same numbers to the bit"
    )
    command.add_argument("run_id", metavar="RUN_ID", help="run_id of a record, or how no other begins")
    add_results(command)
    command.add_argument(
        "--engine", choices=ENGINES, help="what trains; numbers are the same up to rounding (default: as recorded)"
    )
    command.add_argument(
        "--model", metavar="MODULE:CALLABLE", help="the run's own model, where it is code that you trust to be run"
    )
    command.add_argument(
        "--rtol", type=float, metavar="R", help="relative difference that is within tolerance (default: 0.001)"
    )
    command.add_argument("--json", action="store_true", help="print JSON")
    command.set_defaults(command=_reproduce)


def _reproduce(options: argparse.Namespace) -> int:
    from ..runs.reproduction import RTOL, reproduce

    rtol = RTOL if options.rtol is None else options.rtol
    found = reproduce(options.run_id, options.results, engine=options.engine, rtol=rtol, model=options.model)
    if options.json:
        print(json.dumps(_answer(found), indent=1, ensure_ascii=False))
    else:
        _print(found)
    return OK if found.reproduced else SOME_FAILED


def _answer(found: Reproduction) -> dict[str, Any]:
    from ..runs.record import finite

    recorded, again = (
        {name: getattr(record, name) for name in ("engine", "status", "reason", "ended")}
        | {"train_s": record.time.train_s}
        for record in (found.recorded, found.again)
    )
    answer = {
        "run_id": found.recorded.run_id,
        "config": found.recorded.config.model_dump(),
        "verdict": found.verdict,
        "compared": found.agreement.compared,
        "with_weights": found.with_weights,
        "rtol": found.rtol,
        "largest": found.agreement.largest,
        "largest_score": found.agreement.largest_score,
        "recorded": recorded,
        "again": again,
        "environment": [vars(change) for change in found.environment],
        "differences": [vars(difference) for difference in found.agreement.differences],
    }
    told: dict[str, Any] = finite(answer)
    return told


def _print(found: Reproduction) -> None:
    from ..runs.progress import duration, label

    recorded, again = found.recorded, found.again
    print(printable(f"run {recorded.run_id}: {label(recorded)}, suite {recorded.config.suite}"))
    for name, record in (("recorded", recorded), ("again", again)):
        status = " ".join(filter(None, (record.status, record.ended and f"({record.ended})")))
        print(f"{name:9} {status}, {duration(record.time.train_s)} of training on engine {record.engine}")
    if found.environment:
        print()
        rows = [(one.name, _told(one.recorded), _told(one.here)) for one in found.environment]
        print_table(("environment", "recorded", "here"), rows)
    if found.agreement.differences:
        print()
        _print_differences(found)
    print(f"\n{found.verdict}: {_reasons(found)}")


def _print_differences(found: Reproduction) -> None:
    differences = found.agreement.differences
    rows = [(one.name, _told(one.recorded), _told(one.again), f"{one.relative:.2g}") for one in differences[:SHOWN]]
    print_table(("differs", "recorded", "again", "relative"), rows)
    if len(differences) > SHOWN:
        print(f"... and {len(differences) - SHOWN} more")


def _told(value: Any) -> Any:
    return "not told" if value is None else value


def _reasons(found: Reproduction) -> str:
    compared, differences = found.agreement.compared, found.agreement.differences
    weights = "weights among them" if found.with_weights else "no weights are kept to compare"
    if not differences:
        return f"all {compared} values are the same ({weights})"
    largest, of_scores = _share(found.agreement.largest), _share(found.agreement.largest_score)
    said = f"{len(differences)} of {compared} differ ({weights}), by up to {largest}, the scores by up to {of_scores}"
    said += f"; the tolerance is {found.rtol:g}"
    if found.recorded.engine != found.again.engine:
        said += "; another engine gives the same numbers up to rounding only, which training amplifies"
    return said


def _share(relative: float) -> str:
    return f"{relative:.2g} of their size" if isfinite(relative) else "more than a number can be (words, counts)"
