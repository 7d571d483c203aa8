"""Where a number comes from: code, versions, data, machine, command, time."""

from __future__ import annotations

import platform
import shlex
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ..config import algorithm_version
from ..data.series import Dataset

PACKAGES = ("sysid-tbptt", "torch", "numpy", "numba", "nonlinear-benchmarks")
_PACKAGE = Path(__file__).resolve().parents[1]


def provenance(model: str, data: Dataset, command: str) -> dict[str, Any]:
    """Where the record of a run of ``model`` (its name) on ``data`` comes from, apart from its config."""
    return {
        "versions": versions(),
        "algorithm": algorithm_version(model),
        "git": git(),
        "data": {
            "protocol": data.protocol,
            "revision": data.revision,
            "sha256": dict(data.sha256),
            "n_init": data.test[0].n_init,
        },
        "device": device(),
        "system": f"{platform.system()} {platform.machine()}",
        "threads": 1,
        "command": command,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
    }


@dataclass(frozen=True)
class Change:
    """Something of the provenance that is not the same in two places; None where it is not told."""

    name: str
    recorded: Any
    here: Any


def changes(recorded: Mapping[str, Any], here: Mapping[str, Any]) -> list[Change]:
    """Where two provenances differ, the time apart, in the order of the second."""
    before, now = dict(_flat(recorded)), dict(_flat(here))
    names = (name for name in now | before if name != "time")
    return [Change(name, before.get(name), now.get(name)) for name in names if before.get(name) != now.get(name)]


def _flat(told: Mapping[str, Any], of: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in told.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{of}{name}.")
        elif value is not None:
            yield f"{of}{name}", value


def typed() -> str:
    """The command line, as one would type it here again."""
    return _joined(sys.argv[1:])


def command() -> str:
    """The command line, as one would type it elsewhere: program and absolute paths by their names alone."""
    return _joined(map(_by_name, sys.argv[1:]))


def _joined(arguments: Iterable[str]) -> str:
    return shlex.join([Path(sys.argv[0]).name or "python", *arguments])


def _by_name(argument: str) -> str:
    return Path(argument).name if Path(argument).is_absolute() else argument


@cache
def versions() -> dict[str, str]:
    """Versions of Python and of the packages that numbers depend on."""
    return {"python": platform.python_version()} | {name: _version(name) for name in PACKAGES}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"


@cache
def device() -> str:
    """The processor: its name, and where they are known family and model, since generations of other speed share it."""
    try:
        described = Path("/proc/cpuinfo").read_text()
    except OSError:
        described = ""
    return processor(described) or platform.processor() or platform.machine()


def processor(described: str) -> str | None:
    """The first processor of a /proc/cpuinfo; None where it has no name."""
    pairs = [line.partition(":") for line in described.partition("\n\n")[0].splitlines()]
    found = {name.strip(): value.strip() for name, _, value in pairs}
    name, kind = found.get("model name"), (found.get("cpu family"), found.get("model"))
    if not name or None in kind:
        return name
    return "{} (family {}, model {})".format(name, *kind)


@cache
def git() -> dict[str, Any] | None:
    """Commit of the checkout that the package runs from, and whether the package was changed since; None elsewhere."""
    if _git("ls-files", "--error-unmatch", "config.py") is None:
        return None
    return {
        "commit": (_git("rev-parse", "HEAD") or "").strip(),
        "dirty": bool(_git("status", "--porcelain", "--", ".")),
    }


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", *arguments], cwd=_PACKAGE, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout
