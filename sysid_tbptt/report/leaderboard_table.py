"""The leaderboard of one data set as a table to read, with the published values apart from ours."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from typing import Any

import pandas as pd

from ..config import method
from ..runs.record import PREDICTIONS, RunRecord
from .caption import provenance_line
from .citations import keys
from .formats import MISSING, Block, Table, p_value, percent, significant, with_interval
from .leaderboard import TEST
from .literature import CONFIDENCE, SPLITS, literature
from .methods import names, told
from .ranks import Standing
from .stats import MIN_PAIRS

LEVEL = 0.05
_WORDS = ("model", "remarks", "method", "confidence", "source", "note")
_Row = dict[Hashable, Any]


def leaderboard_table(board: pd.DataFrame, records: Sequence[RunRecord], standings: Sequence[Standing] = ()) -> Table:
    """Rows of `sysid_tbptt.report.leaderboard.board` of one suite and data set: a block a test set, ours and then
    the published values; ``records`` holds those behind the rows."""
    suite, dataset = str(board["suite"].iloc[0]), str(board["dataset"].iloc[0])
    return Table(
        title=f"{suite}: {dataset}, leaderboard",
        blocks=list(_blocks(board)),
        notes=_notes(board, records, standings),
        data=board.assign(run_ids=[" ".join(run_ids) for run_ids in board["run_ids"]]),
    )


def _blocks(board: pd.DataFrame) -> Iterator[Block]:
    several = [name for name in ("revision", "channel", "n_init") if board[name].nunique() > 1]
    for _, part in board.groupby(TEST, sort=False, dropna=False):
        first = part.iloc[0]
        words = {"revision": "data revision", "channel": "output channel", "n_init": "n_init"}
        more = "".join(f", {words[name]} {first[name]}" for name in several)
        first_rows = [row for row, rank in enumerate(part["rank"]) if rank == 1]
        yield Block(
            f"Split {first['split']}, test set {first['test_set']}{more}: RMSE in {first['unit']}",
            pd.DataFrame([_shown(row) for row in part.to_dict("records")]),
            words=_WORDS,
            bold=frozenset((row, column) for row in first_rows for column in ("model", "RMSE")),
        )
        published = _published(part)
        if len(published):
            yield Block(
                f"Published for {first['test_set']} under other protocols, not ranked: RMSE in {first['unit']}",
                pd.DataFrame([_shown_published(row) for row in published.to_dict("records")]),
                words=_WORDS,
            )


def _published(part: pd.DataFrame) -> pd.DataFrame:
    """The published values for the rows' test set."""
    rows = literature(part["dataset"].iloc[0], part["test_set"].iloc[0])
    official = part["split"].iloc[0] in SPLITS and part["channel"].iloc[0] == 0
    return rows[rows["unit"] == part["unit"].iloc[0]] if official else rows.head(0)


def _shown(row: _Row) -> dict[str, str]:
    seed: str = "" if pd.isna(row["best_seed"]) else f" (seed {row['best_seed']})"
    shown = {
        "rank": str(row["rank"]),
        "model": method(row["model"], row["optimiser"]),
        "H": str(row["hidden_size"]),
        "N": str(row["seq_len"]),
        "m": str(row["burn_in"]),
        "RMSE": with_interval(row["rmse"], row["rmse_low"], row["rmse_high"]),
        "best by validation": significant(row["rmse_best_seed"]) + seed,
        "at m = 0": with_interval(row["rmse_m0"], row["rmse_m0_low"], row["rmse_m0_high"]),
        "effect of m, %": percent(row["effect"]),
        "p": p_value(row["p_m0"]),
        "p Holm": p_value(row["p_m0_holm"]),
        "parameters": str(row["parameters"]),
        "training, CPU s": significant(row["train_cpu_s"], 3),
        "seeds": str(row["seeds"]),
        "remarks": "; ".join(_remarks(row)),
    }
    return shown | dict.fromkeys(_unknown(row), MISSING)


def _unknown(row: _Row) -> Iterator[str]:
    """What a model without windows, or at m = 0, does not have, and what is not known of one not trained here."""
    if row["regime"] in ("closed_form", "external"):
        yield from ("m", "at m = 0", "effect of m, %")
    elif not row["burn_in"]:
        yield "effect of m, %"  # m = 0 is what validation chose
    if row["regime"] == "external":
        yield from ("H", "N", "parameters")
    if row["engine"] == PREDICTIONS:
        yield "training, CPU s"


def _remarks(row: _Row) -> Iterator[str]:
    if row["chosen"]:
        yield "chosen by validation"
    if row["worse_than_mean"]:
        yield "worse than the mean"
    if row["p_first_holm"] >= LEVEL:
        yield f"not told apart from the first (p {p_value(row['p_first_holm'])})"
    if row["not_ok"]:
        yield f"{row['not_ok']} diverged or failed"


def _shown_published(row: _Row) -> dict[str, str]:
    return {
        "method": row["method"],
        "RMSE": f"{row['rmse']:g}",
        "confidence": row["confidence"],
        "source": row["source"],
        "note": row["note"],
    }


def _notes(board: pd.DataFrame, records: Sequence[RunRecord], standings: Sequence[Standing]) -> list[str]:
    suite, dataset = board["suite"].iloc[0], board["dataset"].iloc[0]
    parts = [part for _, part in board.groupby(TEST, sort=False, dropna=False)]
    return [
        "RMSE of the free-run simulation after the init window: median over seeds [95 % bootstrap interval]; bold: the "
        "least. Each model stands with the setting of least median validation error; best by validation: the seed of "
        "least validation error. At m = 0: the same setting without burn-in, over the seeds that both have; p: paired "
        "two-sided Wilcoxon signed-rank test over seeds, Holm: corrected over the suite's tests of the model. Not told "
        f"apart from the first: p >= {LEVEL} of the same test against the row of least test error, corrected within "
        "the test set. Chosen by validation: the model of least median validation error. "
        f"With fewer than {MIN_PAIRS} seeds there is no test. H: hidden units, of fir and arx the order "
        "in samples. Training: median over seeds, missing where the runs are of several devices. Test data decide "
        "nothing.",
        *told(board["optimiser"]),
        f"Settings: {'; '.join(_settings(board))}",
        *map(str, standings),
        *_sources(pd.concat([_published(part) for part in parts])),
        f"Cite: {', '.join(keys(records))}; BibTeX: sysid-tbptt cite --suite {suite} --dataset {dataset}",
        f"Provenance: {provenance_line(records)}",
    ]


def _settings(board: pd.DataFrame) -> Iterator[str]:
    """How each method of each split is trained, methods that are trained alike together."""
    external = board["regime"] == "external"
    for (split, batch, budget, setting), part in board[~external].groupby(
        ["split", "batch_size", "budget", "setting"], sort=False
    ):
        of_adam = "" if "lm" in set(part["optimiser"]) else f"B {batch}"
        said = ", ".join(filter(None, [of_adam, str(budget), str(setting)]))
        yield f"{', '.join(dict.fromkeys(names(part)))} (split {split}): {said}"
    if external.any():
        yield f"{', '.join(dict.fromkeys(board.loc[external, 'model']))}: not trained by this suite"


def _sources(published: pd.DataFrame) -> Iterator[str]:
    """Citation and protocol of each source, and what the grades of confidence mean."""
    for row in published.drop_duplicates("source").to_dict("records"):
        yield f"{row['source']}: {row['citation']}; protocol: {row['protocol']}"
    if len(published):
        yield f"Confidence: {'; '.join(f'{grade}: {told}' for grade, told in CONFIDENCE.items())}"
