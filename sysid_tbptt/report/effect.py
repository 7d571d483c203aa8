"""What the burn-in phase does, over all data sets of a suite: the error at m = 0 and at m* of the same setting."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd

from ..runs.choice import Setting, choose
from ..runs.record import RunRecord
from .caption import provenance_of
from .contests import PROTOCOL, Contest, Entry, contests, entry, errors, paired
from .formats import MISSING, Block, Table, p_value, percent, significant
from .frame import setting_in_words
from .methods import names, told
from .stats import MIN_PAIRS, change, change_interval, holm, paired_p

COLUMNS = [
    *("dataset", "split", "test_set", "channel", "unit"),
    *("model", "optimiser", "hidden_size", "seq_len", "burn_in", "chosen"),
    *("rmse_m0", "rmse", "change", "change_low", "change_high", "p", "p_holm", "seeds", "verdict"),
    *("setting", "suite", "revision", "n_init", "run_ids"),
]
LEVEL = 0.05
HELPS, HARMS, NIL, UNTESTED = "helps", "harms", "no difference shown", "not tested"

_WORDS = ("data set", "split", "revision", "test set", "unit", "model", "validation chose", "verdict")


def burn_in_effect(records: Iterable[RunRecord]) -> pd.DataFrame:
    """One row a method, test set and output channel where m = 0 and an m > 0 of the same setting were run.

    The setting is the one that validation chose, see `sysid_tbptt.report.leaderboard`; where it chose m = 0 itself, the
    m > 0 that validated best stands beside it, and ``chosen`` is false. ``change`` is that of the median RMSE over
    the seeds that both have, relative to m = 0, with a 95 % bootstrap interval over pairs; ``p`` of the paired Wilcoxon
    test, Holm-corrected over the suite's tests of that method: what others run changes nothing for it. ``verdict`` says
    in words what the test at 0.05 shows.
    """
    rows = [row for contest in contests(records) for row in _rows(contest)]
    table = pd.DataFrame(rows, columns=COLUMNS)
    if len(table):
        table["p_holm"] = table.groupby(["suite", "model", "optimiser"])["p"].transform(holm)
        table["verdict"] = [verdict(*pair) for pair in zip(table["change"], table["p_holm"], strict=True)]
    return table.sort_values([*PROTOCOL, "test_set", "channel", "model", "optimiser"], ignore_index=True)


def verdict(change: float, p: float) -> str:
    """What a change of the median and its corrected p show."""
    if np.isnan(p):
        return UNTESTED
    if p >= LEVEL or not change:
        return NIL
    return HELPS if change < 0 else HARMS


def _rows(contest: Contest) -> Iterator[dict[str, Any]]:
    for tried in contest.methods.values():
        found = entry(tried)
        with_m = _with_burn_in(found, tried)
        if found.at_zero is None or with_m is None:
            continue
        for (test_set, channel), unit in contest.units.items():
            pairs = paired(errors(with_m, test_set, channel), errors(found.at_zero, test_set, channel))
            if pairs[0]:
                place = {"test_set": test_set, "channel": channel, "unit": unit}
                yield contest.protocol | place | _about(found, with_m) | _compared(*pairs)


def _with_burn_in(found: Entry, tried: Sequence[Setting]) -> Setting | None:
    """The chosen setting, or where that has no burn-in, the m > 0 of the same setting that validates best."""
    if found.chosen.config.burn_in:
        return found.chosen
    alike = [one for one in tried if one.config.model_copy(update={"burn_in": 0}) == found.chosen.config]
    others = [one for one in alike if one.config.burn_in]
    return choose(others) if others else None


def _about(found: Entry, with_m: Setting) -> dict[str, Any]:
    config = with_m.config
    behind = [*with_m.records, *(found.at_zero.records if found.at_zero else ())]
    return {name: getattr(config, name) for name in ("model", "hidden_size", "seq_len", "burn_in")} | {
        "optimiser": with_m.optimiser,
        "chosen": with_m is found.chosen,
        "setting": setting_in_words(config),
        "run_ids": tuple(record.run_id for record in behind),
    }


def _compared(with_m: Sequence[float], without: Sequence[float]) -> dict[str, Any]:
    low, high = change_interval(with_m, without)
    return {
        "rmse_m0": float(np.median(without)),
        "rmse": float(np.median(with_m)),
        "change": change(with_m, without),
        "change_low": low,
        "change_high": high,
        "p": paired_p(with_m, without),
        "seeds": len(with_m),
    }


def effect_table(effect: pd.DataFrame, records: Sequence[RunRecord]) -> Table:
    """Rows of `burn_in_effect` of one suite as a table to read."""
    suite = str(effect["suite"].iloc[0])
    counts = effect["verdict"].value_counts()
    said = ", ".join(f"{word} in {counts.get(word, 0)}" for word in (HELPS, HARMS, NIL, UNTESTED))
    floor = 2 / 2 ** int(effect["seeds"].max()) * effect.groupby(["model", "optimiser"])["p"].count().max()
    return Table(
        title=f"{suite}: what the burn-in phase does",
        blocks=[Block(f"Burn-in {said} of {len(effect)} cases", _readable(effect), words=_WORDS)],
        notes=[
            "RMSE of the free-run simulation after the init window, median over the seeds that both have; change: of m "
            "against m = 0 of the same setting, in percent, with its 95 % bootstrap interval; p: paired two-sided "
            "Wilcoxon signed-rank test over seeds, Holm-corrected over the rows of the model. The setting is that of "
            "least median validation error; where it has m = 0, the m > 0 that validated best stands beside it. "
            f"{HELPS}, {HARMS}: corrected p < {LEVEL}; {UNTESTED}: fewer than {MIN_PAIRS} seeds. Test data decide "
            "nothing."
            + (f" The least p that so few seeds allow is {floor:.2g} after correction." if floor >= LEVEL else ""),
            *told(effect["optimiser"]),
            f"Provenance: {provenance_of(chain.from_iterable(effect['run_ids']), records)}",
        ],
        data=effect.assign(run_ids=[" ".join(run_ids) for run_ids in effect["run_ids"]]),
    )


def _readable(effect: pd.DataFrame) -> pd.DataFrame:
    rows = effect.to_dict("records")
    revisions = effect.groupby(["dataset", "split"])["revision"].nunique()
    several = {"split": effect["split"].nunique(), "revision": revisions.max(), "channel": effect["channel"].nunique()}
    shown = {
        "data set": effect["dataset"],
        **{name: effect[name].astype(str) for name, count in several.items() if count > 1},
        "test set": effect["test_set"],
        "model": pd.Series(names(effect), index=effect.index, dtype=object),
        "N": effect["seq_len"].astype(str),
        "m": effect["burn_in"].astype(str),
        "validation chose": effect["chosen"].map({True: "m", False: "0"}),
        "unit": effect["unit"],
        "RMSE at m = 0": effect["rmse_m0"].map(significant),
        "RMSE at m": effect["rmse"].map(significant),
        "change %": pd.Series([_change(row) for row in rows], index=effect.index, dtype=object),
        "p": effect["p"].map(p_value),
        "p Holm": effect["p_holm"].map(p_value),
        "seeds": effect["seeds"].astype(str),
        "verdict": effect["verdict"],
    }
    return pd.DataFrame(shown)


def _change(row: dict[Any, Any]) -> str:
    if np.isnan(row["change"]):
        return MISSING
    interval = f" [{percent(row['change_low'])}, {percent(row['change_high'])}]"
    return percent(row["change"]) + ("" if np.isnan(row["change_low"]) else interval)
