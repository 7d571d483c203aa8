"""Error over m: for each test of each suite a line a model, N and setting, from all its records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import inf
from typing import Any

import pandas as pd

from ...runs.record import RunRecord
from ..figures import groups
from ..frame import frame
from ..regimes import WINDOWS, bptt, finished, stateful
from .runs import Json, Runs, rounded
from .titles import first_suite_first, titles

TEST = ["suite", "dataset", "split", "revision", "test_set", "channel"]
LINE = ["model", "hidden_size", "setting"]
LEVELS = ("stateful", "full BPTT")


def curves(records: Sequence[RunRecord], runs: Runs) -> list[Json]:
    """Of each test the lines: m, and by m the median RMSE over seeds after the init window, the least, the largest,
    and the runs behind them; ``chosen`` is the place of the m with the least median validation error.

    The error of a diverged run is infinite; a median that is not finite is null.
    """
    rows = channels(finished(frame(records)), records)
    found = [_test(key, part, runs) for key, part in groups.grouped(rows, TEST)]
    tests = first_suite_first([test for test in found if test["lines"]])
    return [{"title": str(title), **test} for title, test in zip(titles(tests), tests, strict=True)]


def channels(rows: pd.DataFrame, records: Sequence[RunRecord]) -> pd.DataFrame:
    """One row an output channel, with ``rmse`` and ``unit`` its own, and ``val`` the mean validation RMSE."""
    val = {record.run_id: _val_error(record) for record in records}
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
    return rows.explode(["rmse", "unit", "channel"], ignore_index=True).astype({"rmse": float, "channel": int})


def _val_error(record: RunRecord) -> float:
    part = record.metrics.get("val") if record.status == "ok" else None
    return sum(part["rmse"]) / len(part["rmse"]) if part else inf


def _test(key: groups.Key, part: pd.DataFrame, runs: Runs) -> Json:
    lines = [_line(line, rows, of_model, runs) for line, rows, of_model in _studies(part)]
    lines.sort(key=lambda line: (line["model"], line["seq_len"], line.pop("val")))
    return {name: key[name] for name in TEST} | {"unit": part["unit"].iloc[0], "lines": lines}


def _studies(part: pd.DataFrame) -> Iterator[tuple[groups.Key, pd.DataFrame, pd.DataFrame]]:
    """The stateless runs of each model, setting, N and budget with more than one m; and all runs of the model."""
    for model, of_model in groups.grouped(part, LINE):
        for windows, rows in groups.grouped(of_model[of_model["regime"] == "stateless"], WINDOWS):
            if rows["burn_in"].nunique() > 1:
                yield model | windows, rows, of_model


def _line(key: groups.Key, rows: pd.DataFrame, of_model: pd.DataFrame, runs: Runs) -> Json:
    by_m = rows.groupby("burn_in")
    rmse, val = by_m["rmse"], by_m["val"].median().to_numpy()
    chosen = int(val.argmin())
    beside = dict(zip(LEVELS, (stateful(of_model, key), bptt(of_model, key["budget"])), strict=True))
    return {name: key[name] for name in (*LINE, *WINDOWS)} | {
        "m": [int(m) for m in rmse.median().index],
        "rmse": _rounded(rmse.median()),
        "low": _rounded(rmse.min()),
        "high": _rounded(rmse.max()),
        "runs": [runs.numbers(ids) for ids in by_m["run_id"].agg(list)],
        "chosen": chosen,
        "val": float(val[chosen]),
        "levels": [
            {"regime": name, "rmse": rounded(float(level["rmse"].median())), "runs": runs.numbers(level["run_id"])}
            for name, level in beside.items()
            if len(level)
        ],
    }


def _rounded(values: Any) -> list[float | None]:
    return [rounded(float(value)) for value in values]
