"""The small print below a figure: what is shown, and where its numbers come from."""

from __future__ import annotations

from collections.abc import Sequence

from ...runs.record import RunRecord
from ..frame import frame
from ..regimes import WINDOWS
from ..sources import commits, devices, once
from . import groups


def source(records: Sequence[RunRecord]) -> str:
    """What the runs share, from suite to budget, their number and seeds, engines, devices, version and commit."""
    configs = [record.config for record in records]
    sources = [record.provenance for record in records]
    runs = frame(records)
    shared = {name: runs[name].iloc[0] for name in (*groups.MODEL, *WINDOWS) if runs[name].nunique() == 1}
    parts = [
        f"Source: {groups.told(shared, shared)}",
        f"{len(records)} run{'s' if len(records) > 1 else ''}, {_seeds({config.seed for config in configs})}",
        f"engine {once(record.engine for record in records)}",
        devices(sources),
        f"sysid-tbptt {once((at.get('versions') or {}).get('sysid-tbptt') for at in sources)}",
        f"commit {commits(sources)}",
    ]
    return "; ".join(part for part in parts if part and not part.endswith(" ")) + "."


def _seeds(seeds: set[int]) -> str:
    shown = ", ".join(map(str, sorted(seeds))) if len(seeds) < 7 else f"{min(seeds)} to {max(seeds)}"
    return f"seed {shown}" if len(seeds) == 1 else f"{len(seeds)} seeds ({shown})"
