"""All tables, from records alone, and how they are written; and the burn-in study as a table to read."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import pandas as pd

from ..runs.names import file_name
from ..runs.record import RunRecord
from .burn_in import PARTS, burn_in_table
from .caption import provenance_line
from .differences import Outputs, differences
from .effect import burn_in_effect, effect_table
from .forecasting_table import forecasting_study, forecasting_table, forecasts
from .formats import MISSING, MSE_SCALE, Block, Table, mse, with_range, write_table
from .frame import MEASURE, by_study, by_suite, frame
from .initial_states import initial_states, initial_states_table
from .leaderboard import board
from .leaderboard_table import leaderboard_table
from .optimum import optimum, optimum_table
from .published import PAPER_CITATION, PUBLISHED
from .questions import asked
from .ranks import standings
from .selection import RULES_TOLD
from .shared import STUDY_WORDS, choice, shared, tried, windows
from .studies import studies

_ARX = "arx starts from the measured outputs of the init window, which its MSE leaves out"

HEADINGS = {"m0": "m=0", "mstar": "m*", "change": "change %", "stateful": "stateful", "bptt": "BPTT"}

_OTHER_TABLES = (
    *("study-", "questions-", "differences", "initial-states-", "optimum-"),
    *("forecasting-", "leaderboard-", "burn-in-"),
)
"""What the names of tables begin with; the table of a burn-in study has the name of its data set alone."""


@dataclass(frozen=True)
class Placed:
    """A table with the suite it is of and the name of its files; ``of_study`` where it ranks no models."""

    suite: str
    name: str
    table: Table
    of_study: bool = True


def all_tables(records: Sequence[RunRecord], outputs: Outputs | None = None) -> list[Placed]:
    """The tables of every suite.

    - ``<dataset>``: the burn-in study;
    - ``questions-<name>``: see `sysid_tbptt.report.questions`;
    - ``differences``: of runs of the paper's;
    - ``initial-states-<dataset>``: of runs that were solved to an optimum with trained initial states;
    - ``optimum-<dataset>``: of runs over m that all score the same number of steps;
    - ``forecasting-<dataset>`` and ``leaderboard-<dataset>``;
    - ``burn-in-effect``: over all data sets.

    ``outputs`` tells where simulated outputs of a run are, if they are kept.

    Raises:
        StoreError: simulated outputs cannot be read.
    """
    return [
        *_studies(records, outputs),
        *_initial_states(records),
        *_optima(records),
        *_forecasts(records),
        *_leaderboards(records),
        *_effects(records),
    ]


def write_tables(tables: Iterable[Placed], folder: Path) -> list[Path]:
    """Writes the tables as .md, .csv and .tex in ``folder/<suite>``; returns the files, .md first.

    Raises:
        StoreError: the folder cannot be written.
    """
    written = [path for one in tables for path in write_table(one.table, folder / file_name(one.suite) / one.name)]
    return sorted(written, key=lambda path: (path.suffix != ".md", path))


def _studies(records: Sequence[RunRecord], outputs: Outputs | None) -> Iterator[Placed]:
    for suite, part in by_suite(records).items():
        found = list(studies(frame(part)))
        for dataset, rows in burn_in_table(found).groupby("dataset"):
            yield Placed(suite, _study_name(str(dataset)), burn_in(rows, by_study(part)[suite, str(dataset)]))
        for name, table in asked(suite, found, part):
            yield Placed(suite, f"questions-{name}", table)
        if different := differences(suite, found, records, outputs):
            yield Placed(suite, "differences", different)


def _study_name(dataset: str) -> str:
    """The name of the table of a burn-in study, other than that of every other table."""
    name = file_name(dataset)
    return f"study-{name}" if name.startswith(_OTHER_TABLES) else name


def _by_dataset(kind: str, rows: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """The rows of each suite and data set, with the suite and the name of their table."""
    for (suite, dataset), part in rows.groupby(["suite", "dataset"]) if len(rows) else ():
        yield str(suite), f"{kind}-{file_name(str(dataset))}", part


def _initial_states(records: Sequence[RunRecord]) -> Iterator[Placed]:
    for suite, name, part in _by_dataset("initial-states", initial_states(records)):
        yield Placed(suite, name, initial_states_table(part, records))


def _optima(records: Sequence[RunRecord]) -> Iterator[Placed]:
    for suite, name, part in _by_dataset("optimum", optimum(records)):
        yield Placed(suite, name, optimum_table(part, records))


def _forecasts(records: Sequence[RunRecord]) -> Iterator[Placed]:
    runs = forecasts(records)
    for suite, name, part in _by_dataset("forecasting", forecasting_study(runs)):
        yield Placed(suite, name, forecasting_table(part, runs, records))


def _leaderboards(records: Sequence[RunRecord]) -> Iterator[Placed]:
    by_id, rows = {record.run_id: record for record in records}, board(records)
    ranked = standings(rows)
    for suite, name, part in _by_dataset("leaderboard", rows):
        behind = [by_id[run_id] for run_id in dict.fromkeys(chain.from_iterable(part["run_ids"]))]
        of = [one for one in ranked if one.suite == suite and one.split in set(part["split"])]
        yield Placed(suite, name, leaderboard_table(part, behind, of), of_study=False)


def _effects(records: Sequence[RunRecord]) -> Iterator[Placed]:
    for suite, part in burn_in_effect(records).groupby("suite"):
        yield Placed(str(suite), "burn-in-effect", effect_table(part, records), of_study=False)


def burn_in(rows: pd.DataFrame, records: Sequence[RunRecord]) -> Table:
    """Rows of `burn_in_table` as a table to read."""
    return Table(
        title=f"{records[0].config.suite}: {records[0].config.dataset}, the burn-in study",
        blocks=[Block(f"MSE × {MSE_SCALE}; {shared(rows)}", readable(rows), words=STUDY_WORDS)],
        notes=_notes(rows, records),
        data=rows,
    )


def _notes(table: pd.DataFrame, records: Sequence[RunRecord]) -> list[str]:
    notes = [
        f"{MEASURE}. change: of m* against m=0; "
        "of m: how many values of m there are to choose from; more than one seed: median (least to largest). "
        f"{RULES_TOLD}. Test data decide nothing."
    ]
    if anchors := _anchors(records):
        notes.append(f"Without a network, test MSE × {MSE_SCALE}: {anchors}")
    if (table["rule"] == PUBLISHED).any():
        notes.append(f"published: {PAPER_CITATION}, rounded as published")
    return [*notes, f"Provenance: {provenance_line(records)}"]


def _anchors(records: Sequence[RunRecord]) -> str:
    """Errors of the models that are solved in closed form."""
    rows = frame(record for record in records if record.regime == "closed_form" and record.status == "ok")
    shown = ", ".join(_anchor(row, several_tests=rows["test_set"].nunique() > 1) for row in rows.to_dict("records"))
    return f"{shown}; {_ARX}" if "arx" in set(rows["model"]) else shown


def _anchor(row: dict[Hashable, Any], *, several_tests: bool) -> str:
    order = "" if row["model"] == "mean" else f" of order {row['hidden_size']}"
    test_set = f" on {row['test_set']}" if several_tests else ""
    return f"{row['model']}{order}{test_set} {mse(row['test_mse'])}"


def readable(table: pd.DataFrame) -> pd.DataFrame:
    """The table as people read it: rounded text, and columns that never vary left out."""
    shown = pd.DataFrame({**windows(table), "budget": table["budget"], **choice(table), **tried(table)})
    if table["seeds"].max() > 1:
        shown["seeds"] = table["seeds"].astype(str)
    for part in PARTS:
        for value, heading in HEADINGS.items():
            if table[f"{value}_{part}"].notna().any():
                shown[f"{part} {heading}"] = [_cell(row, value, part) for row in table.to_dict("records")]
    return shown


def _cell(row: dict[Hashable, Any], value: str, part: str) -> str:
    name = f"{value}_{part}"
    if value == "change":
        return MISSING if pd.isna(row[name]) else f"{row[name]:.1f}"
    return with_range(row[name], row[f"{name}_min"], row[f"{name}_max"], row[f"{value}_seeds"])
