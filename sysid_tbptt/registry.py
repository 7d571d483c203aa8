"""Names: data sets and models, built in or plugged in through entry points.

A package adds its own by the entry point groups ``sysid_tbptt.datasets`` (a `Source`) and
``sysid_tbptt.models`` (a callable ``build(*, n_u, n_y, hidden_size, num_layers) -> torch.nn.Module``).

Torch is imported when the first model is looked up: data sets do without.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from functools import cache, lru_cache, partial
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any

from .config import RETRAIN, RunConfig
from .data import files, forecasting, official, paper, simulated
from .data.horizon import ahead
from .data.series import Dataset
from .data.source import Source
from .errors import DataError, ModelError, near, one_line

if TYPE_CHECKING:
    import torch

ALIASES = {
    "Silverbox_Sim": "silverbox",
    "WH_Sim": "wiener_hammerstein",
    "Tanks_Sim": "cascaded_tanks",
    "EMPS_Sim": "emps",
    "CED_Sim": "ced",
}
"""identibench's names for the same data sets."""

BUILT_IN = ("rnn", "gru", "lstm", "linear_rnn", "mean", "fir", "arx")
"""The models of this package. What builds them needs torch; whether a name is known does not."""


@cache
def sources() -> tuple[Source, ...]:
    """Every data set known, in the order of the adapters, then the plug-ins; one entry per adapter."""
    built_in = (*official.SOURCES, *paper.SOURCES, *forecasting.SOURCES, *simulated.SOURCES)
    return (*built_in, *(entry.load() for entry in entry_points(group="sysid_tbptt.datasets")))


def load_dataset(name: str, split: str | None = None, horizon: int | None = None) -> Dataset:
    """The data set of that name under a named split; without one, the first split it has.

    With a ``horizon`` its outputs are forecasts of so many samples, see `sysid_tbptt.data.horizon`.

    A name that ends in ``.toml`` is the description of a user's own log, see `sysid_tbptt.data.files`; it is
    read anew when its files change, the others once.

    Raises:
        DataError: no such data set or split, its files cannot be had, or it needs a horizon.
    """
    own = name.endswith(".toml")
    data = _own_log(name, split, horizon) if own else _known_dataset(ALIASES.get(name, name), split)
    if data.forecasts and horizon is None:
        raise DataError(f"data set '{name}' is a series to forecast: give the horizon in samples, such as 96")
    return data if own or horizon is None else _known_ahead(data.name, data.split, horizon)


def data_of(config: RunConfig) -> Dataset:
    """The data set of a run; raises as `load_dataset` does."""
    return load_dataset(config.dataset, config.split, config.horizon)


@cache
def at_hand(dataset: str, split: str, horizon: int | None) -> Dataset | None:
    """The data set where it needs no download; None too of a user's own log, which lies elsewhere.

    Raises:
        DataError: its files are there, but cannot be read.
    """
    here = any(s.name == dataset and split in s.splits and s.state() != "missing" for s in sources())
    return load_dataset(dataset, split, horizon) if here else None


@cache
def _known_ahead(name: str, split: str, horizon: int) -> Dataset:
    return ahead(_known_dataset(name, split), horizon)


def _own_log(path: str, split: str | None, horizon: int | None) -> Dataset:
    stamp = files.stamp(path)
    data = _read_log(path, stamp)
    splits = (data.split, data.split + RETRAIN) if data.forecasts else (data.split,)
    if split not in (None, *splits):
        raise DataError(f"{path}: a user's own log has the split {' or '.join(map(repr, splits))} only, not '{split}'")
    return data if horizon is None else _log_ahead(path, stamp, split or data.split, horizon)


@lru_cache(maxsize=8)
def _read_log(path: str, _stamp: tuple[int, ...]) -> Dataset:
    return files.from_description(path)


@lru_cache(maxsize=8)
def _log_ahead(path: str, stamp: tuple[int, ...], split: str, horizon: int) -> Dataset:
    data = _read_log(path, stamp)
    return ahead(forecasting.of_log(data, split) if data.forecasts else data, horizon)


@cache
def _known_dataset(name: str, split: str | None) -> Dataset:
    named = [source for source in sources() if source.name == name]
    if not named:
        hint = near(name, dict.fromkeys(source.name for source in sources()))
        raise DataError(f"unknown data set '{name}'; {hint}, or the path of a description ending in .toml")
    splits = [known for source in named for known in source.splits]
    wanted = split or splits[0]
    for source in named:
        if wanted in source.splits:
            return source.load(wanted)
    raise DataError(f"data set '{name}' has no split '{wanted}'; choose one of {', '.join(splits)}")


def build_model(
    name: str, *, n_u: int, n_y: int, hidden_size: int = 8, num_layers: int = 1, **settings: Any
) -> torch.nn.Module:
    """A torch module (B, N, n_u) -> (B, N, n_y) that starts from a zero state, drawn from torch's generator.

    ``name`` is a cell of the zoo (rnn, gru, lstm), the linear network linear_rnn, a sanity anchor (mean, fir, arx), a
    plug-in's entry point, or ``module:callable``, which imports the module, also from where the command is typed.

    Raises:
        ModelError: no such model, or what was built is not a torch module.
    """
    import torch

    sizes = {"n_u": n_u, "n_y": n_y, "hidden_size": hidden_size, "num_layers": num_layers, **settings}
    try:
        module = find_model(name)(**sizes)
    except Exception as error:  # whatever the plug-in's own code raises
        raise ModelError(
            f"model '{name}' cannot be built by build(*, n_u, n_y, hidden_size, num_layers): {one_line(error)}"
        ) from error
    if not isinstance(module, torch.nn.Module):
        raise ModelError(f"model '{name}' built a {type(module).__name__}, expected a torch.nn.Module")
    return module


def is_built_in(name: str) -> bool:
    """Whether the model is one of this package: the zoo, the linear network or an anchor."""
    return name in BUILT_IN


@cache
def find_model(name: str) -> Callable[..., Any]:
    """What builds the model of that name: of the zoo, an anchor, or a plug-in.

    Raises:
        ModelError: no such model, or the plug-in cannot be imported.
    """
    return _built_in()[name] if is_built_in(name) else _plug_in(name)


@cache
def _built_in() -> dict[str, Callable[..., Any]]:
    """What builds each model of this package, by name."""
    from .models.linear import ANCHORS
    from .models.linear_rnn import LinearRecurrent
    from .models.rnn import CELLS, Recurrent

    return {name: partial(Recurrent, name) for name in CELLS} | {"linear_rnn": LinearRecurrent} | dict(ANCHORS)


def _plug_in(name: str) -> Callable[..., Any]:
    """The plug-in's callable. What its module draws when it is imported is the same in every process."""
    from .seeding import seeded

    plugged = {entry.name: entry for entry in entry_points(group="sysid_tbptt.models")}
    if re.fullmatch(r"[\w.]+:[\w.]+", name):
        plugged[name] = EntryPoint(name, name, "sysid_tbptt.models")
        if "" not in sys.path:  # not before code is named: what else lies where a command is typed is never imported
            sys.path.insert(0, "")
    if name not in plugged:
        hint = near(name, [*BUILT_IN, *plugged])
        raise ModelError(f"unknown model '{name}'; {hint}, or name one as module:callable")
    try:
        with seeded(0):
            return plugged[name].load()
    except Exception as error:  # whatever the plug-in's own code raises
        raise ModelError(f"model '{name}' cannot be imported ({one_line(error)})") from error
