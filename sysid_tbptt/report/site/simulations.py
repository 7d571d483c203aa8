"""Measured and simulated test outputs, thinned to what a screen shows, whole where the error is largest."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...errors import StoreError
from ...runs.predictions import Prediction, read_predictions
from ...runs.record import RunRecord
from ...runs.store import Store
from ..figures.simulation import WINDOW, worst_stretch
from ..plots import best_predicted
from .runs import Json, Runs, rounded
from .titles import first_suite_first, titles

STRETCHES = 500
"""Longer records keep of so many stretches the least and the largest sample of each signal."""

FIELDS = ("suite", "dataset", "split", "hidden_size", "seq_len", "burn_in")


def simulations(store: Store, runs: Runs) -> list[Json]:
    """One entry a test set and channel of the runs that have predictions on disk, of each method the one with the least
    validation error.

    Raises:
        StoreError: predictions cannot be read, or are of other test sets than the record.
    """
    found = first_suite_first([entry for record in best_predicted(store) for entry in _of_run(store, record, runs)])
    return [{"title": str(title), **entry} for title, entry in zip(titles(found), found, strict=True)]


def _of_run(store: Store, record: RunRecord, runs: Runs) -> Iterator[Json]:
    path = store.predictions(record.run_id)
    config = record.config
    for prediction in read_predictions(path):
        scores = record.metrics["test"].get(prediction.test_set)
        if scores is None or len(scores["rmse"]) != len(prediction.unit):
            raise StoreError(f"{path}: holds other test sets than the run's record; delete it")
        for channel, unit in enumerate(prediction.unit):
            yield {
                **{name: getattr(config, name) for name in FIELDS},
                "model": record.method,
                "revision": str((record.provenance.get("data") or {}).get("revision", ""))[:12],
                "test_set": prediction.test_set,
                "channel": channel,
                "unit": unit,
                "rmse": scores["rmse"][channel],
                "trained_here": record.regime != "external",
                "run": runs.numbers([record.run_id])[0],
                **signals(prediction, channel),
            }


def signals(prediction: Prediction, channel: int) -> Json:
    """Sample numbers ``k`` and the signals there; ``dt`` in seconds; ``worst`` the ends of the stretch with the largest
    error."""
    y, y_hat = (values[:, channel].astype(np.float64) for values in (prediction.y, prediction.y_hat))
    worst = worst_stretch(prediction, channel) if len(y) > 2 * WINDOW else slice(0, len(y))
    kept = extremes(y, y_hat, y - y_hat)
    kept = np.union1d(kept, np.arange(worst.start, worst.stop))
    return {
        "dt": prediction.dt,
        "n_init": prediction.n_init,
        "worst": [worst.start, worst.stop - 1],
        "k": kept.tolist(),
        "y": [rounded(value) for value in y[kept]],
        "y_hat": [rounded(value) for value in y_hat[kept]],
    }


def extremes(*signals: np.ndarray) -> np.ndarray:
    """Where, in each of `STRETCHES` stretches, a signal is least or largest; everywhere in short records."""
    length = len(signals[0])
    if length <= 2 * len(signals) * STRETCHES:
        return np.arange(length)
    stretches = np.array_split(np.arange(length), STRETCHES)
    found = [part[at] for part in stretches for y in signals for at in (y[part].argmin(), y[part].argmax())]
    return np.unique([0, length - 1, *found])
