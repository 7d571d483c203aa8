"""Models of identibench's signature: ``build_model(context) -> model``, ``model(u, y_init, attrs) -> y_hat``.

Such a model trains itself on the records that the context gives. The global random generators of torch, numpy and
Python are seeded with the seed that the context names. The model is then asked for the outputs of whole records: ``u``
(T, n_u), the first n_init measured outputs ``y_init`` (n_init, n_y), and ``attrs``; a model of two arguments gets no
``attrs``. As in identibench, the last T - n_init rows of ``y_hat`` are scored, and there may be more.

Signals are float32 in the units of the data set as scored (mV where identibench has V).
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console

from ..config import RunConfig
from ..data.series import Dataset, Series
from ..errors import ConfigError, ModelError, traced
from ..registry import data_of
from ..seeding import seeded
from .predictions import write_predictions
from .provenance import command, provenance
from .record import EXTERNAL, RunRecord, Time
from .scored import NotFinite, config_of, fitting, scores, test_scores
from .store import Store, locked

Model = Callable[[np.ndarray, np.ndarray, dict[str, Any]], Any]
BuildModel = Callable[["Context"], Model]


class Record(NamedTuple):
    """One record: ``u`` (T, n_u), ``y`` (T, n_y), and ``attrs``: ``fs`` [Hz], ``dt`` [s], ``init_sz`` (n_init)."""

    u: np.ndarray
    y: np.ndarray
    attrs: dict[str, Any]


class _Offer:
    """An object of identibench's with some of its attributes; an error for another one lists them."""

    def __getattr__(self, name: str) -> Any:
        offered = ", ".join(key for key in dir(self) if not key.startswith("_"))
        raise AttributeError(f"the {type(self).__name__.lower()} has no '{name}' here; it has {offered}")


def rmse(inp: np.ndarray, targ: np.ndarray, time_axis: int = 0) -> np.ndarray:
    """Root mean squared error of each channel, (T, n_y) -> (n_y,), in the unit of the signals."""
    return np.sqrt(np.mean(np.square(np.subtract(inp, targ)), axis=time_axis))


@dataclass(frozen=True)
class Spec(_Offer):
    """What a model may ask of the benchmark; the sampling time is that of the first training record, in seconds."""

    name: str
    dataset_id: str
    u_cols: list[str]
    y_cols: list[str]
    init_window: int
    sampling_time: float
    metric_func: Callable[..., np.ndarray] = rmse
    metric: str = "rmse"
    task: str = "simulation"


@dataclass(frozen=True)
class Context(_Offer):
    """What a model is built from. There is no way to the test records."""

    spec: Spec
    seed: int
    train: tuple[Series, ...]
    val: tuple[Series, ...]
    hyperparameters: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, data: Dataset, seed: int) -> Context:
        inputs, outputs = [f"u{i}" for i in range(data.n_u)], [f"y{i}" for i in range(data.n_y)]
        spec = Spec(data.name, data.name, inputs, outputs, data.test[0].n_init, data.train[0].dt)
        return cls(spec, seed, data.train, data.val)

    def get_train_sequences(self) -> Iterator[Record]:
        """The training records, whole."""
        return map(_record, self.train)

    def get_valid_sequences(self) -> Iterator[Record]:
        """The validation records, whole."""
        return map(_record, self.val)

    def get_train_valid_sequences(self) -> Iterator[Record]:
        """All records that are not for testing, as they are cut into training and validation."""
        return map(_record, (*self.train, *self.val))


def takes_context(build: Callable[..., Any], name: str) -> bool:
    """Whether it is called as ``build(context)``, rather than as ``build(*, n_u, n_y, hidden_size, num_layers)``.

    Raises:
        ModelError: it takes neither.
    """
    try:
        signature = inspect.signature(build)
    except (TypeError, ValueError):  # of compiled code nothing is known
        return False
    if _binds(signature, n_u=1, n_y=1, hidden_size=1, num_layers=1):
        return False
    if _binds(signature, None):
        return True
    raise ModelError(
        f"model '{name}' takes {signature}, expected (*, n_u, n_y, hidden_size, num_layers) to be trained here, or "
        "(context) as identibench has it"
    )


def _binds(signature: inspect.Signature, *positional: Any, **named: Any) -> bool:
    try:
        signature.bind(*positional, **named)
    except TypeError:
        return False
    return True


def train_themselves(
    build_model: BuildModel,
    runs: Iterable[RunConfig],
    *,
    model: str,
    results: str | Path,
    console: Console | None = None,
) -> list[RunRecord]:
    """Builds and scores the model ``model`` once for each suite, data set, split and seed of the runs.

    Each record is written as it is there, and what has one is not done again. Outputs that are not finite make a
    record of a run that diverged.

    Raises:
        ConfigError: a run is of forecasts.
        DataError: a data set cannot be had.
        ModelError: the model's own code fails, or an output has the wrong shape; earlier records are kept.
        StoreError: the results folder cannot be used.
    """
    console, runs = console or Console(stderr=True), list(runs)
    if any(run.horizon for run in runs):
        raise ConfigError(f"model '{model}' simulates, and the suite asks for forecasts: choose runs without a horizon")
    configs = dict.fromkeys(
        config_of(suite=run.suite, dataset=run.dataset, split=run.split, model=model, seed=run.seed) for run in runs
    )
    with locked(results):
        store = Store(results)
        done = {config: record for config in configs if (record := _known(config, store))}
        console.print(f"{len(configs)} runs, {len(done)} done already, {len(configs) - len(done)} to do")
        return [done.get(config) or _perform(config, build_model, store, console) for config in configs]


def _known(config: RunConfig, store: Store) -> RunRecord | None:
    record = store.get(config.run_id(data_of(config).revision))
    return record if record and record.done else None


def _perform(config: RunConfig, build_model: BuildModel, store: Store, console: Console) -> RunRecord:
    data = data_of(config)
    record, y_hat = _Sitting(config, data, build_model).perform()
    if y_hat:
        write_predictions(store.predictions(record.run_id), data.test, y_hat)
    store.save(record)
    said = f"{record.status}: {record.reason}" if record.reason else f"{record.time.train_s:.1f} s"
    console.print(f"{config.model}, {config.dataset}, seed {config.seed}: {said}", markup=False, soft_wrap=True)
    return record


@dataclass(frozen=True)
class _Sitting:
    config: RunConfig
    data: Dataset
    build_model: BuildModel

    def perform(self) -> tuple[RunRecord, dict[str, np.ndarray]]:
        """The record, and the outputs by test set; none of a model that diverged."""
        with seeded(self.config.seed):
            return self._perform()

    def _perform(self) -> tuple[RunRecord, dict[str, np.ndarray]]:
        began, began_cpu = time.perf_counter(), time.process_time()
        model = self._build()
        train_s, train_cpu_s = time.perf_counter() - began, time.process_time() - began_cpu
        metrics: dict[str, Any] = {}
        y_hat: dict[str, np.ndarray] = {}
        reason = None
        try:
            for part, records in (("train", self.data.train), ("val", self.data.val)):
                metrics[part] = scores([self._simulate(model, s) for s in records], records, self.data.scaler)
            y_hat = {series.name: self._simulate(model, series) for series in self.data.test}
            metrics["test"] = test_scores(y_hat, self.data)
        except NotFinite as error:
            metrics, y_hat, reason = {}, {}, str(error)
        spent = Time(train_s=train_s, train_cpu_s=train_cpu_s, evaluate_s=time.perf_counter() - began - train_s)
        return self._record(metrics, reason, spent), y_hat

    def _build(self) -> Model:
        model = self._called("build_model(context)", lambda: self.build_model(Context.of(self.data, self.config.seed)))
        if not callable(model):
            raise ModelError(
                f"{self._where('build_model(context)')}: it gave a {type(model).__name__}, expected a callable "
                "model(u, y_init, attrs)"
            )
        return model

    def _simulate(self, model: Model, series: Series) -> np.ndarray:
        u, y, attrs = _record(series)
        y_init = y[: series.n_init].copy()  # a view would lead to the outputs that are scored
        given = (u, y_init, attrs) if _takes_attrs(model) else (u, y_init)
        call = f"model({', '.join(('u', 'y_init', 'attrs')[: len(given)])}) of record '{series.name}'"
        y_hat = self._called(call, lambda: np.asarray(model(*given)))
        return fitting(_scored_rows(y_hat, series), series, self._where(call))

    def _called(self, call: str, function: Callable[[], Any]) -> Any:
        try:
            return function()
        except Exception as error:  # whatever the model's own code raises
            raise ModelError(f"{self._where(call)} failed: {traced(error)}") from error

    def _where(self, call: str) -> str:
        return f"model '{self.config.model}', {self.config.dataset}, seed {self.config.seed}: {call}"

    def _record(self, metrics: dict[str, Any], reason: str | None, spent: Time) -> RunRecord:
        return RunRecord(
            run_id=self.config.run_id(self.data.revision),
            status="diverged" if reason else "ok",
            reason=reason,
            config=self.config,
            records=len(self.data.train),
            engine=EXTERNAL,
            metrics=metrics,
            time=spent,
            provenance=provenance(self.config.model, self.data, command()),
        )


def _takes_attrs(model: Model) -> bool:
    """Whether it is called with ``attrs``, which earlier versions of identibench do not give."""
    try:
        signature = inspect.signature(model)
    except (TypeError, ValueError):  # of compiled code nothing is known
        return True
    return _binds(signature, None, None, None) or not _binds(signature, None, None)


def _scored_rows(y_hat: np.ndarray, series: Series) -> np.ndarray:
    """The last T - n_init rows of the outputs; all of them where there are fewer."""
    return y_hat[-(len(series) - series.n_init) :] if y_hat.ndim else y_hat


def _record(series: Series) -> Record:
    """A copy that the model may write to."""
    attrs = {"fs": 1 / series.dt, "dt": series.dt, "init_sz": series.n_init}
    return Record(series.u.astype(np.float32), series.y.astype(np.float32), attrs)
