"""The errors a user can meet: each says what is wrong, where, and what to do."""

from __future__ import annotations

import difflib
import reprlib
import traceback
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from pydantic import BaseModel, ValidationError


class SysidError(Exception):
    """Base of every error raised on purpose: bad input or a missing resource, never a bug."""


class ConfigError(SysidError):
    """A suite, a filter or a run's settings cannot be used."""


class DataError(SysidError):
    """A data set cannot be had, or what was read is not what it should be."""


class ModelError(SysidError):
    """A model is unknown, or its weights or outputs have the wrong shape."""


class EngineError(SysidError):
    """An engine was asked for by name and cannot take the run."""


class StoreError(SysidError):
    """The results folder cannot be read or written."""


def one_line(error: BaseException) -> str:
    """An error of somebody else's code: its type, and what it says, in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def traced(error: Exception) -> str:
    """An error of somebody else's code in one line, with the place in the code where it was raised."""
    return f"{one_line(error)} ({frames(error)[-1]})"


def frames(error: Exception) -> list[str]:
    """The places in the code that an error came through, outermost first."""
    places = traceback.extract_tb(error.__traceback__)
    return [f"in {place.name}, {Path(place.filename).name} line {place.lineno}" for place in places]


_COMPLAINTS = 5
"""Keys that are complained of at once; the rest come to light when these are mended."""

_LETTERS, _ITEMS, _LEVELS, _BITS = 200, 20, 3, 128
"""What is shown of a wrong value: letters of a text, items of a list or table, lists within lists, and bits of a whole
number."""
_IN_ALL = 1000
"""Letters that are shown of a value: a list of lists has many items, and one of YAML names itself again and again."""


class _Shown(reprlib.Repr):
    """Python refuses to print a whole number of more than 4300 digits."""

    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = self.maxlong = _LETTERS
        self.maxlist = self.maxtuple = self.maxdict = _ITEMS
        self.maxlevel = _LEVELS

    def repr_int(self, x: int, level: int) -> str:
        return super().repr_int(x, level) if x.bit_length() <= _BITS else f"a number of {x.bit_length()} bits"


def shown(value: object) -> str:
    """A wrong value in a message: as Python writes it, but never long, and for whatever a file may hold."""
    return abridged(_Shown().repr(value), _IN_ALL)


def abridged(name: str, most: int = _LETTERS) -> str:
    """A name in a message: never long."""
    return name if len(name) <= most else f"{name[:most]}..."


def listed(names: Iterable[str]) -> str:
    """Names in a message, the first of many."""
    first = list(islice(names, _ITEMS + 1))
    return ", ".join([*map(abridged, first[:_ITEMS]), *(["..."] if len(first) > _ITEMS else [])])


def near(name: str, known: Iterable[str]) -> str:
    """What to write instead of an unknown name."""
    known = list(known)
    close = difflib.get_close_matches(name[:_LETTERS], known, n=1)
    hint = f"did you mean '{close[0]}'? " if close else ""
    return f"{hint}choose one of {', '.join(known)}"


def complaints(error: ValidationError, model: type[BaseModel]) -> str:
    """What pydantic found wrong with the fields of a model, in one line: a complaint a key, each with its remedy."""
    said: dict[str, str] = {}
    for found in islice(error.errors(include_url=False), 100 * _COMPLAINTS):
        key = ".".join(str(part) for part in found["loc"] if part not in ("float", "int"))  # branches of a union
        said.setdefault(str(found["loc"][0]) if found["loc"] else "", _complaint(key, found, model))
    return "; ".join(islice(said.values(), _COMPLAINTS))


def _complaint(key: str, found: object, model: type[BaseModel]) -> str:
    details: dict[str, object] = dict(found)  # type: ignore[call-overload]
    field = model.model_fields.get(key.partition(".")[0])
    about = f" ({field.description})" if field and field.description else ""
    message = str(details["msg"]).removeprefix("Value error, ").replace("tuple", "list")
    if details["type"] == "value_error":
        return message
    if details["type"] == "extra_forbidden":
        known = [field.alias or name for name, field in model.model_fields.items()]
        return f"unknown key '{abridged(key)}'; {near(key, known)}"
    if details["type"] == "missing":
        return f"key '{key}'{about} is missing; add it"
    wrong = shown(details["input"])
    return f"key '{abridged(key)}'{about}: {message[0].lower()}{message[1:]}, and not {wrong}; correct it"
