"""The rows of the leaderboard as the page shows them: text, what it is sorted by, and the runs behind it."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from ...config import method
from ...runs.record import PREDICTIONS, RunRecord
from .cells import cell, count, percent, probability, seconds, significant
from .runs import Json, Runs
from .titles import FIRST_SUITE, Title, titles

SURE = 0.05
"""With a larger p a difference may be chance."""

_OF_TRAINING = ("hidden_size", "seq_len", "burn_in", "parameters")
"""What is not known of a model that was not trained here."""


def leaderboard(board: pd.DataFrame, records: Sequence[RunRecord], runs: Runs) -> Json:
    """The rows of `sysid_tbptt.report.leaderboard.board`, in their order, and the names to filter them by."""
    found: list[Json] = [{str(name): value for name, value in row.items()} for row in board.to_dict("records")]
    burn_in = {record.run_id: record.config.burn_in for record in records}
    rows = [
        _row(row, title, order)
        | {
            name: runs.numbers(run_id for run_id in row["run_ids"] if burn_in[run_id] == m)
            for name, m in (("runs", row["burn_in"]), ("runs_m0", 0))
        }
        for order, (row, title) in enumerate(zip(found, titles(found), strict=True))
    ]
    protocols = list(dict.fromkeys(row["protocol"] for row in rows))
    return {
        "rows": rows,
        "datasets": sorted({row["dataset"] for row in rows}),
        "models": sorted({row["model"] for row in rows}),
        "protocols": protocols,
        "first": next((name for name in protocols if name.startswith(f"{FIRST_SUITE} ")), None),
    }


def panels(board: Json) -> list[Json]:
    """What the panel behind each row needs."""
    names = ("title", "test_set", "channel", "told", "told_m0", "runs", "runs_m0")
    return [{name: row[name] for name in names} for row in board["rows"]]


def _row(row: Json, title: Title, order: int) -> Json:
    unit, named = row["unit"], method(row["model"], row["optimiser"])
    no_windows = row["regime"] in ("closed_form", "external")  # so that there is nothing to leave out
    known = row if row["regime"] != "external" else row | dict.fromkeys(_OF_TRAINING)
    return {
        "dataset": title.dataset,
        "test": title.test,
        "protocol": title.protocol,
        "title": f"{named}: {title}",
        "test_set": row["test_set"],
        "channel": row["channel"],
        "order": order,
        "first": row["rank"] == 1,
        "rank": count(row["rank"]),
        "par": f"p = {probability(row['p_first_holm'])}" if row["rank"] > 1 and row["p_first_holm"] > SURE else "",
        "model": named,
        "flags": list(_flags(row)),
        "unit": unit,
        **{name: count(known[name]) for name in (*_OF_TRAINING, "seeds")},
        "rmse": cell(row["rmse"], significant),
        "interval": _interval(row, "rmse"),
        "rmse_m0": cell(None if no_windows else row["rmse_m0"], significant),
        "interval_m0": _interval(row, "rmse_m0"),
        "effect": cell(row["effect"] if row["burn_in"] else None, percent),
        "p": cell(row["p_m0_holm"], probability),
        "best": cell(row["rmse_best_seed"], significant),
        "best_seed": "" if pd.isna(row["best_seed"]) else f"seed {row['best_seed']:.0f}",
        "train_cpu_s": cell(None if row["engine"] == PREDICTIONS else row["train_cpu_s"], seconds),
        "told": [_told(row, "rmse", unit), _scored(row)],
        "told_m0": [_told(row, "rmse_m0", unit)],
    }


def _flags(row: Json) -> list[str]:
    """What a reader must know of a row before its number."""
    not_ok = row["not_ok"]
    flags = {
        "worse than mean": bool(row["worse_than_mean"]),
        f"{not_ok:.0f} did not end well": not_ok > 0,
    }
    return [flag for flag, raised in flags.items() if raised]


def _told(row: Json, name: str, unit: str) -> str:
    interval = f", 95 % interval {text} {unit}" if (text := _interval(row, name)) else ""
    return f"Median RMSE {significant(row[name])} {unit}{interval}; seeds: {row['seeds']:.0f}."


def _scored(row: Json) -> str:
    """What was scored, and under which protocol."""
    counts = {"init window: {:.0f} samples": row["n_init"], "scored: {:.0f} samples": row["n_scored"]}
    said = [words.format(count) for words, count in counts.items() if pd.notna(count)]
    return "; ".join(filter(None, [row["protocol"], *said])) + "."


def _interval(row: Json, name: str) -> str:
    """None of a number that is the same for every seed, or has too few of them."""
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return "" if pd.isna(low) or low == high else f"{significant(low)} to {significant(high)}"
