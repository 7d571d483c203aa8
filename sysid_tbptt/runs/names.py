"""Names as file names: a user's own log is named by its path, a plug-in by ``module:callable``."""

from __future__ import annotations

import hashlib
import re
import unicodedata

from .. import limits

_DIGITS = 16
"""Hexadecimal digits of the hash in a file name."""

_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
"""Names of devices, which Windows does not give to a file, whatever the suffix."""

_HASHED = re.compile(rf".*-[0-9a-f]{{{_DIGITS}}}")


def file_name(*names: str) -> str:
    """The names, joined by ``-``, as one file name; different names have different file names on every file system.

    Letters and digits of every script are kept, and so are ``.``, ``_`` and ``-``. A hash of the names is added where
    a character was replaced, and where the result is ambiguous: on a file system that ignores case or Unicode
    normalization, on one that cannot store the name, or because a ``-`` may be part of a name or join two.
    The result depends only on these names, and not on which other names exist.
    """
    whole = "-".join(names)
    plain = "".join(character if _is_kept(character) else "_" for character in whole).strip("._") or "_"
    if plain == whole and _is_unmistakable(whole) and not any("-" in name for name in names[1:]):
        return whole
    kept = plain.encode()[: limits.FILE_NAME - _DIGITS - 1].decode(errors="ignore")
    prefix = "_" if _RESERVED.fullmatch(kept) else ""
    return f"{prefix}{kept}-{_hash(names)}"


def _is_kept(character: str) -> bool:
    return character in "._-" or unicodedata.category(character)[0] in "LMN"


def _is_unmistakable(name: str) -> bool:
    """Whether every file system can store the name, and none takes it for another one."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    fits = len(name.encode()) <= limits.FILE_NAME
    return folded == name and fits and not _RESERVED.fullmatch(name) and not _HASHED.fullmatch(name)


def _hash(names: tuple[str, ...]) -> str:
    return hashlib.sha256("\0".join(names).encode(errors="surrogatepass")).hexdigest()[:_DIGITS]
