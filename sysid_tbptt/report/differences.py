"""What the paper's reference implementation does differently, and what that changes, as far as records show it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import groupby
from math import isfinite, nan
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..config import RunConfig
from ..runs.predictions import read_predictions
from ..runs.record import RunRecord
from .caption import provenance_line
from .formats import MISSING, MSE_SCALE, Block, Table, mse, percent, two_decimals
from .frame import frame
from .published import PAPER_CITATION, PAPER_EPOCHS, is_papers, paper_tables
from .questions import seed_spread
from .selection import PAPER, VAL
from .stats import change
from .studies import Point, Study
from .studies import studies as studies_of

NAME = "differences"
FORECASTING = (
    "The quirks of the paper's forecasting scripts (a test score divided by too many windows, an unscaled validation "
    "error against scaled truth, a column m0 that holds m = N-1) are not in these records."
)
NO_OUTPUTS = (
    "R2 with its arguments swapped is left out: no simulated outputs of these runs are kept (run --keep-weights keeps "
    "them)."
)
_WORDS = ("quirk", "data set", "the paper's code", "measured here", "effect")

Outputs = Callable[[str], Path]
"""Where the simulated outputs of a run are, or would be, by its id."""


@dataclass(frozen=True)
class Difference:
    """One quirk on one data set and N, or on all N where ``seq_len`` is None. ``theirs`` and ``ours`` are the numbers
    behind the effect, NaN where it is none."""

    quirk: str
    dataset: str
    seq_len: int | None
    paper: str
    measured: str
    effect: str
    theirs: float | int = nan
    ours: float | int = nan


def differences(
    suite: str, studies: Iterable[Study], records: Sequence[RunRecord], outputs: Outputs | None = None
) -> Table | None:
    """The table of a suite with runs of the paper's system identification section, at its budget; else None.

    ``records`` are those of all suites: the official splits are told of where they were run.

    Raises:
        StoreError: simulated outputs of a run cannot be read.
    """
    of_paper = _papers_studies(studies)
    if not of_paper:
        return None
    behind = [record for record in records if record.config.suite == suite]
    swapped = list(_r2(_papers_records(behind), outputs)) if outputs else []
    of_seed_0 = _papers_studies(studies_of(frame(record for record in behind if record.config.seed == 0)))
    rows = [*_of_studies(of_paper, of_seed_0), *_epochs(behind), *_splits(of_paper, records), *swapped]
    table = pd.DataFrame([asdict(row) for row in rows]).astype({"seq_len": "Int64"})
    notes = [
        f"Test MSE × {MSE_SCALE} of the free-run simulation from a zero state, standardised units, medians over the "
        "seeds; beside what is published, seed 0 alone, as there. Only what records can show. Test data decide "
        "nothing.",
        *([] if swapped else [NO_OUTPUTS]),
        FORECASTING,
        f"published: {PAPER_CITATION}, rounded as published",
        f"Provenance: {provenance_line(behind)}",
    ]
    return Table(f"{suite}: what we found different", [Block("By quirk", _readable(table), _WORDS)], notes, table)


def _at_papers_budget(run: Mapping[str, Any]) -> bool:
    return is_papers(run) and run["budget"] == f"{PAPER_EPOCHS[run['dataset']]} epochs"


def _papers_studies(studies: Iterable[Study]) -> list[Study]:
    return [study for study in studies if _at_papers_budget(study.key)]


def _of_studies(studies: Sequence[Study], of_seed_0: Sequence[Study]) -> Iterator[Difference]:
    """What is published is of seed 0."""
    for rows, of in (((_selection, _cap), studies), ((_published_m, _published_errors), of_seed_0)):
        for row in rows:
            for study in of:
                yield from row(study)
    for dataset, part in groupby(studies, key=lambda study: str(study.key["dataset"])):
        yield from _seeds(dataset, list(part))


def _selection(study: Study) -> Iterator[Difference]:
    yield _chosen(
        study,
        "m* leans on the training error",
        PAPER.told,
        {"paper": study.m_star(PAPER), "val": study.m_star(VAL)},
    )


def _cap(study: Study) -> Iterator[Difference]:
    cap = PAPER.caps.get((study.key["dataset"], study.key["split"]))
    if cap is not None:
        free = study.m_star(replace(PAPER, caps={}))
        yield _chosen(
            study,
            "m* has a cap set by hand",
            f"m* at most {cap}",
            {"with the cap": study.m_star(PAPER), "without": free},
        )


def _chosen(study: Study, quirk: str, paper: str, found: Mapping[str, int]) -> Difference:
    """Two choices of m*, the paper's first."""
    theirs, ours = (study.points[m].test_median for m in found.values())
    measured = "; ".join(f"{name}: m* = {m}, {mse(study.points[m].test_median)}" for name, m in found.items())
    same = len(set(found.values())) == 1
    effect = "none: the same m*" if same else f"{percent(change([ours], [theirs]))} % test error"
    return Difference(quirk, study.key["dataset"], study.seq_len, paper, measured, effect, theirs, ours)


def _published_m(study: Study) -> Iterator[Difference]:
    published = _published(study)
    if published is None:
        return
    theirs, ours, tried = int(published["m_star"]), study.m_star(PAPER), len(study.points)
    effect = "none: the same m*" if theirs == ours else f"m* {ours} in place of {theirs}"
    if theirs not in study.points:
        effect = f"not known: m = {theirs} was not run yet"
    measured = f"rule paper: m* = {ours} of {tried} m"
    yield Difference(
        "published m*", study.key["dataset"], study.seq_len, f"m* = {theirs}", measured, effect, theirs, ours
    )


def _published_errors(study: Study) -> Iterator[Difference]:
    published = _published(study)
    if published is None:
        return
    m = int(published["m_star"])
    found: dict[str, tuple[str, Point | None]] = {
        "m0": ("m = 0", study.points[0]),
        "mstar": (f"m = {m}", study.points.get(m)),
        "stateful": ("stateful", study.stateful),
        "bptt": ("full BPTT", study.bptt),
    }
    pairs = {
        told: (float(published[f"{name}_test"]), point.test_median) for name, (told, point) in found.items() if point
    }
    furthest = max(pairs, key=lambda told: abs(change([pairs[told][1]], [pairs[told][0]])))
    theirs, ours = pairs[furthest]
    yield Difference(
        "published test errors",
        study.key["dataset"],
        study.seq_len,
        ", ".join(f"{told}: {mse(values[0])}" for told, values in pairs.items()),
        ", ".join(f"{told}: {mse(values[1])}" for told, values in pairs.items()),
        f"at most {percent(change([ours], [theirs]))} % ({furthest})",
        theirs,
        ours,
    )


def _published(study: Study) -> dict[str, float] | None:
    place = (study.key["dataset"], study.seq_len)
    if place not in paper_tables().index:
        return None
    return {str(name): float(value) for name, value in paper_tables().loc[place].items()}


def _seeds(dataset: str, studies: Sequence[Study]) -> Iterator[Difference]:
    spread = seed_spread.rows(studies)
    several = spread[spread["seeds"] > 1]
    if several.empty:
        yield Difference("one seed", dataset, None, "seed 0", "one seed here too", "not known: it takes more seeds")
    for row in several.to_dict("records"):
        measured = f"{row['seeds']} seeds: spread {_spread(row['m0_spread'])} at m = 0, "
        measured += f"{_spread(row['mstar_spread'])} at m* = {row['m_star']} ({row['rule']})"
        effect = f"effect of m exceeds the spread: {row['exceeds']}"
        yield Difference("one seed", dataset, row["seq_len"], "seed 0", measured, effect)


def _spread(value: float) -> str:
    shown = seed_spread.in_percent(value)
    return f"{shown} %" if isfinite(value) else shown


def _papers_records(records: Iterable[RunRecord]) -> list[RunRecord]:
    """The runs of the paper's section that ended well, full BPTT, which has a budget of its own, left out."""
    ended = [record for record in records if record.status == "ok"]
    runs = frame(ended).drop_duplicates("run_id")
    rows = [{str(name): value for name, value in row.items()} for row in runs.to_dict("records")]
    at_budget = {row["run_id"] for row in rows if _at_papers_budget(row)}
    return [record for record in ended if record.run_id in at_budget]


def _epochs(records: Iterable[RunRecord]) -> Iterator[Difference]:
    """What a longer window gets: fewer steps, of more samples each."""
    runs = sorted(_papers_records(records), key=lambda record: (record.config.dataset, record.config.seq_len))
    for dataset, part in groupby(runs, key=lambda record: record.config.dataset):
        steps = {record.config.seq_len: float(record.steps_done) for record in part}
        short, long = min(steps), max(steps)
        if short < long:
            samples = steps[long] * long / (steps[short] * short)
            yield Difference(
                "budget in epochs",
                dataset,
                None,
                f"{PAPER_EPOCHS[dataset]} epochs whatever N",
                "steps " + ", ".join(f"{count:.0f} at N = {n}" for n, count in steps.items()),
                f"N = {long} against {short}: {percent(change([steps[long]], [steps[short]]))} % steps, "
                f"{two_decimals(samples)} times the samples",
                steps[short],
                steps[long],
            )


def _splits(studies: Iterable[Study], records: Iterable[RunRecord]) -> Iterator[Difference]:
    """The data sets that were run under their official split too."""
    datasets = {study.key["dataset"] for study in studies}
    found: dict[tuple[str, str], str] = {}
    for record in records:
        place = record.config.dataset, record.config.split
        if record.status == "ok" and place[0] in datasets and place[1] in ("paper", "official"):
            found.setdefault(place, _scored(record))
    for dataset in sorted(datasets):
        if (dataset, "official") in found:
            yield Difference(
                "not the official split",
                dataset,
                None,
                f"split paper: {found[dataset, 'paper']}",
                f"split official: {found[dataset, 'official']}",
                "errors of the two cannot be compared",
            )


def _scored(record: RunRecord) -> str:
    """What is scored, and in which unit."""
    n_init = (record.provenance.get("data") or {}).get("n_init", MISSING)
    tests = [
        f"{name} in {'/'.join(scores['unit'])}, {scores.get('n_scored', MISSING)} samples"
        for name, scores in record.metrics["test"].items()
    ]
    return f"{'; '.join(tests)}; first {n_init} not scored"


def _r2(records: Sequence[RunRecord], outputs: Outputs) -> Iterator[Difference]:
    seeds = Counter(_place(record.config) for record in records)
    for record in records:
        path = outputs(record.run_id)
        if path.is_file():
            for prediction in read_predictions(path):
                theirs, ours = r2(prediction.y_hat, prediction.y), r2(prediction.y, prediction.y_hat)
                dataset, seq_len, run = place = _place(record.config)
                seed = f", seed {record.config.seed}" if seeds[place] > 1 else ""
                yield Difference(
                    "R2 with its arguments swapped",
                    dataset,
                    seq_len,
                    "r2_score(prediction, truth)",
                    f"{run}{seed}, {prediction.test_set}: {theirs:.5f} swapped, {ours:.5f} as defined",
                    f"{ours - theirs:+.5f}",
                    theirs,
                    ours,
                )


def _place(config: RunConfig) -> tuple[str, int, str]:
    """Data set, N and m of a run of the paper's: all but its seed."""
    run = "stateful" if config.init_mode == "carry" else f"m = {config.burn_in}"
    return config.dataset, config.seq_len, run


def r2(y: np.ndarray, y_hat: np.ndarray) -> float:
    """The mean over channels of 1 - sum (y - y_hat)^2 / sum (y - mean y)^2, of arrays (T, n_y)."""
    y, y_hat = y.astype(np.float64), y_hat.astype(np.float64)
    return float(np.mean(1 - ((y - y_hat) ** 2).sum(axis=0) / ((y - y.mean(axis=0)) ** 2).sum(axis=0)))


def _readable(table: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "quirk": table["quirk"],
            "data set": table["dataset"],
            "N": ["all" if pd.isna(n) else str(n) for n in table["seq_len"]],
            "the paper's code": table["paper"],
            "measured here": table["measured"],
            "effect": table["effect"],
        }
    )
