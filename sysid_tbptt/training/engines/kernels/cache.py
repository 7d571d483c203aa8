"""Compiled kernels on disk: a specialisation is compiled once per machine, not once per process.

Numba's own cache knows a function by its own file; these kernels are spread over many, so here the stamp is a hash
of them all. Each specialisation has files of its own, so that processes that compile different ones at the same time
cannot mix them up. A cache that cannot be used costs time and a warning, nothing else.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numba.core.config
import platformdirs
from numba.core.caching import CompileResultCacheImpl, FunctionCache, IndexDataCacheFile, _CacheLocator

from .decorators import compiled


class KernelCacheWarning(UserWarning):
    """Compiled kernels cannot be kept on disk."""


def kernel(function: Callable[..., Any]) -> Any:
    """Decorates what Python calls: compiled without the GIL, kept on disk."""
    dispatcher = compiled(function)
    try:
        dispatcher._cache = KernelCache(dispatcher.py_func)
    except (OSError, RuntimeError) as error:
        _warn(error)
    return dispatcher


def directory() -> Path:
    """NUMBA_CACHE_DIR where it is set, else the user's cache directory."""
    if chosen := getattr(numba.core.config, "CACHE_DIR", ""):
        return Path(chosen) / "sysid-tbptt-kernels"
    return platformdirs.user_cache_path("sysid-tbptt", appauthor=False) / "kernels"


@cache
def sources_hash() -> str:
    """Of all that is compiled: the files of this folder."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


class _Locator(_CacheLocator):
    def __init__(self, function: Callable[..., Any]) -> None:
        self._name = function.__name__

    @classmethod
    def from_function(cls, py_func: Callable[..., Any], py_file: str) -> _Locator:
        return cls(py_func)

    def get_cache_path(self) -> str:
        return str(directory())

    def get_source_stamp(self) -> str:
        return sources_hash()

    def get_disambiguator(self) -> str:
        return self._name


class _Implementation(CompileResultCacheImpl):
    _locator_classes: Any = (_Locator,)


class KernelCache(FunctionCache):
    """Numba's cache of a function, with one index a specialisation, and warnings in place of errors."""

    _impl_class = _Implementation

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        try:
            self._point_at(sig, target_context.codegen())
            return super().load_overload(sig, target_context)
        except Exception as error:  # a damaged file may fail in any way; it is compiled and written anew
            _warn(error)
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        try:
            self._point_at(sig, data.codegen)
            super().save_overload(sig, data)
        except OSError as error:
            _warn(error)

    def _point_at(self, sig: Any, codegen: Any) -> None:
        key = hashlib.sha256(repr(self._index_key(sig, codegen)).encode()).hexdigest()[:20]
        self._cache_file = IndexDataCacheFile(
            cache_path=self._cache_path,
            filename_base=f"{self._impl.filename_base}-{key}",
            source_stamp=self._impl.locator.get_source_stamp(),
        )


def _warn(error: Exception) -> None:
    warnings.warn(f"compiled kernels are not kept in {directory()}: {error}", KernelCacheWarning, stacklevel=3)
