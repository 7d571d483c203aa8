"""``sysid-tbptt compare``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..errors import ConfigError, ModelError
from . import ranking
from .options import FILTERS, add_filters, add_results, positive
from .printing import OK, SOME_FAILED

OF_A_FILE = ("dataset", "split", "seed")
"""The filters that say what a file of predictions is of."""


def add(commands: Any) -> None:
    command = commands.add_parser("compare", help="put a model of yours, or what it predicts, on the leaderboard")
    command.add_argument(
        "target",
        metavar="TARGET",
        help="module:callable or a plug-in's name, trained here; or a file of predictions: .npz, .csv or .parquet",
    )
    command.add_argument(
        "--suite",
        default="benchmarks/suites/official.toml",
        metavar="SUITE",
        help="TOML file whose data sets and settings count (default: benchmarks/suites/official.toml)",
    )
    command.add_argument(
        "--like",
        default="lstm",
        metavar="MODEL",
        help="model of the suite whose runs TARGET does, those with --optimiser (default: lstm, adam)",
    )
    command.add_argument(
        "--identibench",
        action="store_true",
        help="take TARGET for identibench's build_model(context), whatever its arguments look like",
    )
    command.add_argument("--name", help="name of the predictions' row (default: that of the file)")
    add_results(command)
    command.add_argument("--threads", type=positive, metavar="K", help="runs at a time (default: one a core)")
    command.add_argument("--keep-weights", action="store_true", help="keep weights and test predictions in RESULTS")
    add_filters(command, but=("model",))
    command.set_defaults(command=_compare)


def _compare(options: argparse.Namespace) -> int:
    from ..runs.outputs_file import SUFFIXES

    is_file = Path(options.target).suffix.lower() in SUFFIXES
    records = [_scored(options)] if is_file else _trained(options)
    ranking.show(options.results, records)
    return SOME_FAILED if any(record.status != "ok" for record in records) else OK


def _filters(options: argparse.Namespace) -> dict[str, Any]:
    return {name: getattr(options, name) for name in FILTERS if getattr(options, name, None) is not None}


def _scored(options: argparse.Namespace) -> Any:
    from ..runs.scored import score_file
    from ..suite import Suite

    filters = _filters(options)
    if more := [name for name in filters if name not in OF_A_FILE or len(filters[name]) > 1]:
        option = more[0].replace("_", "-")
        raise ConfigError(f"{options.target}: --{option}: predictions are those of one --dataset, --split and --seed")
    if "dataset" not in filters:
        raise ConfigError(f"{options.target}: predictions of which data set? name it by --dataset")
    one = {name: values[0] for name, values in filters.items()}
    suite = Suite.load(options.suite)
    return score_file(options.target, suite=suite, model=options.name, results=options.results, **one)


def _trained(options: argparse.Namespace) -> list[Any]:
    from ..runs.harness import train
    from ..runs.identibench import takes_context, train_themselves
    from ..runs.substitute import substitute

    if options.name:
        raise ConfigError("--name: only predictions need one; a model is named as TARGET is")
    build = _found(options.target)
    runs = substitute(
        options.suite, like=options.like, model=options.target, results=options.results, **_filters(options)
    )
    if options.identibench or takes_context(build, options.target):
        return train_themselves(build, runs, model=options.target, results=options.results)
    return train(runs, results=options.results, workers=options.threads, keep_weights=options.keep_weights)


def _found(target: str) -> Any:
    from ..registry import find_model

    try:
        return find_model(target)
    except ModelError as error:
        raise ModelError(f"{error}; or a file of predictions (.npz, .csv, .parquet)") from error
