"""Measured and simulated test outputs of one run, and their difference: the whole record, and where it is worst."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ...runs.predictions import Prediction
from ...runs.record import RunRecord
from ..formats import MISSING
from .traces import BLACK, BLUE, COLUMN_WIDTH, DASHED, PAGE_WIDTH, VERMILLION, Line, Look, Page, Panel, Span

NAME = "simulation"
NOTE = (
    "Free-run simulation of the test data; RMSE after the benchmark's init window, shaded where "
    "there is one. Right: the stretch with the largest error."
)
MEASURED, SIMULATED, ERROR = Look(BLACK, width=0.8), Look(VERMILLION, DASHED, width=0.8), Look(BLUE, width=0.6)
WINDOW = 150
"""Samples in the stretch shown enlarged."""

POINTS = 1000
"""Longer records are shown by the least and the largest sample of each of so many stretches; print shows no more."""

_HEIGHTS = (1.45, 1.0)
_BLOCKS = 3


def pages(record: RunRecord, predictions: Sequence[Prediction]) -> list[Page]:
    """Two rows for every test set and channel: the signals, and their difference."""
    blocks = [block for prediction in predictions for block in _blocks(record, prediction)]
    width = PAGE_WIDTH if any(len(row) > 1 for block in blocks for row in block) else COLUMN_WIDTH
    return [
        Page(tuple(row for block in part for row in block), _HEIGHTS * len(part), width)
        for part in (blocks[start : start + _BLOCKS] for start in range(0, len(blocks), _BLOCKS))
    ]


def told(record: RunRecord) -> str:
    """The run in words."""
    config = record.config
    windows = "" if record.regime == "external" else f", N = {config.seq_len}, m = {config.burn_in}"
    return f"Run {record.run_id}: {record.regime.replace('_', ' ')}{windows}."


def _blocks(record: RunRecord, prediction: Prediction) -> Iterator[tuple[tuple[Panel, ...], tuple[Panel, ...]]]:
    rmse = record.metrics["test"][prediction.test_set]["rmse"]
    for channel, unit in enumerate(prediction.unit):
        name = "y" if len(prediction.unit) == 1 else f"y{channel + 1}"
        whole = slice(0, len(prediction.y))
        parts = {f"{prediction.test_set}: RMSE({name}) = {_number(rmse[channel])} {unit}": whole}
        if len(prediction.y) > 2 * WINDOW:
            worst = worst_stretch(prediction, channel)
            parts[f"largest error: samples {worst.start} to {worst.stop - 1}"] = worst
        pairs = [_pair(record, prediction, channel, name, title, part) for title, part in parts.items()]
        yield tuple(signals for signals, _ in pairs), tuple(error for _, error in pairs)


def _number(rmse: float | None) -> str:
    return MISSING if rmse is None else f"{rmse:.3g}"


def _pair(
    record: RunRecord, prediction: Prediction, channel: int, name: str, title: str, part: slice
) -> tuple[Panel, Panel]:
    """The signals of a stretch, and below them their difference."""
    factor, unit_t = _time_unit(prediction.dt * (part.stop - 1))
    t = np.arange(part.start, part.stop) * prediction.dt * factor
    y = prediction.y[part, channel].astype(np.float64)
    y_hat = prediction.y_hat[part, channel].astype(np.float64)
    unit, runs = prediction.unit[channel], frozenset({record.run_id})
    init = Span("init window", 0.0, prediction.n_init * prediction.dt * factor)
    spans = (init,) if prediction.n_init > part.start else ()
    signals = (_line("measured", t, y, MEASURED), _line("simulated", t, y_hat, SIMULATED))
    error = _line("measured − simulated", t, y - y_hat, ERROR)
    return (
        Panel(title, "", f"{name} [{unit}]", lines=signals, spans=spans, runs=runs),
        Panel("", f"time [{unit_t}]", f"error [{unit}]", lines=(error,), spans=spans, runs=runs),
    )


def worst_stretch(prediction: Prediction, channel: int) -> slice:
    """The `WINDOW` samples after the init window with the largest squared error, the first of equals."""
    start = min(prediction.n_init, len(prediction.y) - WINDOW)
    error = (prediction.y[start:, channel] - prediction.y_hat[start:, channel]).astype(np.float64)
    sums = np.convolve(error**2, np.ones(WINDOW), mode="valid")
    start += int(sums.argmax())
    return slice(start, start + WINDOW)


def thinned(x: np.ndarray, y: np.ndarray, points: int = POINTS) -> tuple[np.ndarray, np.ndarray]:
    """The least and the largest sample of each stretch, in order; all samples where there are few."""
    if len(y) <= 2 * points:
        return x, y
    stretches = np.array_split(np.arange(len(y)), points)
    kept = np.unique([part[at] for part in stretches for at in (y[part].argmin(), y[part].argmax())])
    return x[kept], y[kept]


def _line(label: str, t: np.ndarray, y: np.ndarray, look: Look) -> Line:
    t, y = thinned(t, y)
    return Line(label, tuple(t.tolist()), tuple(y.tolist()), look)


def _time_unit(seconds: float) -> tuple[float, str]:
    """The factor from seconds to a unit that gives numbers from 1 to 1000, and the unit."""
    return next(((f, u) for f, u in ((1.0, "s"), (1e3, "ms"), (1e6, "µs")) if seconds * f >= 1), (1e9, "ns"))
