"""Series to forecast that were downloaded: text packed by gzip, a member of a zip archive, and plain."""

from __future__ import annotations

import gzip
import io
import os
import zipfile
from functools import partial
from pathlib import Path
from random import Random
from unittest.mock import patch

from sysid_tbptt.data import cache
from sysid_tbptt.data.forecasting import Raw, column_of, lstnet, uci_electricity
from tests.fuzz.mutations import csv_cells, plain

__all__ = ["MENDED", "fuzz", "mutate", "seeds"]

MENDED = {
    "encrypted or packed otherwise: RuntimeError, NotImplementedError": "reading",
    "gzip and zip bombs: memory": "reading",
}
"""Holes that were found here, by fuzzing or by reading the code; see `test_findings`."""

MEMBER = "LD2011_2014.txt"


def _raw(file: str, candidates: object, variances: dict[int, float] | None = None) -> Raw:
    return Raw("made", "paper", file, "none", None, candidates, (4, 2, 2), 1.0, "-", "", "", "", variances)  # type: ignore[arg-type]


RAWS = {
    b"0": _raw("a.txt.gz", partial(lstnet, 1)),
    b"1": _raw("b.zip", partial(uci_electricity, 0), {4: 1.0, 6: 2.0}),
    b"2": _raw("c.csv", partial(column_of, "OT")),
    b"3": _raw("d.txt.gz", partial(column_of, 1), {4: 1.0}),
}


def seeds() -> list[bytes]:
    numbers = "\n".join(f"{k}.5,{k * k % 5}" for k in range(12))
    quarters = '"";"MT_000";"MT_001"\n' + "\n".join(f'"2011-01-01 00:{k}";{k},5;1' for k in range(40))
    named = "date,OT\n" + "\n".join(f"2016-07-01 {k}:00:00,{k / 3}" for k in range(12))
    return [_packed(*one) for one in ((b"0", numbers), (b"1", quarters), (b"2", named), (b"3", numbers))]


def _packed(kind: bytes, text: str | bytes) -> bytes:
    content = text.encode() if isinstance(text, str) else text
    if kind in b"03":
        return kind + gzip.compress(content, mtime=0)
    if kind == b"1":
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(zipfile.ZipInfo(MEMBER), content)
        return kind + buffer.getvalue()
    return kind + content


def _unpacked(kind: bytes, content: bytes) -> bytes:
    if kind in b"03":
        return gzip.decompress(content)
    if kind == b"1":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return archive.read(MEMBER)
    return content


def mutate(data: bytes, random: Random) -> bytes:
    """The text within changed and packed again, or the packed bytes changed."""
    kind, content = data[:1], data[1:]
    if random.random() < 0.6:
        return _packed(kind, csv_cells(_unpacked(kind, content), random))
    return kind + plain(content, random)


def fuzz(data: bytes, folder: Path) -> None:
    raw = RAWS.get(data[:1], RAWS[b"2"])
    place = folder / "forecasting"
    place.mkdir(exist_ok=True)
    (place / raw.file).write_bytes(data[1:])
    with patch.dict(os.environ, {cache.ENVIRONMENT: str(folder)}):
        found = raw.load("paper")
    assert len(found.test[0]) == 8
