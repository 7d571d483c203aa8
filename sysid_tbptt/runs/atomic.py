"""Files that are there whole or not at all, whenever the process or the machine dies."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from ..errors import StoreError


def write_whole(path: Path, content: bytes, *, instead: str = "choose another --results folder") -> None:
    """Replaces the file by ``content``, by way of a temporary file in the same folder.

    ``instead`` is what an error says to do where the disk cannot be freed or unlocked.

    Raises:
        StoreError: it cannot be written; the file is then as it was before.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        _make_folder(path.parent)
        temporary.unlink(missing_ok=True)  # of a process that died; a link put there is not written through
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise StoreError(
            f"{path}: cannot be written ({error.strerror}); free or unlock the disk, or {instead}"
        ) from error
    finally:
        with suppress(OSError):  # gone already, or its folder cannot be written
            temporary.unlink()
    _sync_folder(path.parent)


def leftovers(root: Path) -> list[Path]:
    """The temporary files below a folder that no other living process is writing."""
    return [path for path in sorted(root.rglob(".*.tmp")) if not _is_anothers(path)]


def _is_anothers(temporary: Path) -> bool:
    process = temporary.name.split(".")[-2]
    if os.name != "posix" or not process.isdecimal() or int(process) == os.getpid():
        return False
    try:
        os.kill(int(process), 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # another user's
        return True
    return True


def _make_folder(folder: Path) -> None:
    """Makes the folder and those above it, each of them durable."""
    made = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for one in made:
        _sync_folder(one.parent)


def _sync_folder(folder: Path) -> None:
    """Makes new names durable; needs POSIX, and some network file systems refuse it: the files are whole without."""
    if os.name != "posix":
        return
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
