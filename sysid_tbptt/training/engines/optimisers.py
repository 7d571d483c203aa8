"""Which optimisers an engine implements."""

from __future__ import annotations

from ...config import RunConfig


def not_implemented(config: RunConfig, optimisers: tuple[str, ...]) -> str | None:
    """Why an engine with these optimisers cannot take a run; None if it can."""
    if config.optimiser in optimisers:
        return None
    return f"it does not implement optimiser='{config.optimiser}'; choose {' or '.join(optimisers)}"
