"""Options that several commands share."""

from __future__ import annotations

import argparse
import types
from collections.abc import Callable, Sequence
from contextlib import suppress
from math import inf
from typing import Any, Literal, Union, get_args, get_origin

from ..config import RunConfig
from ..suite import SELECTING

FILTERS = {name: field for name, field in RunConfig.model_fields.items() if name != "suite"}


def add_results(command: argparse.ArgumentParser) -> None:
    command.add_argument("--results", default="results", metavar="FOLDER", help="results folder (default: results)")


def add_filters(command: argparse.ArgumentParser, *, but: Sequence[str] = ()) -> None:
    """One option a field of a run, ``but`` for some; several values are allowed."""
    group = command.add_argument_group(
        "filters",
        f"these choose among the runs: {', '.join(name for name in SELECTING if name not in but)}; others replace",
    )
    for name, field in FILTERS.items():
        if name in but:
            continue
        group.add_argument(
            "--" + name.replace("_", "-"),
            nargs="+",
            type=_reader(field.annotation),
            help=field.description,
            metavar="X",
        )


def _reader(annotation: Any) -> Any:
    """What turns an option's text into the field's type."""
    if get_origin(annotation) in (Union, types.UnionType):
        kind = next(part for part in get_args(annotation) if part is not type(None))
        return _or_none(kind)
    return str if get_origin(annotation) is Literal else annotation


def _or_none(kind: type) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        return None if text == "none" else kind(text)

    read.__name__ = f"{kind.__name__} or none"  # argparse names it where the text is neither
    return read


def whole(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from 0 on")
    return int(text)


def seconds(text: str) -> float:
    return _from_zero(text, "a number of seconds")


def positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a positive whole number")
    return int(text)


def price(text: str) -> float:
    return _from_zero(text, "a number")


def _from_zero(text: str, kind: str) -> float:
    with suppress(ValueError):
        if 0 <= float(text) < inf:
            return float(text)
    raise argparse.ArgumentTypeError(f"'{text}' is not {kind} from 0 on")
