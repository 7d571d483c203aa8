"""Error over m: for each test of each suite a line a model, N and setting, from all its records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import inf
from typing import Any

import pandas as pd

from ...config import RETRAIN, method
from ...runs.choice import validation_error
from ...runs.record import RunRecord
from ..figures import groups
from ..frame import DATA, NETWORK
from ..regimes import WINDOWS, bptt, comparable, finished, stateful
from .runs import Json, Runs, rounded
from .titles import first_suite_first, titles

TEST = ["suite", *DATA, "test_set", "channel"]
LINE = [*NETWORK, "optimiser", *WINDOWS]
LEVELS = {"stateful": stateful, "full BPTT": lambda runs, line: bptt(runs, line["budget"])}
"""What stands beside a line, at no m: how it is found among the runs of the same model."""


def curves(rows: pd.DataFrame, records: Sequence[RunRecord], runs: Runs) -> list[Json]:
    """Of each test the lines, from the rows of `frame`: m, and by m the median RMSE over seeds after the init window,
    the least, the largest, and the runs behind them, as far as they are `comparable`; ``chosen`` is the place of the m
    with the least median validation error.

    Runs of a second stage have no curve: their validation data were trained on, so that no m is chosen there.

    The error of a diverged run is infinite; a median that is not finite is null.
    """
    rows = channels(finished(rows[~rows["split"].str.endswith(RETRAIN)]), records)
    stateless = rows["regime"] == "stateless"
    points = _points(comparable(rows[stateless], [*TEST, *LINE]))
    others = dict(list(rows[~stateless].groupby([*TEST, *NETWORK])))
    tests: dict[tuple[Any, ...], Json] = {}
    for key, line in groups.grouped(points, [*TEST, *LINE]):
        if len(line) > 1:
            place, model = tuple(key[name] for name in TEST), tuple(key[name] for name in NETWORK)
            test = {name: key[name] for name in TEST} | {"unit": line["unit"].iloc[0], "lines": []}
            drawn = _line(key, line, others.get((*place, *model)), runs)
            tests.setdefault(place, test)["lines"].append(drawn)
    return _titled(first_suite_first(list(tests.values())))


def several_n(curves: Sequence[Json]) -> bool:
    """Whether lines of a test differ in N alone: then there is a map over N and m."""
    shared = [name for name in LINE if name != "seq_len"]
    families = [[tuple(line[name] for name in shared) for line in test["lines"]] for test in curves]
    return any(len(set(of_test)) < len(of_test) for of_test in families)


def _titled(tests: list[Json]) -> list[Json]:
    """The tests, each with its title, its lines by model and N, the better on validation data first."""
    for test, title in zip(tests, titles(tests), strict=True):
        test["title"] = str(title)
        test["lines"].sort(key=lambda line: (line["model"], line["seq_len"], line.pop("val")))
    return tests


def _points(rows: pd.DataFrame) -> pd.DataFrame:
    """One row a line and m: median, least and largest error, and what was run."""
    return (
        rows.groupby([*TEST, *LINE, "burn_in"])
        .agg(
            rmse=("rmse", "median"),
            low=("rmse", "min"),
            high=("rmse", "max"),
            val=("val", "median"),
            run_ids=("run_id", list),
            unit=("unit", "first"),
        )
        .reset_index()
    )


def _line(key: groups.Key, points: pd.DataFrame, others: pd.DataFrame | None, runs: Runs) -> Json:
    val = points["val"].to_numpy()
    chosen = int(val.argmin())
    return {name: key[name] for name in LINE} | {
        "model": method(key["model"], key["optimiser"]),
        "m": points["burn_in"].tolist(),
        **{name: [rounded(value) for value in points[name].tolist()] for name in ("rmse", "low", "high")},
        "runs": [runs.numbers(run_ids) for run_ids in points["run_ids"]],
        "chosen": chosen,
        "val": float(val[chosen]),
        "levels": [] if others is None else list(_levels(key, others, runs)),
    }


def _levels(key: groups.Key, others: pd.DataFrame, runs: Runs) -> Iterator[Json]:
    for regime, find in LEVELS.items():
        found = find(others, key)
        if len(found):
            yield {
                "regime": regime,
                "rmse": rounded(float(found["rmse"].median())),
                "runs": runs.numbers(found["run_id"]),
            }


def channels(rows: pd.DataFrame, records: Sequence[RunRecord]) -> pd.DataFrame:
    """One row an output channel, with ``rmse`` and ``unit`` its own, and ``val`` the mean validation RMSE."""
    val = {record.run_id: validation_error(record) for record in records}
    units = rows.dropna(subset="unit").groupby(["dataset", "split", "test_set"])["unit"].first().rename("unit")
    rows = rows.drop(columns="unit").join(units, on=["dataset", "split", "test_set"])
    errors = [
        list(rmse) if isinstance(rmse, tuple) else [inf] * len(unit)
        for rmse, unit in zip(rows["test_rmse"], rows["unit"], strict=True)
    ]
    rows = rows.assign(
        val=rows["run_id"].map(val),
        rmse=pd.Series(errors, index=rows.index, dtype=object),
        channel=pd.Series([list(range(len(unit))) for unit in rows["unit"]], index=rows.index, dtype=object),
    )
    exploded = rows.explode(["rmse", "unit", "channel"], ignore_index=True)
    return exploded.astype({"rmse": float, "channel": int, "val": float})  # of no rows pandas takes them for words
