"""Archives of data sets, unpacked by the package that downloads them: no file outside the folder."""

from __future__ import annotations

import io
import shutil
import zipfile
from pathlib import Path
from random import Random

from sysid_tbptt.data.package import RawSet, reading
from sysid_tbptt.data.unpacked import checked_archives
from tests.fuzz.mutations import plain

__all__ = ["MENDED", "fuzz", "mutate", "seeds"]

MENDED = {
    "archives of any unpacked size, and of names that lead out, went to the package's own unpacking": "reading",
    "links in a rar archive were made": "reading",
}
"""Holes that were found here, by fuzzing or by reading the code; see `test_findings`."""

SET = RawSet("none:none", "Made", "made.zip", ("a.mat",), "nowhere")
NAMES = (
    "a.mat",
    "b/a.mat",
    "../x",
    "/x",
    "..\\x",
    "C:\\x",
    "a/../../x",
    "./a",
    "a/",
    "",
    "x" * 300,
    "é",
    "..",
    "b",
    "\n",
    "a" * 100 + "/" * 50,
)
LINK = 0o120777 << 16


def _archive(*members: tuple[str, bytes, int]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content, mode in members:
            info = zipfile.ZipInfo(name)
            info.external_attr = mode
            archive.writestr(info, content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def seeds() -> list[bytes]:
    return [
        _archive(("a.mat", b"content", 0), ("b/c.txt", b"x" * 300, 0)),
        _archive(("../out", b"content", 0)),
        _archive(("link", b"/etc/passwd", LINK), ("link/x", b"content", 0)),
    ]


def mutate(data: bytes, random: Random) -> bytes:
    """Other names and kinds of members, or other bytes."""
    if random.random() < 0.4:
        return plain(data, random)
    members = [
        (random.choice(NAMES), random.randbytes(random.randrange(40)), random.choice((0, 0, LINK)))
        for _ in range(random.randrange(1, 5))
    ]
    return _archive(*members)


def fuzz(data: bytes, folder: Path) -> None:
    path, into = folder / "made.zip", folder / "into" / "deep"
    path.write_bytes(data)
    shutil.rmtree(folder / "into", ignore_errors=True)
    into.mkdir(parents=True)
    with reading(path, SET), checked_archives(), zipfile.ZipFile(path) as archive:
        archive.extractall(into)
    assert list((folder / "into").iterdir()) == [into], "a file outside"
    assert not [one for one in into.rglob("*") if one.is_symlink()], "a link"
