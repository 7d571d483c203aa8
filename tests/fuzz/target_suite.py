"""Suites: reading one gives a bounded number of runs, and imports no model that it names."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from pydantic import ValidationError

from sysid_tbptt import limits
from sysid_tbptt.config import RunConfig
from sysid_tbptt.errors import ConfigError, complaints
from sysid_tbptt.suite import Suite
from tests.fuzz.mutations import toml_lines as mutate
from tests.fuzz.sandbox import CANARY

__all__ = ["MENDED", "fuzz", "mutate", "seeds"]

MENDED = {
    "a TOML error that repeats a long key: a message of its length": "fuzzing",
    "a number of 5000 digits: ValueError; in hexadecimal: ValueError in the message": "reading",
    "lists within lists: RecursionError": "reading",
    "linspace with a count of any size, or bounds beyond float64: memory, OverflowError": "reading",
    "lists whose combinations have no end": "reading",
    "a name that no file can have: ValueError": "reading",
}
"""Holes that were found here, by fuzzing or by reading the code; see `test_findings`."""

SUITES = Path(__file__).parents[2] / "benchmarks" / "suites"


def seeds() -> list[bytes]:
    plug_in = f'name = "a"\n[[groups]]\ndataset = "sim_linear"\nmodel = "{CANARY}:build"\nsteps = 1\nseq_len = 3\n'
    return [
        plug_in.encode(),
        *((SUITES / f"{name}.toml").read_bytes() for name in ("demo", "paper-synthetic")),
    ]


def fuzz(data: bytes, folder: Path) -> None:
    path = folder / "suite.toml"
    path.write_bytes(data)
    suite = Suite.load(path)
    for group in suite.groups:
        for fields in islice(group.combinations(), 3):
            _settings(fields | {"suite": suite.name})
        assert sum(map(len, group.values.values())) <= len(data) * limits.RUNS_A_GROUP


def _settings(fields: dict[str, object]) -> None:
    """As `expand` does, the data set apart."""
    fields = fields | ({"seq_len": 300} if fields.get("seq_len") == "full" else {})
    try:
        RunConfig.model_validate(fields | {"steps": fields.get("steps", 1), "split": "x"}, strict=True).run_id("r")
    except ValidationError as error:
        raise ConfigError(complaints(error, RunConfig)) from error
