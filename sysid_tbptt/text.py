"""Text of a file from outside, which must be UTF-8; many programs still write something else."""

from __future__ import annotations

import codecs
from pathlib import Path

from .errors import SysidError

_OTHERS = {
    b"PK\x03\x04": "an Excel workbook or another zip archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook or another Office file",
    b"\x1f\x8b": "a gzip archive",
    b"PAR1": "a Parquet file, which needs the suffix .parquet",
    b"\x89HDF": "an HDF5 file",
    b"MATLAB 5.0 MAT-file": "a MATLAB file",
}
"""Files that are not text, by their first bytes."""


def utf8(content: bytes, path: Path, error: type[SysidError]) -> bytes:
    """The content of a text file without its byte order mark, if it is UTF-8.

    Raises:
        SysidError: of the type ``error``, where it is not text, or has another encoding.
    """
    for first, kind in _OTHERS.items():
        if content.startswith(first):
            raise error(f"{path}: not a text file but {kind}; export its content as text in UTF-8")
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise error(f"{path}: encoded as UTF-16 ('Unicode' in Notepad, 'Unicode text' in Excel); save it as UTF-8")
    if b"\0" in content:
        line = line_at(content, content.index(b"\0"))
        raise error(f"{path}: line {line} holds a zero byte: not a text file, or encoded as UTF-16; save it as UTF-8")
    try:
        content.decode()
    except UnicodeDecodeError as wrong:
        line, byte = line_at(content, wrong.start), content[wrong.start]
        raise error(
            f"{path}: line {line} holds the byte 0x{byte:02x}, which is not UTF-8 but of another encoding such as "
            "Latin-1; save the file as UTF-8"
        ) from wrong
    return content.removeprefix(codecs.BOM_UTF8)


def line_at(content: bytes, place: int) -> int:
    """The number, from 1, of the line that the byte at ``place`` is in."""
    before = content[:place]
    return 1 + before.count(b"\n") + before.replace(b"\r\n", b"").count(b"\r")
