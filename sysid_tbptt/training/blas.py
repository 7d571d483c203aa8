"""BLAS on one thread: the number of its threads changes the last digits of its results."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits

_ALONE = threading.Lock()
"""The number belongs to the process, so the threads of several runs take turns."""


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Limits BLAS and LAPACK to one thread, and restores the number at the end. Other threads that enter it wait."""
    with _ALONE, threadpool_limits(1, "blas"):
        yield
