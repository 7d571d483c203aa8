"""What a record names that lies outside the package, code or a log: taken only where the user names it too."""

from __future__ import annotations

from typing import Literal

from ..config import RunConfig
from ..errors import ConfigError

_OUTSIDE = {"model": ":", "dataset": ".toml"}
"""What the name of a plug-in has, and that of a user's own log."""


def check_trusted(config: RunConfig, field: Literal["model", "dataset"], named: str | None, where: str) -> None:
    """Passes the ``field`` of a record's config if the package has it, or if the user has ``named`` one.

    Raises:
        ConfigError: the record alone names it; the message begins with ``where``.
    """
    said = getattr(config, field)
    if named is None and _OUTSIDE[field] in said:
        raise ConfigError(
            f"{where}: its record names the {field} '{said}', which lies outside the package; where you trust it, name "
            f"it by --{field}"
        )
