"""Burn-in at the optimum of the loss: runs over m that all score the same number of steps of each window."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from math import nan, sqrt
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import linregress

from ..runs.record import RunRecord
from .caption import provenance_of
from .formats import MISSING, Block, Table
from .frame import DATA, frame
from .regimes import finished

NETWORK = ["model", "hidden_size", "optimiser"]
PLACE = ["suite", *DATA, "test_set", *NETWORK]
"""What runs of one network and test set share, at any m or on one window over the whole record."""

STUDY = [*PLACE, "setting", "budget", "scored"]
"""What the runs of one study share."""

LEAST_POINTS = 3
"""Values of m that make a study, and points of a line that is fitted."""

ABOVE_FLOOR = 2.0
"""The rate is fitted where the training error is at least so many times its least value over m."""


def optimum(records: Sequence[RunRecord]) -> pd.DataFrame:
    """One row a study, test set and m: medians over the seeds.

    ``loss`` is the training loss at the end (of Adam its mean over the last 100 steps) in standardised units, ``rms``
    its root, ``test_rmse`` the error of the free run in ``unit``. ``loss_full`` and ``test_full`` are those of the same
    network and optimiser on one window over the whole record, ``regret`` is ``loss`` less ``loss_full``. ``rate`` is
    the factor of the training error a step of burn-in, see `rate`. A study has m = 0 and at least two more m, each with
    its own N; runs that all have one N are burn-in studies, see `sysid_tbptt.report.studies`. Of several outputs the
    first is shown.
    """
    runs = finished(frame(record for record in records if not record.config.horizon))
    if runs.empty:
        return pd.DataFrame()
    losses = {record.run_id: final_loss(record) for record in records}
    runs = runs.assign(
        scored=runs["seq_len"] - runs["burn_in"],
        loss=runs["run_id"].map(losses),
        rmse=[rmse[0] if isinstance(rmse, tuple) else nan for rmse in runs["test_rmse"]],
    )
    full = dict(list(runs[runs["regime"] == "bptt"].groupby(PLACE)))
    windows = runs[(runs["regime"] == "stateless") & (runs["optimiser"] != "ipopt")]
    rows = []
    for key, part in windows.groupby(STUDY):
        if part["burn_in"].nunique() >= LEAST_POINTS and 0 in set(part["burn_in"]):
            place = dict(zip(STUDY, key, strict=True))
            whole = full.get(tuple(place[name] for name in PLACE))
            rows += list(_rows(place, part, whole))
    return pd.DataFrame(rows)


def final_loss(record: RunRecord) -> float:
    """The training loss at the end."""
    losses = record.loss.curve[-1:] if record.config.optimiser == "lm" else [record.loss.last100_mean]
    return next((loss for loss in losses if loss is not None), nan)


def rate(m: Sequence[int], rms: Sequence[float]) -> float:
    """The factor of an error from one step of burn-in to the next: a line through its logarithm.

    The least value over m counts as the floor; not a number with fewer than `LEAST_POINTS` points above it.
    """
    steps, errors = np.array(m, float), np.array(rms)
    above = errors >= ABOVE_FLOOR * errors.min()
    if above.sum() < LEAST_POINTS:
        return nan
    return float(np.exp(linregress(steps[above], np.log(errors[above])).slope))


def _rows(place: dict[str, Any], part: pd.DataFrame, whole: pd.DataFrame | None) -> Iterator[dict[str, Any]]:
    points = list(part.groupby("burn_in"))
    losses = [float(point["loss"].median()) for _, point in points]
    fitted = rate(sorted(set(part["burn_in"])), [sqrt(loss) for loss in losses])
    loss_full = nan if whole is None else float(whole["loss"].median())
    for (m, point), loss in zip(points, losses, strict=True):
        yield place | {
            "burn_in": m,
            "seq_len": int(point["seq_len"].iloc[0]),
            "seeds": point["seed"].nunique(),
            "loss": loss,
            "rms": sqrt(loss),
            "test_rmse": float(point["rmse"].median()),
            "unit": point["unit"].iloc[0][0],
            "loss_full": loss_full,
            "test_full": nan if whole is None else float(whole["rmse"].median()),
            "regret": loss - loss_full,
            "rate": fitted,
            "run_ids": [*point["run_id"], *(whole["run_id"] if whole is not None else ())],
        }


def optimum_table(rows: pd.DataFrame, records: Sequence[RunRecord]) -> Table:
    """Rows of `optimum` of one suite and data set as a table to read."""
    first = rows.iloc[0]
    return Table(
        title=f"{first['suite']}: {first['dataset']}, burn-in at the optimum",
        blocks=[_block(part) for _, part in rows.groupby("test_set", sort=False)],
        notes=[
            f"Every m scores the last {' or '.join(map(str, sorted(set(rows['scored']))))} steps of windows that are m "
            "steps longer. Training error: root of the training loss at the end, in standard deviations of the output. "
            "Full: one window over the whole record, m = 0. Rate: factor of the training error from one m to the next, "
            f"fitted over the m at which it is at least {ABOVE_FLOOR:g} times its least value. Medians "
            f"over {_counted(rows['seeds'])}.",
            f"Provenance: {provenance_of(chain.from_iterable(rows['run_ids']), records)}",
        ],
        data=rows.assign(run_ids=[" ".join(run_ids) for run_ids in rows["run_ids"]]),
    )


def _block(rows: pd.DataFrame) -> Block:
    """The errors of one test set, a row for each network and m."""
    shown = pd.DataFrame(
        {
            "model": [network(row) for _, row in rows.iterrows()],
            "m": rows["burn_in"].astype(str),
            "training error": rows["rms"].map("{:.5f}".format),
            "test RMSE": rows["test_rmse"].map("{:.4g}".format),
            "full: training": [_number(sqrt(loss), "{:.5f}") for loss in rows["loss_full"]],
            "full: test": [_number(rmse, "{:.4g}") for rmse in rows["test_full"]],
            "rate": [_number(value, "{:.4f}") for value in rows["rate"]],
        }
    )
    return Block(f"{rows['test_set'].iloc[0]} [{rows['unit'].iloc[0]}]", shown, ("model",))


def network(row: pd.Series[Any]) -> str:
    """The network and its optimiser in words."""
    return f"{row['model']}, H = {row['hidden_size']}, {row['optimiser']}"


def _number(value: float, form: str) -> str:
    return MISSING if np.isnan(value) else form.format(value)


def _counted(seeds: Iterable[int]) -> str:
    counts = sorted(set(seeds))
    return "1 seed" if counts == [1] else f"{'–'.join(map(str, sorted({counts[0], counts[-1]})))} seeds"
