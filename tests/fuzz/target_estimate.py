"""Estimates of stability, as the figure reads them."""

from __future__ import annotations

import json
from pathlib import Path

from sysid_tbptt.report.figures import stability
from sysid_tbptt.report.plots import runs_frame
from sysid_tbptt.runs.record import RunRecord
from sysid_tbptt.runs.stability import Curve, StabilityRecord, read_stability
from tests.fuzz.mutations import json_fields as mutate
from tests.report.made_up import study

__all__ = ["MENDED", "fuzz", "mutate", "seeds"]

MENDED = {
    "provenance of another type: AttributeError in the figure's note": "fuzzing",
    "lambda above 1 and late steps: OverflowError": "reading",
    "a long window: a bound at every m of it, or division by zero": "reading",
    "curves of unequal length, NaN, no steps: ValueError in the figure": "reading",
}
"""Holes that were found here, by fuzzing or by reading the code; see `test_findings`."""

STUDY = study()
RUNS = runs_frame(STUDY)


def _estimate(run: RunRecord, factor: float) -> StabilityRecord:
    curve = Curve(t=[1, 2, 5], median=[1.0, 0.5, 0.1], low=[0.5, 0.2, 0.1], high=[2.0, 1.0, 0.5], rms=[1.0, 0.6, 0.2])
    return StabilityRecord(
        run_id=run.run_id,
        config=run.config,
        factor=factor,
        interval=(factor - 0.01, factor + 0.01),
        constant=2.0,
        scale=1.0,
        fitted=(1, 5),
        pairs=10,
        seed=0,
        curve=curve,
        provenance=run.provenance,
    )


def seeds() -> list[bytes]:
    return [json.dumps(_estimate(STUDY[1], factor).model_dump(by_alias=True)).encode() for factor in (0.9, 1.2)]


def fuzz(data: bytes, folder: Path) -> None:
    path = folder / "stability" / "x" / "a.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    found = read_stability(folder, "x")
    stability.pages(RUNS, found)
    stability.told(found)
