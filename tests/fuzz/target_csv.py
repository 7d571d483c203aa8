"""CSV: a user's own log, and outputs of the test sets."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sysid_tbptt.data.files import from_file
from sysid_tbptt.errors import DataError
from sysid_tbptt.runs.outputs_file import read_outputs
from tests.fuzz.mutations import csv_cells as mutate

__all__ = ["MENDED", "fuzz", "mutate", "seeds"]

MENDED = {
    "a whole number of 400 digits among numbers: OverflowError": "fuzzing",
    "a file of any size was read; a cell of any length was shown": "reading",
}
"""Holes that were found here, by fuzzing or by reading the code; see `test_findings`."""


def seeds() -> list[bytes]:
    log = "u,y,note\n" + "\n".join(f"{k % 3}.5,{k * k / 7},a" for k in range(12)) + "\n"
    outputs = "test_set,y_hat_0,y_hat_1\n" + "\n".join(f"{'ab'[k % 2]},{k / 3},{-k}" for k in range(8)) + "\n"
    return [
        log.encode(),
        outputs.encode(),
        b'"u","y"\r\n1,2\r\n3,4\r\n5,7\r\n1,0\r\n2,2\r\n3,1\r\n0,3\r\n1,2\r\n',
    ]


def fuzz(data: bytes, folder: Path) -> None:
    path = folder / "x.csv"
    path.write_bytes(data)
    read_table(path)


def read_table(path: Path) -> None:
    """Reads a table as a log, or else as outputs, whatever its format."""
    try:
        log = from_file(path, inputs=["u"], outputs=["y"], dt=0.1, split=(0.5, 0.25, 0.25))
    except DataError:
        outputs = read_outputs(path, 2)
        assert all(values.shape[1] == 2 and np.isfinite(values).all() for values in outputs.values())
    else:
        parts = (*log.train, *log.val, *log.test)
        assert all(np.isfinite(part.u).all() and np.isfinite(part.y).all() for part in parts)
        log.scaler.scale(log.train[0])
