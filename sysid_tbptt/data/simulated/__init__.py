"""Embedded systems: simulated records that need no download and no network.

One file holds one system: its published equations with parameters, units, seed, solver and tolerance. None is named
as a measured benchmark is, and none of their scores can be compared with a measured benchmark's.
"""

from __future__ import annotations

from ..source import Source
from . import bouc_wen, cascaded_tanks, duffing, linear, rlc, wiener_hammerstein

SOURCES: tuple[Source, ...] = (
    linear.SOURCE,
    linear.PAPER,
    rlc.SOURCE,
    bouc_wen.SOURCE,
    duffing.SOURCE,
    wiener_hammerstein.SOURCE,
    cascaded_tanks.SOURCE,
)
