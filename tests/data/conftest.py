"""Places for data: the real one, where there is one, and empty ones; a local server, and no network."""

from __future__ import annotations

import os
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from sysid_tbptt.data import cache, package

REAL = os.environ.get(cache.ENVIRONMENT)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The directory of real records; the test is skipped where SYSID_TBPTT_DATA is not set."""
    if not REAL:
        pytest.skip(f"{cache.ENVIRONMENT} is not set: no real records to read")
    return Path(REAL)


@pytest.fixture
def user_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty user cache, and no SYSID_TBPTT_DATA."""
    path = tmp_path / "user-cache"
    monkeypatch.setattr(cache, "user_cache", lambda: path)
    monkeypatch.delenv(cache.ENVIRONMENT, raising=False)
    return path


@pytest.fixture
def given_data(tmp_path: Path, user_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory that SYSID_TBPTT_DATA names, beside the empty user cache."""
    path = tmp_path / "given"
    path.mkdir()
    monkeypatch.setenv(cache.ENVIRONMENT, str(path))
    return path


@pytest.fixture
def real_copy(real_data: Path, given_data: Path) -> Callable[[str], Path]:
    """Copies a set of the package's cache directory into the given directory, to be damaged there."""

    def copy(folder: str) -> Path:
        target = given_data / package.SUBFOLDER / folder
        shutil.copytree(real_data / package.SUBFOLDER / folder, target)
        for path in (target, *target.rglob("*")):  # the originals are read-only
            path.chmod(0o755 if path.is_dir() else 0o644)
        return target

    return copy


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every connection fails as it does without a network."""

    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    monkeypatch.setattr(socket.socket, "connect", fail)
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


class Server(ThreadingHTTPServer):
    """A local server that sends ``bodies`` one after the other, the last one again and again."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.bodies: list[bytes] = [b""]
        self.promised: int | None = None
        """The length that it announces, where that is not the length it sends."""
        self.requests = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        bodies = self.server.bodies
        body = bodies[min(self.server.requests, len(bodies) - 1)]
        self.server.requests += 1
        self.send_response(200)
        self.send_header("Content-Length", str(self.server.promised or len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def tree(root: Path) -> dict[str, int]:
    """Size of every file below a directory, lock files left out."""
    files = (path for path in root.rglob("*") if path.is_file() and path.suffix != ".lock")
    return {path.relative_to(root).as_posix(): path.stat().st_size for path in files}


@pytest.fixture(name="tree")
def _tree() -> Callable[[Path], dict[str, int]]:
    return tree
