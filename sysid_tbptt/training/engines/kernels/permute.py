"""A random permutation from given random words, as torch draws it."""

from __future__ import annotations

from typing import Any

from .cache import kernel


@kernel
def permute(order: Any, words: Any) -> None:
    """Exchanges each element with itself or a later one; ``words`` (n-1,) are random 32-bit numbers."""
    n = len(order)
    for i in range(n - 1):
        j = i + words[i] % (n - i)
        order[i], order[j] = order[j], order[i]
