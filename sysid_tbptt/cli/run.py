"""``sysid-tbptt run``."""

from __future__ import annotations

import argparse
from typing import Any

from ..config import ENGINES, RunConfig
from ..errors import ConfigError
from . import planning, tables
from .cluster import add_cluster, is_named, opened
from .options import FILTERS, add_filters, add_results, positive, price, seconds
from .printing import OK, SOME_FAILED, tell_damages


def add(commands: Any) -> None:
    command = commands.add_parser("run", help="train and evaluate the runs of suites; goes on where it stopped")
    command.add_argument("suites", nargs="+", metavar="SUITE", help="TOML file, see benchmarks/suites/")
    add_results(command)
    command.add_argument("--engine", choices=ENGINES, default="auto", help="what trains (default: the fastest)")
    command.add_argument("--threads", type=positive, metavar="K", help="runs at a time (default: one a core)")
    command.add_argument("--keep-weights", action="store_true", help="keep weights and test predictions in RESULTS")
    command.add_argument(
        "--checkpoint",
        type=seconds,
        default=30.0,
        metavar="SECONDS",
        help="training that a kill costs at most: seconds between two checkpoints of a run (default: 30)",
    )
    command.add_argument("--tables", action="store_true", help="write the tables whenever a group of runs is complete")
    command.add_argument(
        "--dry-run",
        action="store_true",
        help="say what would run, what is there, and how long it takes on how many workers",
    )
    command.add_argument(
        "--price", type=price, metavar="X", help="price of a worker-hour: the dry run tells the cost too"
    )
    add_cluster(command)
    add_filters(command)
    command.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> int:
    from ..runs.harness import train
    from ..runs.store import Store

    def refresh() -> None:
        tables.write(Store(options.results))

    if options.dry_run:
        return _dry_run(options)
    if options.price is not None:
        raise ConfigError("--price: only a plan has a price; add --dry-run")
    records = train(
        _expanded(options),
        engine=options.engine,
        results=options.results,
        workers=options.threads,
        keep_weights=options.keep_weights,
        checkpoint_s=options.checkpoint,
        cluster=opened(options) if is_named(options) else None,
        after_group=refresh if options.tables else None,
    )
    bad = sum(record.status != "ok" for record in records)
    print(
        f"{len(records)} runs: {len(records) - bad} ok, {bad} failed or diverged; records in {options.results}/records"
    )
    if options.tables:
        tables.show(tables.write(Store(options.results))[1])
    return SOME_FAILED if bad else OK


def _dry_run(options: argparse.Namespace) -> int:
    from ..runs.executors import cores
    from ..runs.harness import estimates
    from ..runs.plan import make_plan
    from ..runs.store import Store

    store = Store(options.results)
    plan = make_plan(_expanded(options), engine=options.engine, store=store)
    workers = options.workers or options.threads or cores()
    planning.show(plan, estimates(plan.todo, store), workers, options.price, on_cluster=is_named(options))
    tell_damages(store)
    return OK


def _expanded(options: argparse.Namespace) -> list[RunConfig]:
    from ..runs.expand import expand

    filters = {name: getattr(options, name) for name in FILTERS}
    return [run for suite in options.suites for run in expand(suite, **filters)]
