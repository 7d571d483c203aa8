"""Text files whose second line, a comment, is the hash of all others: it shows whether a file was changed."""

from __future__ import annotations

import hashlib
from pathlib import Path

from .. import limits
from ..errors import ConfigError
from .atomic import write_whole

_SEAL = "# SHA-256 of all other lines: "


def sealed(text: str) -> str:
    """The text with the hash of its lines as a second line."""
    first, _, rest = text.partition("\n")
    return f"{first}\n{_seal(first, rest)}\n{rest}"


def is_sealed(text: str) -> bool:
    """Whether the text is as `sealed` made it."""
    first, _, rest = text.partition("\n")
    seal, _, rest = rest.partition("\n")
    return seal == _seal(first, rest)


def write_sealed(path: Path, text: str) -> None:
    """Writes a sealed text where no file is, or in place of a file that is still as it was sealed.

    Raises:
        ConfigError: the file was written by hand or changed since, is not a plain file, or cannot be read.
        StoreError: the file cannot be written; it is then as it was before.
    """
    _check_own(path)
    write_whole(path, text.encode(), instead="name another file")


def _seal(first: str, rest: str) -> str:
    return _SEAL + hashlib.sha256(f"{first}\n{rest}".encode()).hexdigest()


def _check_own(path: Path) -> None:
    """Accepts a path without a file, or a file that may be replaced."""
    try:
        link = path.is_symlink()
        content = b"" if link else limits.read_bytes(path, limits.TOML_BYTES, ConfigError)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise ConfigError(f"{path}: cannot be replaced ({error.strerror}); name another file") from error
    if link:
        raise ConfigError(f"{path}: a link, which is not replaced; name the file itself, or another one")
    if not is_sealed(content.decode(errors="replace").replace("\r\n", "\n")):
        raise ConfigError(
            f"{path}: not written by this command, or changed since, and is not replaced; move it away, or name "
            "another file"
        )
