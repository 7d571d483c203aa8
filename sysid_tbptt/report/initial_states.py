"""Truncated BPTT against the benchmark with trained initial states, over m: from runs that were solved to an optimum.

What Schiller et al. 2026 show in section 5.1. Three problems: ``zero`` initial states (TBPTT), ``coupled`` (the
benchmark: one free state, subsequences go on from each other), ``free`` (each its own).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from math import nan
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float64
from scipy.stats import linregress, t

from ..runs.record import RunRecord
from .caption import provenance_of
from .formats import MISSING, Block, Table
from .frame import frame
from .regimes import WINDOWS
from .shared import STUDY_WORDS, windows
from .studies import MODEL

PROBLEMS = ("zero", "coupled", "free")
PLACE = ["suite", *MODEL, *WINDOWS, "seed"]
"""What the runs of one study share, and its test set."""
LOSS_SCALE = 1e4
"""Tables to read show mean squared errors times this."""
_TIMES = f"× {LOSS_SCALE:.0e}".replace("e+0", "e")

MIN_POINTS = 3
"""Points of a line that is fitted with an interval."""


def initial_states(records: Iterable[RunRecord]) -> pd.DataFrame:
    """One row a study, test set and m at which zero and coupled initial states were both solved; standardised units.

    ``loss_*`` is the least training loss of each problem, ``regret`` that of ``zero`` less that of ``coupled``;
    ``w_hh_*`` and ``coercivity_*`` as in `sysid_tbptt.training.job.Optimum`; ``train_*`` and ``test_*`` the MSE of the
    free run from a zero state over steps m+1 to T. ``difference`` holds e_1 ... e_N, the mean square over subsequences
    of the difference of the two networks' outputs, each from the initial states it was trained with; ``rate`` is its
    factor from step to step, fitted over the burn-in phase, see `decay`.
    """
    solved = {record.run_id: record for record in records if record.optimum is not None}
    place, rows = [*PLACE, "burn_in"], []
    for key, part in frame(solved.values()).groupby(place):
        runs = {mode: solved[run_id] for mode, run_id in zip(part["init_mode"], part["run_id"], strict=True)}
        if {"zero", "coupled"} <= runs.keys():
            rows.append(_row(dict(zip(place, key, strict=True)), runs))
    return pd.DataFrame(rows)


def _row(place: Mapping[str, Any], runs: Mapping[str, RunRecord]) -> dict[str, Any]:
    row, m = dict(place), place["burn_in"]
    for problem in PROBLEMS:
        row |= dict(_values(problem, runs.get(problem), place["test_set"]))
    difference = output_difference(runs["zero"], runs["coupled"])
    rate, low, high = decay(difference[:m])
    return row | {
        "regret": row["loss_zero"] - row["loss_coupled"],
        "difference": difference,
        "rate": rate,
        "rate_low": low,
        "rate_high": high,
        "run_ids": [record.run_id for record in runs.values()],
    }


def _values(problem: str, record: RunRecord | None, test_set: str) -> Iterator[tuple[str, float]]:
    optimum = record.optimum if record else None
    for name in ("loss", "w_hh", "coercivity"):
        yield f"{name}_{problem}", getattr(optimum, name, nan)
    scores = {"train": record.metrics["train"], "test": record.metrics["test"][test_set]} if record else {}
    for part in ("train", "test"):
        yield f"{part}_{problem}", scores[part]["mse_after_burn_in"] if record else nan


def output_difference(one: RunRecord, other: RunRecord) -> Float64[np.ndarray, " N"]:
    """e_j: the mean over subsequences and channels of the squared difference of two runs' outputs at step j."""
    outputs = [np.array(run.optimum.y_hat) for run in (one, other) if run.optimum]
    return np.square(outputs[0] - outputs[1]).mean(axis=(0, 2))


def decay(difference: Float64[np.ndarray, " k"]) -> tuple[float, float, float]:
    """The factor by which it falls from step to step, and its 95 % interval: a line through its logarithm.

    Not a number where there are fewer than `MIN_POINTS` steps.
    """
    if len(difference) < MIN_POINTS:
        return nan, nan, nan
    line = linregress(np.arange(len(difference)), np.log(difference))
    half = t.ppf(0.975, len(difference) - 2) * line.stderr
    return float(np.exp(line.slope)), float(np.exp(line.slope - half)), float(np.exp(line.slope + half))


def initial_states_table(rows: pd.DataFrame, records: Sequence[RunRecord]) -> Table:
    """Rows of `initial_states` of one suite and data set as a table to read."""
    solved = rows.drop_duplicates([name for name in (*PLACE, "burn_in") if name != "test_set"]).drop(columns="test_set")
    return Table(
        title=f"{rows['suite'].iloc[0]}: {rows['dataset'].iloc[0]}, trained initial states",
        blocks=[
            Block(f"Least training loss {_TIMES}", _losses(solved), STUDY_WORDS),
            Block("Decay of the output difference over the burn-in phase, a step", _decays(solved), STUDY_WORDS),
            Block(f"Performance: MSE over steps m+1 to T {_TIMES}", _performance(rows), STUDY_WORDS),
        ],
        notes=[
            "Zero initial states (TBPTT), coupled ones (the benchmark) and free ones, each problem solved to an "
            f"optimum; {_order(solved)}. Regret: TBPTT less the benchmark. Decay: factor from step to step of e_j, the "
            "mean squared difference over subsequences of the outputs of TBPTT and benchmark, fitted over j = 1 to m, "
            "with its 95 % interval; where both have the same weights it is |w_hh|². Coercivity: the least growth of "
            "the loss by the outputs' mean squared change; an optimum is strict in its outputs where it is above 0. "
            "Performance: free run of the whole record from a zero state.",
            f"Provenance: {provenance_of(chain.from_iterable(rows['run_ids']), records)}",
        ],
        data=_numbers(rows),
    )


def _order(rows: pd.DataFrame) -> str:
    """Whether the problem with more freedom is never worse."""
    free = (rows["loss_free"] <= rows["loss_coupled"]).sum()
    coupled = (rows["loss_coupled"] <= rows["loss_zero"]).sum()
    both = rows["loss_free"].notna().sum()
    return f"free ≤ coupled at {free} of {both} and coupled ≤ TBPTT at {coupled} of {len(rows)} cases"


def _losses(rows: pd.DataFrame) -> pd.DataFrame:
    shown = {"TBPTT": "loss_zero", "benchmark": "loss_coupled", "free": "loss_free", "regret": "regret"}
    return _with_m(rows, {name: rows[column].map(_scaled) for name, column in shown.items()})


def _decays(rows: pd.DataFrame) -> pd.DataFrame:
    intervals = [
        MISSING if np.isnan(rate) else f"{rate:.4f} [{low:.4f}, {high:.4f}]"
        for rate, low, high in zip(rows["rate"], rows["rate_low"], rows["rate_high"], strict=True)
    ]
    return _with_m(
        rows,
        {
            "fitted": pd.Series(intervals, index=rows.index),
            "|w_hh|² TBPTT": rows["w_hh_zero"].map(lambda w: f"{w * w:.4f}"),
            "|w_hh|² benchmark": rows["w_hh_coupled"].map(lambda w: f"{w * w:.4f}"),
            "coercivity TBPTT": rows["coercivity_zero"].map("{:.3f}".format),
            "coercivity benchmark": rows["coercivity_coupled"].map("{:.3f}".format),
        },
    )


def _performance(rows: pd.DataFrame) -> pd.DataFrame:
    names = {"zero": "TBPTT", "coupled": "benchmark"}
    return _with_m(
        rows,
        {
            f"{part} {name}": rows[f"{part}_{problem}"].map(_scaled)
            for part in ("train", "test")
            for problem, name in names.items()
        },
    )


def _with_m(rows: pd.DataFrame, columns: Mapping[str, pd.Series[str]]) -> pd.DataFrame:
    """The columns under what tells the rows apart."""
    more = {name: rows[name].astype(str) for name in ("budget", "seed") if rows[name].nunique() > 1}
    return pd.DataFrame({**windows(rows), **more, "m": rows["burn_in"].astype(str), **columns})


def _scaled(value: float) -> str:
    return MISSING if np.isnan(value) else f"{value * LOSS_SCALE:.4f}"


def _numbers(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows at full precision, e_j a column each."""
    differences = pd.DataFrame(rows["difference"].tolist(), index=rows.index)
    differences.columns = pd.Index([f"e_{j}" for j in range(1, differences.shape[1] + 1)])
    plain = rows.drop(columns="difference").assign(run_ids=[" ".join(run_ids) for run_ids in rows["run_ids"]])
    return pd.concat([plain, differences], axis=1)
