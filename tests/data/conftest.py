"""Places for data: the real one, where there is one, and empty ones with no network."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from sysid_tbptt.data import cache


@pytest.fixture
def real_data() -> Path:
    """The directory of real records; the test is skipped where SYSID_TBPTT_DATA is not set."""
    if not os.environ.get(cache.ENVIRONMENT):
        pytest.skip(f"{cache.ENVIRONMENT} is not set: no real records to read")
    return Path(os.environ[cache.ENVIRONMENT])


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
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every connection fails as it does without a network."""

    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    monkeypatch.setattr(socket.socket, "connect", fail)
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def tree(root: Path) -> dict[str, int]:
    """Size of every file below a directory, lock files left out."""
    return {p.relative_to(root).as_posix(): p.stat().st_size for p in root.rglob("*") if p.is_file() and p.suffix != ".lock"}


@pytest.fixture(name="tree")
def _tree():  # type: ignore[no-untyped-def]
    return tree
