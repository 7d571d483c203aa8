"""Parquet: a user's own log, and outputs of the test sets."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd

from tests.fuzz.mutations import plain as mutate
from tests.fuzz.target_csv import read_table

__all__ = ["MENDED", "fuzz", "mutate", "seeds"]

MENDED = {
    "text that is no UTF-8: UnicodeDecodeError": "fuzzing",
    "rows that a few bytes claim: memory": "reading",
}
"""Holes that were found here, by fuzzing or by reading the code; see `test_findings`."""


def seeds() -> list[bytes]:
    k = np.arange(12)
    log = pd.DataFrame({"u": k % 3 + 0.5, "y": k * k / 7.0, "note": ["a"] * 12})
    outputs = pd.DataFrame({"test_set": ["a", "b"] * 4, "y_hat_0": k[:8] / 3, "y_hat_1": -k[:8]})
    packings = (("snappy", True), ("none", False), ("gzip", True), ("zstd", True))
    return [_parquet(table, *packing) for table in (log, outputs) for packing in packings]


def _parquet(table: pd.DataFrame, compression: str, dictionary: bool) -> bytes:
    buffer = io.BytesIO()
    table.to_parquet(buffer, engine="pyarrow", compression=compression, use_dictionary=dictionary)  # type: ignore[call-overload]
    return buffer.getvalue()


def fuzz(data: bytes, folder: Path) -> None:
    path = folder / "x.parquet"
    path.write_bytes(data)
    read_table(path)
