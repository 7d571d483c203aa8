"""What no input may bring a reader to do: write outside its folder, run or import code, unpickle, reach a network, or
take memory without bound."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

from sysid_tbptt.errors import SysidError

CANARY = "sysid_canary"
"""A module that seeds name as code to run; it stands beside them, and is never to be imported."""

NEVER = {"pickle.find_class", "os.system", "os.exec", "os.posix_spawn", "subprocess.Popen", "socket.connect"}
"""Events of Python's audit that no reader has a use for."""

CHANGING = {"os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod"}

Target = Callable[[bytes, Path], None]


class Escape(BaseException):
    """An input did what none may; no reader's own handler of errors takes it for one."""


class Sandbox:
    """Runs targets in one folder under Python's audit, which is armed while a target runs."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.armed, self.broken = folder.resolve(), False, ""
        (folder / f"{CANARY}.py").write_text("raise SystemExit('code of an input was run')\n")
        sys.addaudithook(self._audit)

    def run(self, target: Target, data: bytes) -> None:
        """One input: read, or refused by an error of ours, and never an out-of-memory that was taken for one.

        Raises:
            Escape: it did what none may.
            Exception: whatever else the reader raised.
        """
        self.broken, self.armed = "", True
        try:
            target(data, self.folder)
        except SysidError as error:
            self.armed = False
            if isinstance(error.__cause__, MemoryError):
                raise Escape(f"out of memory: {error}") from error
            str(error).encode()  # can be printed
            if len(str(error)) > MESSAGE:
                raise Escape(f"a message of {len(str(error))} letters") from error
        finally:
            self.armed = False
        if self.broken:
            raise Escape(self.broken)

    def _audit(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.armed and (said := self._forbidden(event, arguments)):
            self.broken = said
            raise Escape(said)

    def _forbidden(self, event: str, arguments: tuple[object, ...]) -> str | None:
        if event in NEVER:
            return f"{event} {arguments[:1]}"
        if event == "import" and not _ours(str(arguments[0]).partition(".")[0]):
            return f"import of {arguments[0]}"
        if event == "open" and _writes(arguments) and not self._within(arguments[0]):
            return f"{arguments[0]!r} was opened to be written"
        if event in CHANGING and not all(self._within(path, at) for path, at in _changed(event, arguments)):
            return f"{event} {arguments}"
        return None

    def _within(self, path: object, at: object = -1) -> bool:
        if isinstance(path, int):  # a descriptor that is open already
            return True
        place = Path(f"/proc/self/fd/{at}") if isinstance(at, int) and at >= 0 else Path()
        return Path(os.path.realpath(place / os.fsdecode(path))).is_relative_to(self.folder)  # type: ignore[arg-type]


def _changed(event: str, arguments: tuple[object, ...]) -> list[tuple[object, object]]:
    """The paths that an event changes, each with the descriptor of the folder that it is relative to."""
    if event == "os.rename":
        return [(arguments[0], arguments[2]), (arguments[1], arguments[3])]
    if event in ("os.link", "os.symlink"):
        return [(arguments[1], arguments[-1])]
    return [(arguments[0], arguments[-1] if event != "os.truncate" else -1)]


MESSAGE = 20_000
"""Letters of the longest message."""


@cache
def _ours(module: str) -> bool:
    """Whether a module is Python's own or installed: what a reader loads late, not what an input names."""
    if module in (CANARY, "antigravity", "this"):
        return False
    if module in sys.stdlib_module_names or module in sys.modules:
        return True
    spec = importlib.util.find_spec(module)
    return spec is not None and spec.origin is not None and "site-packages" in spec.origin


def _writes(arguments: tuple[object, ...]) -> bool:
    mode, flags = arguments[1], arguments[2]
    if isinstance(mode, str):
        return bool(set(mode) & set("wax+"))
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC))
