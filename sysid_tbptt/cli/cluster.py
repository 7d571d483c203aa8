"""Options that name a cluster to train on."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from math import inf
from typing import TYPE_CHECKING

from ..errors import ConfigError
from .options import positive

if TYPE_CHECKING:
    from ..runs.connection import Cluster


def add_cluster(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("cluster (Dask)", "in place of this process; the records are the same")
    one = group.add_mutually_exclusive_group()
    one.add_argument("--workers", type=positive, metavar="K", help="start K worker processes on this machine")
    one.add_argument("--scheduler", metavar="ADDRESS", help="a scheduler that is there, such as tcp://host:8786")
    one.add_argument("--cluster", metavar="FILE", help="YAML: start a cluster by SLURM, PBS, LSF, Kubernetes, ...")
    group.add_argument(
        "--resources",
        nargs="+",
        type=_resource,
        default=[],
        metavar="NAME=X",
        help="what a worker must have and a run takes of it, such as GPU=1",
    )


def is_named(options: argparse.Namespace) -> bool:
    """Whether the options name a cluster.

    Raises:
        ConfigError: they hold what goes with one, or does not, without or with it.
    """
    named = bool(options.workers or options.scheduler or options.cluster)
    if options.resources and not named:
        raise ConfigError("--resources: of workers of a cluster; add --workers, --scheduler or --cluster")
    if options.threads and named:
        raise ConfigError("--threads: of this process, where a cluster trains; leave it out")
    return named


@contextmanager
def opened(options: argparse.Namespace) -> Iterator[Cluster]:
    """The cluster that the options name, for the time of the block.

    Raises:
        ConfigError, EngineError: see `sysid_tbptt.runs.connection.connect`.
    """
    from ..runs.connection import connect

    with connect(
        options.scheduler, workers=options.workers, file=options.cluster, resources=dict(options.resources)
    ) as cluster:
        print(f"cluster {cluster.address}: {len(cluster.workers) or 'no'} workers so far", file=sys.stderr)
        yield cluster


def _resource(text: str) -> tuple[str, float]:
    name, _, told = text.partition("=")
    amount = 0.0
    with suppress(ValueError):
        amount = float(told)
    if not name or not 0 < amount < inf:
        raise argparse.ArgumentTypeError(f"'{text}' is not NAME=X with an amount above 0, such as GPU=1")
    return name, amount
