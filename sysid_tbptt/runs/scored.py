"""Records of what was not trained here: outputs are given, in physical units, and scored as the benchmark does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

from ..config import RunConfig
from ..data.cache import sha256_of
from ..data.scaler import LARGEST, Scaler
from ..data.series import Dataset, Series
from ..errors import ConfigError, DataError, ModelError, near
from ..registry import ALIASES, load_dataset
from ..suite import Suite
from ..training.metrics import score
from .outputs_file import read_outputs
from .predictions import write_predictions
from .provenance import command, provenance
from .record import PREDICTIONS, RunRecord
from .store import Store, locked


class NotFinite(ModelError):
    """An output that is scored is not a finite number of float32, in which predictions are stored."""


def config_of(*, suite: str, dataset: str, split: str, model: str, seed: int = 0) -> RunConfig:
    """The config of a model that was trained elsewhere: what is not known of its training stands at 1."""
    return RunConfig(
        suite=suite,
        dataset=ALIASES.get(dataset, dataset),
        split=split,
        model=model,
        hidden_size=1,
        seq_len=1,
        batch_size=1,
        steps=1,
        seed=seed,
    )


def fitting(y_hat: Any, series: Series, where: str) -> Float64[np.ndarray, "T n_y"]:
    """The outputs given for a record: (T, n_y), the first n_init samples there or not; one channel may be 1-D.

    Where nothing is scored, in the first n_init samples, the measured outputs stand, whatever was given.

    Raises:
        ModelError: the shape is another, or what is given is no numbers.
        NotFinite: a scored output is not a finite number.
    """
    given = np.asarray(y_hat)
    if given.dtype.kind not in "fiu":
        raise ModelError(f"{where}: the outputs are of type {given.dtype}, expected real numbers")
    shapes = dict.fromkeys([series.y.shape, series.y[series.n_init :].shape])
    if (given[:, np.newaxis] if given.ndim == 1 else given).shape not in shapes:
        raise ModelError(
            f"{where}: the outputs have shape {given.shape}, expected {' or '.join(map(str, shapes))}: {len(series)} "
            f"samples of {series.y.shape[1]} channels, or without the first n_init={series.n_init}"
        )
    n_scored = len(series) - series.n_init
    scored = given.astype(np.float64).reshape(len(given), -1)[-n_scored:]
    bad = np.flatnonzero(~(np.abs(scored) <= LARGEST).all(axis=1))
    if bad.size:
        raise NotFinite(
            f"{where}: the output at sample {series.n_init + bad[0]} is {scored[bad[0]].tolist()}, expected finite "
            f"numbers that float32 can hold ({bad.size} such samples)"
        )
    return np.concatenate([series.y[: series.n_init], scored])


def scores(y_hat: Sequence[np.ndarray], records: Sequence[Series], scaler: Scaler) -> dict[str, Any]:
    """Scores of one part, its records taken together, after each one's first ``n_init`` samples.

    As in `sysid_tbptt.training.evaluate.score_records`, but that ``mse_scaled`` too is taken over the scored samples
    alone: there is no free run from a zero state to be seen here.
    """
    y = np.concatenate([series.y[series.n_init :] for series in records])
    given = np.concatenate([output[series.n_init :] for output, series in zip(y_hat, records, strict=True)])
    return {
        "mse_scaled": float(np.mean(((given - y) / scaler.y_std) ** 2)),
        **{key: value.tolist() for key, value in score(y=y, y_hat=given).items()},
        "unit": list(records[0].units.y),
        "n_scored": len(y),
    }


def score_file(
    path: str | Path,
    *,
    suite: Suite,
    dataset: str,
    split: str | None = None,
    model: str | None = None,
    seed: int = 0,
    results: str | Path,
) -> RunRecord:
    """Scores a file of outputs, see `sysid_tbptt.runs.outputs_file`, as ``model`` (default: the file's stem).

    Without a split it is that of the suite, or else the data set's first. The record stands in the results folder
    under the name of the suite, with the outputs in ``predictions``. The same file is not scored twice; another one of
    the same name takes the place of the first.

    Raises:
        DataError: the file or the data set cannot be had, or a test set is unknown or missing.
        ModelError: an output has the wrong shape, or is not finite.
        ConfigError: a model of that name was trained in the suite, on these data; or the suite forecasts them.
        StoreError: the results folder cannot be written.
    """
    path = Path(path)
    if any(values.get("horizon", [None]) != [None] for values in _groups(suite, dataset)):
        raise ConfigError(f"{path}: suite '{suite.name}' forecasts {dataset}; a file holds simulated outputs alone")
    data = load_dataset(dataset, split or _split(suite, dataset))
    config = config_of(suite=suite.name, dataset=dataset, split=data.split, model=model or path.stem, seed=seed)
    y_hat = _test_outputs(path, data)
    record = RunRecord(
        run_id=config.run_id(data.revision),
        status="ok",
        config=config,
        records=len(data.train),
        engine=PREDICTIONS,
        metrics={"test": test_scores(y_hat, data)},
        provenance=provenance(config.model, data, command())
        | {"predictions": {"file": path.name, "sha256": sha256_of(path)}},
    )
    with locked(results):
        store = Store(results)
        _check_name(config, store)
        known = store.get(record.run_id)
        if known and known.provenance.get("predictions") == record.provenance["predictions"]:
            return known
        write_predictions(store.predictions(record.run_id), data.test, y_hat)
        store.save(record)
    return record


def _check_name(config: RunConfig, store: Store) -> None:
    """One name is one row: it cannot be both of a model that was trained and of what came in a file."""
    place = ("suite", "dataset", "split", "model")
    for record in store.records():
        if record.engine != PREDICTIONS and all(getattr(record.config, f) == getattr(config, f) for f in place):
            raise ConfigError(
                f"model '{config.model}': the suite '{config.suite}' has trained runs of that name on "
                f"{config.dataset}; name the predictions otherwise by --name"
            )


def _split(suite: Suite, dataset: str) -> str | None:
    """The split under which the suite has the data set; None if it has not, or has several."""
    splits = {split for values in _groups(suite, dataset) for split in values.get("split", [None])}
    return splits.pop() if len(splits) == 1 else None


def _groups(suite: Suite, dataset: str) -> list[dict[str, Any]]:
    """The values of the groups that have the data set."""
    name = ALIASES.get(dataset, dataset)
    return [
        group.values for group in suite.groups if name in {ALIASES.get(n, n) for n in group.values.get("dataset", [])}
    ]


def test_scores(y_hat: Mapping[str, np.ndarray], data: Dataset) -> dict[str, Any]:
    """Scores by test set."""
    return {series.name: scores([y_hat[series.name]], [series], data.scaler) for series in data.test}


def _test_outputs(path: Path, data: Dataset) -> dict[str, np.ndarray]:
    given, expected = read_outputs(path, data.n_y), [series.name for series in data.test]
    for name in given:
        if name not in expected:
            raise DataError(
                f"{path}: no test set of {data.name} ({data.split}) is named '{name}'; {near(name, expected)}"
            )
    missing = [name for name in expected if name not in given]
    if missing:
        raise DataError(
            f"{path}: no outputs for test set {', '.join(missing)} of {data.name} ({data.split}); it has "
            f"{', '.join(given) or 'none'}, expected {', '.join(expected)}"
        )
    return {
        series.name: fitting(given[series.name], series, f"{path}, test set '{series.name}'") for series in data.test
    }
