"""Options that name a cluster to train on."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

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
    """Whether the options name a cluster."""
    return bool(options.workers or options.scheduler or options.cluster)


@contextmanager
def opened(options: argparse.Namespace) -> Iterator[Cluster | None]:
    """The cluster that the options name, for the time of the block; None where they name none.

    Raises:
        ConfigError, EngineError: see `sysid_tbptt.runs.connection.connect`.
    """
    if not is_named(options):
        yield None
        return
    from ..runs.connection import connect

    with connect(
        options.scheduler, workers=options.workers, file=options.cluster, resources=dict(options.resources)
    ) as cluster:
        print(f"cluster {cluster.address}: {cluster.slots or 'no'} workers so far", file=sys.stderr)
        yield cluster


def _resource(text: str) -> tuple[str, float]:
    name, _, amount = text.partition("=")
    try:
        return name, float(amount)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not NAME=X, such as GPU=1") from None
