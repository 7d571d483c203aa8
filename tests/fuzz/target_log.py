"""The TOML description of a log, whose file may be named otherwise."""

from __future__ import annotations

from pathlib import Path

from sysid_tbptt.data.files import from_description, stamp
from tests.fuzz.mutations import toml_lines as mutate
from tests.fuzz.target_csv import seeds as logs

__all__ = ["MENDED", "fuzz", "mutate", "seeds"]

MENDED = {
    "a number of 5000 digits, also in hexadecimal: ValueError": "reading",
    "lists within lists: RecursionError": "reading",
    "a description or log whose name no file can have: ValueError, OSError": "reading",
}
"""Holes that were found here, by fuzzing or by reading the code; see `test_findings`."""

FULL = """file = "log.csv"
inputs = ["u"]
outputs = ["y"]
dt = 0.1
split = [0.5, 0.25, 0.25]
units_u = ["V"]
units_y = ["m"]
n_init = 1
name = "tank"
"""


def seeds() -> list[bytes]:
    by_ends = (
        FULL.replace("[0.5, 0.25, 0.25]", "[6, 9, 12]").replace('["u"]', '["u", "y"]').replace('units_u = ["V"]\n', "")
    )
    return [FULL.encode(), by_ends.encode()]


def fuzz(data: bytes, folder: Path) -> None:
    log = folder / "log.csv"
    if not log.exists():
        log.write_bytes(logs()[0])
    path = folder / "log.toml"
    path.write_bytes(data)
    stamp(path)
    found = from_description(path)
    assert found.name
    assert len(found.train[0]) > found.n_init
