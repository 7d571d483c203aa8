"""Files that are there whole or not at all, whenever the process or the machine dies."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from ..errors import StoreError


def write_whole(path: Path, content: bytes) -> None:
    """Replaces the file by ``content``, by way of a temporary file in the same folder.

    Raises:
        StoreError: it cannot be written; the file is then as it was before.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.unlink(missing_ok=True)  # of a process that died; a link put there is not written through
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise StoreError(
            f"{path}: cannot be written ({error.strerror}); free or unlock the disk, or choose another --results folder"
        ) from error
    finally:
        with suppress(OSError):  # gone already, or its folder cannot be written
            temporary.unlink()


def _sync_folder(folder: Path) -> None:
    """Makes the new name durable; needs POSIX."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
