"""A recorded run done again from its record, and how far the two agree."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from rich.console import Console

from ..config import algorithm_version
from ..data.series import Dataset
from ..errors import ConfigError, DataError, EngineError, StoreError
from ..registry import data_of
from ..training.engines import load_engine
from ..training.weights import read_weights
from .agreement import Agreement, agreement, agreement_of_weights, together
from .executors import cores, execute
from .harness import estimates
from .plan import Planned, make_plan
from .progress import Reporter
from .provenance import Change, changes, command, provenance
from .record import EXTERNAL, PREDICTIONS, RunRecord
from .store import Store
from .trust import check_trusted
from .worker import Task

RTOL = 1e-3
"""Three digits, the most that readers quote of an error. It is no bound on what rounding does: training amplifies it,
from 6e-8 a step to any size in a run of thousands, so that only the same bits are sure to come again."""

Verdict = Literal["bit-identical", "within tolerance", "different"]

_NOT_TRAINED = {
    PREDICTIONS: "its outputs came in a file; `sysid-tbptt submit` scores them anew",
    EXTERNAL: "its model trained itself; `sysid-tbptt compare` trains it anew, into another --results folder",
}


@dataclass(frozen=True)
class Reproduction:
    """What came of doing a run again.

    ``recorded`` is the record as it was, ``again`` that of the new training, ``environment`` where the provenance of
    the two differs, ``agreement`` what was compared and what differs; ``with_weights`` says whether trained weights
    were among it. Relative differences up to ``rtol`` are within tolerance.
    """

    recorded: RunRecord
    again: RunRecord
    environment: tuple[Change, ...]
    agreement: Agreement
    with_weights: bool
    rtol: float

    def __str__(self) -> str:
        compared, differences = self.agreement.compared, self.agreement.differences
        return f"run {self.recorded.run_id}: {self.verdict}, {len(differences)} of {compared} values differ"

    @property
    def verdict(self) -> Verdict:
        """Whether every number is the same to the bit, or near enough."""
        if self.agreement.identical:
            return "bit-identical"
        return "within tolerance" if self.agreement.largest <= self.rtol else "different"

    @property
    def reproduced(self) -> bool:
        """Whether the run gave the same again, to the bit or within tolerance."""
        return self.verdict != "different"


def reproduce(
    run_id: str,
    results: str | Path = "results",
    *,
    engine: str | None = None,
    rtol: float = RTOL,
    model: str | None = None,
    console: Console | None = None,
) -> Reproduction:
    """Trains and evaluates a recorded run again, in full, and compares all numbers of the two, kept weights too.

    ``run_id`` may be the beginning of one. The run is done by the engine of its record, or by ``engine``: another
    one gives the same numbers up to rounding only. Nothing is written to the ``results`` folder.

    A record is no reason to run code: where it names its model as ``module:callable``, that is imported only if
    ``model`` repeats the name.

    Raises:
        StoreError: there is no such record or more than one, or it cannot be compared with what this version does.
        DataError: the data set cannot be had, or is another than the recorded one.
        ConfigError: ``rtol`` is no tolerance, ``model`` is not the recorded one or is not given for one that lies
            outside the package, or the run cannot be built.
        EngineError: the engine cannot take the run, or the run was not trained here.
        ModelError: the model, or the kept weights, cannot be had.
        KeyboardInterrupt: stopped by Ctrl-C; nothing is kept.
    """
    if not 0 <= rtol < inf:
        raise ConfigError(f"rtol={rtol}: expected a relative difference from 0 on")
    store = Store(results)
    recorded = store.find(run_id)
    data = _same_ground(recorded, model)
    kept = store.weights(recorded.run_id)
    weights = _arrays(kept) if kept.is_file() and recorded.status == "ok" else None
    planned = make_plan([recorded.config], engine=engine or recorded.engine or "auto", store=None).runs[0]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / kept.name
        again = _perform(
            planned, path, estimates([planned], store)[planned.run_id].seconds, console or Console(stderr=True)
        )
        parts = [agreement(recorded, again)]
        if weights is not None:
            parts.append(agreement_of_weights(weights, _arrays(path) if path.is_file() else {}))
    here = provenance(recorded.config.model, data, command()) | {"engine": again.engine}
    environment = tuple(changes(recorded.provenance | {"engine": recorded.engine}, here))
    return Reproduction(recorded, again, environment, together(*parts), weights is not None, rtol)


def _same_ground(recorded: RunRecord, model: str | None) -> Dataset:
    """The data of a run that this version can and may do again, and that are those of its record."""
    if recorded.engine in _NOT_TRAINED:
        raise EngineError(
            f"run {recorded.run_id} of engine '{recorded.engine}' cannot be done again from its record: "
            f"{_NOT_TRAINED[recorded.engine]}"
        )
    _check_model(recorded, model)
    if not recorded.current:
        version = (recorded.provenance.get("versions") or {}).get("sysid-tbptt", "which is not told")
        raise StoreError(
            f"run {recorded.run_id} is of algorithm version {recorded.algorithm}, this package has version "
            f"{algorithm_version(recorded.config.model)} of '{recorded.config.model}'; run it again, or use the "
            f"package version of its record, {version}"
        )
    data = data_of(recorded.config)
    _check_data(recorded, data)
    return data


def _check_model(recorded: RunRecord, model: str | None) -> None:
    check_trusted(recorded.config, "model", model, f"run {recorded.run_id}")
    if model not in (None, recorded.config.model):
        raise ConfigError(
            f"run {recorded.run_id} is of the model '{recorded.config.model}', not '{model}'; repeat its name, or take "
            "another run"
        )


def _check_data(recorded: RunRecord, data: Dataset) -> None:
    """A record of a failure tells no data revision; then the run_id, which depends on it, decides."""
    revision = (recorded.provenance.get("data") or {}).get("revision")
    if revision is not None and revision != data.revision:
        raise DataError(
            f"run {recorded.run_id} is of another data set '{data.name}': revision {revision} in its record, "
            f"{data.revision} here; get the recorded data, or `sysid-tbptt run` it anew on these"
        )
    if recorded.config.run_id(data.revision) != recorded.run_id:
        raise StoreError(
            f"run {recorded.run_id}: its config and the data at hand have the run_id "
            f"{recorded.config.run_id(data.revision)}: the record was changed, or made from other data; "
            "restore it, or `sysid-tbptt run` it anew"
        )


def _perform(planned: Planned, weights: Path, seconds: float, console: Console) -> RunRecord:
    """Trains the run, in a process of its own where its engine asks for one, as `sysid-tbptt run` does."""
    found: list[RunRecord] = []
    reporter = Reporter(console, {planned.run_id: seconds}, {planned.run_id: planned.steps}, workers=1)
    task = Task(planned.config, planned.run_id, planned.engine, slot=0, command=command(), weights=weights)
    parallel = load_engine(planned.engine).PARALLEL
    with reporter.shown():
        execute(
            [task],
            workers=cores(),
            parallel=parallel,
            on_record=found.append,
            on_steps=reporter.on_steps,
            tell=console.print,
        )
    return found[0]


def _arrays(path: Path) -> dict[str, np.ndarray]:
    """The weights of a file; of bfloat16, which numpy does not have, as float32."""
    weights = read_weights(path)
    return {name: (t.float() if t.dtype == torch.bfloat16 else t).numpy() for name, t in weights.items()}
