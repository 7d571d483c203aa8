"""From a suite and filters to the list of runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..config import RunConfig
from ..data.series import Dataset
from ..errors import ConfigError, DataError, ModelError, complaints
from ..registry import ALIASES, find_model, is_built_in, load_dataset
from ..suite import SELECTING, Group, Suite, check_field
from ..training.inputs import check_init_outputs
from ..training.windows import layout

_OPTIMISER = {"optimiser": RunConfig.model_fields["optimiser"].default}


def expand(suite: str | Path | Suite, **filters: Any) -> list[RunConfig]:
    """The runs of a suite, in its order, without repetitions.

    ``filters`` are fields of `RunConfig`, one value or a list: those in `SELECTING` choose among the suite's
    runs, the others (steps, seed, learning_rate, ...) replace what the suite says, one run per value. The data
    sets that remain are loaded, since an epoch's steps and full BPTT depend on their length.

    Raises:
        ConfigError: a setting cannot be used (m >= N, N > T, wrong type), or no run is left.
        DataError: a data set cannot be had.
    """
    suite = suite if isinstance(suite, Suite) else Suite.load(suite)
    chosen = {name: _listed(value) for name, value in filters.items() if value is not None}
    _check_filters(chosen)
    if "dataset" in chosen:
        chosen["dataset"] = [ALIASES.get(name, name) for name in chosen["dataset"]]
    runs = dict.fromkeys(run for group in suite.groups for run in _group_runs(group, suite.name, chosen))
    if not runs:
        raise ConfigError(f"suite '{suite.name}': no run matches {_shown(chosen)}; {_offered(suite, chosen)}")
    return list(runs)


def _check_filters(chosen: dict[str, list[Any]]) -> None:
    for name, values in chosen.items():
        check_field(name, "filter")
        if not values:
            raise ConfigError(f"filter: '{name}' is an empty list, which leaves no run; give at least one value")
    if {"steps", "epochs"} <= chosen.keys():
        raise ConfigError("filter: give the budget as either 'steps' or 'epochs', not both")


def _group_runs(group: Group, suite: str, chosen: dict[str, list[Any]]) -> Iterator[RunConfig]:
    early = [name for name in ("dataset", "split", "model", "optimiser") if name in chosen]
    for fields in _replaced(group, chosen).combinations():
        if all((_OPTIMISER | fields).get(name) in chosen[name] for name in early):
            run = _resolve(fields, suite, group.where)
            if all(getattr(run, name) in chosen[name] for name in SELECTING if name in chosen):
                yield run


def _replaced(group: Group, chosen: dict[str, list[Any]]) -> Group:
    replacing = {name: values for name, values in chosen.items() if name not in SELECTING}
    kept = dict(group.values)
    if "steps" in replacing or "epochs" in replacing:
        kept = {name: values for name, values in kept.items() if name not in ("steps", "epochs")}
    if "dataset" in kept:
        kept["dataset"] = [ALIASES.get(name, name) for name in kept["dataset"]]
    return Group(group.where, kept | replacing)


def _resolve(fields: dict[str, Any], suite: str, where: str) -> RunConfig:
    """A run from its fields, with ``seq_len = "full"`` and epochs put into numbers."""
    for name in ("dataset", "split"):
        if not isinstance(fields.get(name), str) and (name == "dataset" or name in fields):
            raise ConfigError(f"{where}: key '{name}': expected a name, got {fields.get(name)!r}")
    horizon = fields.get("horizon")
    if horizon is not None and (type(horizon) is not int or horizon < 1):
        raise ConfigError(f"{where}: key 'horizon': expected a positive whole number of samples, got {horizon!r}")
    data = _loaded(fields, where)
    fields = fields | {"suite": suite, "split": data.split}
    if fields.get("seq_len") == "full":
        fields["seq_len"] = _full_length(data, where)
    try:
        run = RunConfig.model_validate(fields | {"steps": fields.get("steps", 1)}, strict=True)
        check_init_outputs(run.init_outputs, data.n_init, data.name)
        windows = len(layout([len(series) for series in data.train], run))
    except ValidationError as error:
        raise ConfigError(f"{where}: {complaints(error, RunConfig)}") from error
    except ConfigError as error:
        raise ConfigError(f"{where}, data set '{data.name}': {error}") from error
    if run.epochs is None:
        return run
    return run.model_copy(update={"steps": run.epochs * (windows // run.batch_size)})


def _loaded(fields: dict[str, Any], where: str) -> Dataset:
    """The data of a run, whose model is known."""
    try:
        if not is_built_in(model := str(fields.get("model"))):
            find_model(model)
        return load_dataset(fields["dataset"], fields.get("split"), fields.get("horizon"))
    except ModelError as error:
        raise ModelError(f"{where}, key 'model': {error}") from error
    except DataError as error:
        raise DataError(f"{where}, key 'dataset': {error}") from error


def _full_length(data: Dataset, where: str) -> int:
    lengths = {len(series) for series in data.train}
    if len(lengths) > 1:
        raise ConfigError(
            f"{where}: key 'seq_len': 'full' needs training records of one length, '{data.name}' has "
            f"{sorted(lengths)}; give seq_len as a number"
        )
    return lengths.pop()


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, Iterable) and not isinstance(value, str) else [value]


def _shown(chosen: dict[str, list[Any]]) -> str:
    return ", ".join(f"{name}={'/'.join(map(str, values))}" for name, values in chosen.items())


def _offered(suite: Suite, chosen: dict[str, list[Any]]) -> str:
    """What the suite has in the fields that were asked for."""
    offers = []
    for name in (name for name in chosen if name in SELECTING):
        values = dict.fromkeys(value for group in suite.groups for value in group.values.get(name, []))
        offers.append(f"{name}: {', '.join(map(str, values)) or 'its default only'}")
    return "the suite has " + "; ".join(offers)
