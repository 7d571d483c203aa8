"""The forecasting study as a table: m* chosen in stage one, the errors of stage two, for each look-back N.

Where stage two was not run, as of a series that only a first look is taken at, the errors are of stage one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import inf, isfinite, nan
from typing import Any

import pandas as pd

from ..config import RETRAIN
from ..runs.record import RunRecord
from .caption import provenance_of
from .formats import Block, Table, percent, significant, with_range
from .frame import NETWORK, by_study, frame
from .published import FORECASTING_EPOCHS, PAPER_CITATION, PUBLISHED, forecasting_tables, is_papers_forecast
from .regimes import WINDOWS, bptt, comparable, finished, on_windows, stateful
from .selection import RULES, RULES_TOLD
from .shared import STUDY_WORDS, choice, shared, tried, windows

MODEL = ["suite", "dataset", "split", "data", "test_set", *NETWORK]
STUDY = [*MODEL, *WINDOWS]
ERRORS = ("train", "test", "test_paper")
VALUES = {"m0": "m = 0", "last": "m = N-1", "mstar": "at m*", "stateful": "stateful", "bptt": "full BPTT"}


def forecasts(records: Iterable[RunRecord]) -> pd.DataFrame:
    """The rows of `finished` of the runs with a horizon; the errors of one that diverged are infinite.

    ``split`` is that of stage one for both stages, ``retrained`` tells the second, ``data`` the checksum of the files
    that both read, ``time`` when a run ended, and ``test_paper_mse`` is the test error with the paper's divisor.
    """
    records = [record for record in records if record.config.horizon]
    by_id = {record.run_id: record for record in records}
    runs = frame(records)
    split = runs["split"].astype(str)
    runs = runs.assign(split=split.str.removesuffix(RETRAIN), retrained=split.str.endswith(RETRAIN))
    runs = finished(runs)
    behind = [by_id[run_id] for run_id in runs["run_id"]]
    paper = [_paper_mse(record, test_set) for record, test_set in zip(behind, runs["test_set"], strict=True)]
    return runs.assign(
        data=pd.Series([_files(record) for record in behind], runs.index, dtype=object),
        time=pd.Series([str(record.provenance.get("time", "")) for record in behind], runs.index, dtype=object),
        test_paper_mse=pd.Series(paper, runs.index, dtype=float),
    )


def _files(record: RunRecord) -> str:
    """What tells the files apart that a run read: the start of a checksum, empty where a record has none."""
    checksums = (record.provenance.get("data") or {}).get("sha256") or {}
    return " ".join(str(checksums[name])[:12] for name in sorted(checksums))


def _paper_mse(record: RunRecord, test_set: str) -> float | None:
    return record.metrics["test"][test_set].get("mse_paper") if record.status == "ok" else inf


def forecasting_study(runs: pd.DataFrame) -> pd.DataFrame:
    """Rows by study and rule, from the rows of `forecasts`: medians over seeds, least and largest of m* beside them.

    m* minimises the rule's cost over the runs of stage one; of each stage those count that are `comparable`, of the
    data revision that was run last. All errors are of the stage that ``stage`` tells: 2, or 1 where there are no runs
    of two. ``change`` is that of the test error at m* relative to m = N-1, the usual forecast of one target a window.
    Rows of the rule "published" hold the paper's, whose test errors have its divisor.
    """
    rows: list[dict[str, Any]] = []
    for _, of_model in runs.groupby(MODEL) if len(runs) else ():
        one, two = (_newest(of_model[of_model["retrained"] == stage]) for stage in (False, True))
        for key, _ in one[one["regime"] == "stateless"].groupby(STUDY):
            rows += _rows(dict(zip(STUDY, key, strict=True)), one, two)
    return pd.DataFrame(rows).drop_duplicates(ignore_index=True)


def _newest(stage: pd.DataFrame) -> pd.DataFrame:
    """The rows of the data revision that was run last: another cut of the same files is another experiment."""
    last = stage.sort_values("time", kind="stable").tail(1)
    return stage[stage["revision"].isin(last["revision"])]


def _rows(study: dict[str, Any], one: pd.DataFrame, two: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Of the runs of a model in either stage."""
    first, second = (comparable(_stateless(study, stage), STUDY) for stage in (one, two))
    curve = first.groupby("burn_in")[["train_mse", "val_mse"]].median().reset_index()
    scored, of_stage, stage = (second, two, 2) if len(second) else (first, one, 1)
    at, last = scored["burn_in"], study["seq_len"] - 1
    beside = {"stateful": stateful(of_stage, study), "bptt": bptt(of_stage, study["budget"])}
    for rule in RULES:
        m_star = rule.choose(curve, study["dataset"], study["split"])
        chosen = {"m0": scored[at == 0], "last": scored[at == last], "mstar": scored[at == m_star]}
        row = study | {"stage": stage, "rule": rule.name, "m_star": m_star, "m_tried": len(curve)}
        row["seeds"] = scored["seed"].nunique()
        for name, runs in (chosen | beside).items():
            row |= _errors(name, runs)
        yield row | {"change": _change(row["mstar_test"], row["last_test"])}
    yield from _published(study)


def _stateless(study: Mapping[str, Any], of_model: pd.DataFrame) -> pd.DataFrame:
    """The runs on the study's windows, each from a zero state."""
    return on_windows(of_model[of_model["regime"] == "stateless"], study)


def _change(error: float, reference: float) -> float:
    """Relative; none where a run diverged."""
    return error / reference - 1 if isfinite(error) and isfinite(reference) else nan


def _errors(name: str, runs: pd.DataFrame) -> dict[str, float]:
    errors = {f"{name}_{part}": float(runs[f"{part}_mse"].median()) for part in ERRORS}
    spread = {"min": runs["test_mse"].min(), "max": runs["test_mse"].max()}
    return errors | {f"{name}_test_{end}": float(value) for end, value in spread.items()}


def _published(study: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The paper's row of the same experiment and look-back; its errors are rounded, and have its divisor."""
    place = (study["dataset"], study["seq_len"])
    if not is_papers_forecast(study) or place not in forecasting_tables().index:
        return
    values = forecasting_tables().loc[place]
    row = study | {"stage": 2, "rule": PUBLISHED, "m_star": int(values["m_star"]), "seeds": 1, "m_tried": nan}
    row["budget"] = f"{FORECASTING_EPOCHS[study['dataset']]} epochs"
    for name in ("last", "mstar", "stateful", "bptt"):
        row |= {f"{name}_train": values[f"{name}_train"], f"{name}_test_paper": values[f"{name}_test"]}
    yield row | {"change": row["mstar_test_paper"] / row["last_test_paper"] - 1}


def forecasting_table(rows: pd.DataFrame, runs: pd.DataFrame, records: Sequence[RunRecord]) -> Table:
    """Rows of `forecasting_study` of one suite and data set as a table to read."""
    place = (rows["suite"].iloc[0], rows["dataset"].iloc[0])
    behind = runs[(runs["suite"] == place[0]) & (runs["dataset"] == place[1])]
    steps = ", ".join(f"{horizon:.0f}" for horizon in sorted(set(behind["horizon"])))
    return Table(
        title=f"{place[0]}: {place[1]}, forecasts of {steps} steps",
        blocks=[
            Block(f"Test MSE, standardised units; {shared(rows)}", _readable(rows, "test"), words=STUDY_WORDS),
            Block("Test MSE with the paper's divisor", _readable(rows, "test_paper"), words=STUDY_WORDS),
            Block("Training MSE", _readable(rows, "train"), words=STUDY_WORDS),
        ],
        notes=[
            "The forecast at the end of each look-back window of N samples, mean squared error over all windows and "
            "horizons. m* is chosen in stage one, trained on the training part; "
            + ("all errors are of stage two," if (rows["stage"] == 2).all() else "errors are of the stage told; two is")
            + " trained on training and validation together, with the scaler fitted there. change: test error at m* "
            "against m = N-1, which scores one step a window, as is usual. of m: how many values of m there are to "
            "choose from. The paper's divisor: the sum over the forecasts is divided by the samples of the part, of "
            "which there are P-1 more. Median over seeds, of m* (least to largest). "
            f"{RULES_TOLD}. Test data decide nothing."
            + (f" {PUBLISHED}: {PAPER_CITATION}." if (rows["rule"] == PUBLISHED).any() else ""),
            *_bad_ends(by_study(records)[place[0], place[1]]),
            f"Provenance: {provenance_of(behind['run_id'], records)}",
        ],
        data=rows,
    )


def _bad_ends(records: Sequence[RunRecord]) -> Iterator[str]:
    """How many runs diverged or failed, if any did."""
    ends = Counter(record.status for record in records if record.config.horizon)
    if ends["diverged"]:
        yield f"{ends['diverged']} runs diverged: their errors are infinite."
    if ends["failed"]:
        yield f"{ends['failed']} runs failed, and are left out."


def _readable(rows: pd.DataFrame, part: str) -> pd.DataFrame:
    stage = {} if (rows["stage"] == 2).all() else {"stage": rows["stage"].astype(str)}
    shown = pd.DataFrame({**windows(rows), "budget": rows["budget"], **stage, **choice(rows), **tried(rows)})
    shown["seeds"] = rows["seeds"].astype(str)
    for name, heading in VALUES.items():
        errors = rows[f"{name}_{part}"]
        if errors.notna().any():
            spread = name == "mstar" and part == "test"
            shown[heading] = [_cell(row, f"{name}_{part}", spread) for row in rows.to_dict("records")]
    if part == "test":
        shown["change %"] = rows["change"].map(percent)
    return shown


def _cell(row: Mapping[Any, Any], name: str, spread: bool) -> str:
    least, largest = (row.get(f"{name}_{end}", nan) for end in ("min", "max"))
    return with_range(row[name], least, largest, row["seeds"] if spread else 1, significant)
