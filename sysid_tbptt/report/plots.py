"""Figures as PDF and PNG, drawn from records alone; they need the extra ``plots``."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from importlib.util import find_spec
from itertools import chain
from pathlib import Path

import pandas as pd

from ..config import RunConfig
from ..errors import StoreError, SysidError
from ..runs.atomic import write_whole
from ..runs.choice import validation_error
from ..runs.names import file_name
from ..runs.predictions import read_predictions
from ..runs.record import RunRecord
from ..runs.stability import StabilityRecord, read_stability
from ..runs.store import Store
from .figures import burn_in, cost, heat_map, initial_states, loss, note, optimum, simulation, stability, train_time
from .figures.seal import SEALED_IN, is_sealed, seal
from .figures.traces import Page
from .frame import by_study, frame
from .leaderboard import board
from .ranks import standings

Draw = Callable[[Page], dict[str, bytes]]

STUDIES = (burn_in, heat_map, train_time, cost, loss)
"""Figures of a suite and data set: each has a name, a note, and makes pages of a frame of runs."""


def runs_frame(records: Sequence[RunRecord]) -> pd.DataFrame:
    """The rows of `frame`, with the loss curve beside them."""
    runs, by_id = frame(records), {record.run_id: record for record in records}
    of = [by_id[run_id] for run_id in runs["run_id"]]
    return runs.assign(
        curve=pd.Series([record.loss.curve for record in of], index=runs.index, dtype=object),
        curve_every=[record.loss.curve_every for record in of],
    )


def write_figures(store: Store) -> list[Path]:
    """Writes the figures of every suite and data set into the results folder's ``figures``; returns the files.

    Simulations are shown, where predictions are on disk, of the run of each method with the least validation error, and
    stability of the runs whose estimates are there.

    Raises:
        SysidError: a package of the extra ``plots`` is missing.
        StoreError: the results cannot be read or written.
    """
    draw, everything = renderer(), store.records()
    written: list[Path] = []
    for (suite, dataset), records in by_study(everything).items():
        runs = runs_frame(records)
        for figure in STUDIES:
            stem = _stem(store, suite, dataset, figure.NAME)
            written += _write(draw, figure.pages(runs), figure.NOTE, records, stem)
        for name, pages in initial_states.pages(records).items():
            written += _write(draw, pages, initial_states.NOTES[name], records, _stem(store, suite, dataset, name))
        estimates = _estimates(store, records)
        written += _write_stability(draw, store, runs, records, estimates)
        stem = _stem(store, suite, dataset, optimum.NAME)
        written += _write(draw, optimum.pages(records, estimates), optimum.NOTE, records, stem)
    for record in best_predicted(store):
        written += write_simulation(store, record)
    return written + write_ranks(everything, store.root / "figures")


def _stem(store: Store, suite: str, dataset: str, name: str) -> Path:
    return store.root / "figures" / file_name(suite) / f"{file_name(dataset)}-{name}"


def _estimates(store: Store, records: Sequence[RunRecord]) -> list[StabilityRecord]:
    """The estimates of runs of one suite."""
    ours = {record.run_id for record in records}
    return [found for found in read_stability(store.root, records[0].config.suite) if found.run_id in ours]


def _write_stability(
    draw: Draw,
    store: Store,
    runs: pd.DataFrame,
    records: Sequence[RunRecord],
    estimates: Sequence[StabilityRecord],
) -> list[Path]:
    """The figure of the estimates of runs of one suite and data set; none where there is no estimate."""
    config = records[0].config
    text = f"{stability.NOTE} {stability.told(estimates)}"
    stem = _stem(store, config.suite, config.dataset, stability.NAME)
    return _write(draw, stability.pages(runs, estimates), text, records, stem)


def write_ranks(records: Sequence[RunRecord], folder: Path) -> list[Path]:
    """Writes ``<suite>/critical-difference`` of each suite with enough models and test sets to rank; returns the files.

    A suite of several splits has one figure a split, named after it.
    """
    written: list[Path] = []
    rows = board(records)
    found = standings(rows)
    for standing in found:
        if standing.ranking is not None:
            from .figures import critical_difference  # the library behind it takes a second to load

            alone = sum(other.suite == standing.suite for other in found) == 1
            name = critical_difference.NAME + ("" if alone else f"-{file_name(standing.split)}")
            ranked = rows[(rows["suite"] == standing.suite) & (rows["split"] == standing.split)]
            behind = set(chain.from_iterable(ranked["run_ids"]))
            of = [record for record in records if record.run_id in behind]
            files = critical_difference.drawn(standing.ranking, f"{standing} {note.source(of)}")
            written += _save(files, folder / file_name(standing.suite) / name)
    return written


def _save(files: Mapping[str, bytes], stem: Path) -> list[Path]:
    """Writes a figure's files by format; returns them."""
    paths = _paths(stem, files)
    for path, content in zip(paths, files.values(), strict=True):
        write_whole(path, content)
    return paths


def _paths(stem: Path, formats: Iterable[str]) -> list[Path]:
    return [stem.with_name(f"{stem.name}.{suffix}") for suffix in formats]


def write_simulation(store: Store, record: RunRecord) -> list[Path]:
    """Writes the figure of one run's simulated test outputs; returns the files.

    Raises:
        SysidError: a package of the extra ``plots`` is missing.
        StoreError: there are no predictions of the run, they cannot be read, or the figure cannot be written.
    """
    path = store.predictions(record.run_id)
    predictions = read_predictions(path)
    if {prediction.test_set for prediction in predictions} != record.metrics["test"].keys():
        raise StoreError(f"{path}: holds other test sets than the run's record; delete it")
    pages = simulation.pages(record, predictions)
    text = f"{simulation.NOTE} {simulation.told(record)}"
    return _write(renderer(), pages, text, [record], _simulation_stem(store, record.config))


def _simulation_stem(store: Store, config: RunConfig) -> Path:
    """Where the figure of a run's simulation is; named after the split where the suite has several of the data set."""
    others = [one.config for one in store.records() if one.config.split != config.split]
    alone = all((one.suite, one.dataset) != (config.suite, config.dataset) for one in others)
    split = "" if alone else f"-{file_name(config.split)}"
    of_lm = ("lm",) if config.optimiser == "lm" else ()
    run = f"{file_name(config.dataset, config.model, *of_lm)}-N{config.seq_len}-m{config.burn_in}-s{config.seed}{split}"
    return store.root / "figures" / file_name(config.suite) / f"{run}-{simulation.NAME}"


def best_predicted(store: Store) -> list[RunRecord]:
    """Of each suite, data set, split and method, the run with the least validation error of those with predictions."""
    best: dict[tuple[str, ...], RunRecord] = {}
    for record in store.records():
        if record.status == "ok" and store.predictions(record.run_id).is_file():
            config = record.config
            key = (config.suite, config.dataset, config.split, config.model, record.optimiser)
            best[key] = min(best.get(key, record), record, key=validation_error)
    return list(best.values())


def missing() -> str | None:
    """What figures lack, and the remedy; None if they can be drawn."""
    lacking = [name for name in ("matplotlib", "scikit_posthocs") if not find_spec(name)]
    return f"figures need {' and '.join(lacking)}: pip install 'sysid-tbptt[plots]'" if lacking else None


def renderer() -> Draw:
    """What turns a page into files by format. A letter that the font lacks is drawn as a box, without a warning.

    Raises:
        SysidError: a package of the extra ``plots`` is missing.
    """
    if reason := missing():
        raise SysidError(reason)
    from .figures.render import drawn

    def draw(page: Page) -> dict[str, bytes]:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Glyph .* missing from font")
            return drawn(page)

    return draw


def _write(draw: Draw, pages: Sequence[Page], text: str, records: Sequence[RunRecord], stem: Path) -> list[Path]:
    """One PDF and one PNG for each page, drawn unless the files show it already; further pages are numbered from 2."""
    written: list[Path] = []
    for number, page in enumerate(pages, start=1):
        runs = page.runs
        shown = [record for record in records if record.run_id in runs]
        noted = replace(page, note=" ".join(filter(None, (text, page.note, note.source(shown)))))
        of_page = stem.with_name(f"{stem.name}{'' if number == 1 else f'-{number}'}")
        paths, mark = _paths(of_page, SEALED_IN), seal(noted)
        drawn_already = all(is_sealed(path, mark) for path in paths)
        written += paths if drawn_already else _save(draw(noted), of_page)
    return written
