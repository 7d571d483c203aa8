"""A suite: the TOML file that says what to run.

    name = "my-study"
    description = "what it is for"

    [defaults]                     # fields of RunConfig for every group
    model = "lstm"
    batch_size = 100

    [[groups]]                     # one value, or a list: every combination is a run
    dataset = ["silverbox", "wiener_hammerstein"]
    split = "paper"
    learning_rate = 1e-4
    epochs = 400                   # or steps
    seq_len = 100                  # or "full": the whole training record, full BPTT
    burn_in = { linspace = [0, 99, 20] }

``linspace = [a, b, n]`` stands for the n integers round(a + i (b - a) / (n - 1)).
"""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from . import limits
from .config import RunConfig
from .errors import ConfigError, abridged, complaints, near, shown
from .text import utf8

SELECTING = (
    "dataset",
    "split",
    "horizon",
    "model",
    "hidden_size",
    "num_layers",
    "seq_len",
    "burn_in",
    "init_mode",
    "optimiser",
    "batch_size",
)
"""Filters on these fields choose among a suite's runs; any other field replaces the suite's value."""

FIELDS = tuple(name for name in RunConfig.model_fields if name != "suite")


class _File(BaseModel):
    """The suite's file as written."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", description="letters, digits, - and _")
    description: str = ""
    defaults: dict[str, Any] = Field(default={}, description="a table of fields of a run")
    groups: list[dict[str, Any]] = Field(min_length=1, description="one table [[groups]] or more")


@dataclass(frozen=True)
class Group:
    """One group of a suite: the values each field takes; ``where`` names file and group in errors."""

    where: str
    values: dict[str, list[Any]]

    def combinations(self) -> Iterator[dict[str, Any]]:
        """Every combination of the values: one setting of the fields each."""
        for combination in itertools.product(*self.values.values()):
            yield dict(zip(self.values, combination, strict=True))


@dataclass(frozen=True)
class Suite:
    """A suite as read from its file; `sysid_tbptt.runs.expand` turns it into runs."""

    name: str
    description: str
    groups: tuple[Group, ...]

    @classmethod
    def load(cls, path: str | Path) -> Suite:
        """Reads and checks a suite's file.

        Raises:
            ConfigError: the file is missing, is not TOML, or has an unknown or missing key; the message names
                file, group and key.
        """
        path = Path(path)
        try:
            file = _File.model_validate(_parse(path))
        except ValidationError as error:
            raise ConfigError(f"{path}: {complaints(error, _File)}") from error
        groups = (
            _group({**file.defaults, **group}, f"{path}, group {number}")
            for number, group in enumerate(file.groups, start=1)
        )
        return cls(file.name, file.description, tuple(groups))


def check_field(name: str, where: str) -> None:
    """Raises ConfigError, with the nearest known names, where ``name`` is no field of a run."""
    if name not in FIELDS:
        raise ConfigError(f"{where}: unknown key '{abridged(name)}'; {near(name, FIELDS)}")


def _parse(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(utf8(limits.read_bytes(path, limits.TOML_BYTES, ConfigError), path, ConfigError).decode())
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: no such suite file; the project's own are under benchmarks/suites/") from error
    except (OSError, ValueError, RecursionError) as error:  # ValueError: not TOML, or a number of 5000 digits
        raise ConfigError(f"{path}: cannot be read as TOML: {abridged(str(error))}") from error


def _group(fields: dict[str, Any], where: str) -> Group:
    for name in fields:
        check_field(name, where)
    if ("steps" in fields) == ("epochs" in fields):
        raise ConfigError(f"{where}: give the budget as either 'steps' or 'epochs', not both and not neither")
    values = {name: list(_values(name, value, where)) for name, value in fields.items()}
    runs = prod(map(len, values.values()))
    if runs > limits.RUNS_A_GROUP:
        raise ConfigError(f"{where}: {shown(runs)} runs where at most {limits.RUNS_A_GROUP} are taken; split the group")
    return Group(where, values)


def _values(name: str, value: Any, where: str) -> Iterator[Any]:
    if isinstance(value, list):
        if not value:
            raise ConfigError(f"{where}: key '{name}': an empty list leaves no run; give at least one value")
        for item in value:
            yield from _values(name, item, where)
    elif isinstance(value, dict):
        yield from _linspace(name, value, where)
    else:
        yield value


def _linspace(name: str, table: dict[str, Any], where: str) -> list[int]:
    match table:
        case {"linspace": [int(a), int(b), int(n)]} if 2 <= n <= limits.RUNS_A_GROUP and len(table) == 1:
            if max(abs(a), abs(b)) <= limits.WHOLE_NUMBER:
                return [round(a + i * (b - a) / (n - 1)) for i in range(n)]
    raise ConfigError(f"{where}: key '{name}': expected {{ linspace = [first, last, count] }}, got {shown(table)}")
