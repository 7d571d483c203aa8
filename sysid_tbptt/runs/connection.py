"""Connections to a Dask cluster: one that is there, one on this machine, or one that a file describes."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from .. import limits
from ..errors import ConfigError, EngineError, abridged, complaints, one_line
from ..training.engines import load_engine
from .local_workers import LOCAL, kept_alive
from .scheduler import DASK_ERRORS, answered

if TYPE_CHECKING:
    from distributed import Client

_CONNECT_SECONDS = 30


@dataclass(frozen=True)
class Cluster:
    """A Dask cluster to train on, by a client of it.

    ``resources`` is what a worker must have been started with to be given runs, and what a run takes of it while it
    is under way, such as ``{"GPU": 1}``; see `dask worker --resources`. ``awaited`` is the number of workers that were
    asked for.
    """

    client: Client
    resources: Mapping[str, float] = field(default_factory=dict)
    awaited: int = 0

    @property
    @answered
    def address(self) -> str:
        """Where the scheduler listens.

        Raises:
            EngineError: it is gone.
        """
        return str(self.client.scheduler_info()["address"])

    @property
    @answered
    def workers(self) -> dict[str, int]:
        """Threads of the workers that are there and have the resources, by address.

        Raises:
            EngineError: the scheduler is gone.
        """
        threads = dict(self.client.nthreads())
        if not self.resources:
            return threads
        about: dict[str, Any] = {}
        while threads and not about:  # now and then the client has thrown away what it has just asked for
            about = self.client.scheduler_info(n_workers=-1)["workers"]
        return {address: count for address, count in threads.items() if self._suits(about.get(address))}

    def takes(self, engines: Iterable[str]) -> int:
        """Runs of these engines that the workers take at a time: one each, or one a thread where the engines share a
        process; of workers that are not there yet, one each."""
        workers, shared = self.workers, all(load_engine(engine).PARALLEL == "threads" for engine in engines)
        return max(self.awaited, sum(workers.values()) if shared else len(workers))

    def _suits(self, about: Mapping[str, Any] | None) -> bool:
        resources = about["resources"] if about else {}
        return all(resources.get(name, 0) >= amount for name, amount in self.resources.items())


class _Description(BaseModel):
    """What a cluster file says."""

    model_config = ConfigDict(extra="forbid")

    cluster: str = Field(pattern=r"^[\w.]+\.\w+$", description="class, such as dask_jobqueue.SLURMCluster")
    options: dict[str, Any] = Field(default={}, description="what the class is made with")
    jobs: int | None = Field(default=None, ge=1, description="workers, or jobs of a batch system, to start")
    adapt: dict[str, Any] | None = Field(
        default=None, description="instead of jobs: how many to keep, such as minimum_jobs and maximum_jobs"
    )

    @model_validator(mode="after")
    def _jobs_or_adapt(self) -> _Description:
        if self.jobs is not None and self.adapt is not None:
            raise ValueError("jobs and adapt exclude each other; leave one of them out")
        return self

    @property
    def awaited(self) -> int:
        """Workers that are asked for, or may be; 0 where that is not told."""
        adapt = self.adapt or {}
        most = adapt.get("maximum_jobs", adapt.get("maximum", 0)) if self.adapt is not None else self.jobs or 1
        return most if isinstance(most, int) else 0


@contextmanager
def connect(
    scheduler: str | None = None,
    *,
    workers: int | None = None,
    file: str | Path | None = None,
    resources: Mapping[str, float] | None = None,
) -> Iterator[Cluster]:
    """A cluster, for the time of the block: that of a ``scheduler`` (``tcp://host:8786``), ``workers`` processes on
    this machine, or what a YAML ``file`` describes:

        cluster: dask_jobqueue.SLURMCluster
        options: {cores: 1, processes: 1, memory: 2GB, walltime: "04:00:00"}
        jobs: 40

    Raises:
        ConfigError: the file, or the address, cannot be used, or none of the three or several are given.
        EngineError: Dask is not installed, or the cluster cannot be reached or started.
    """
    try:
        import distributed
    except ImportError as error:
        raise EngineError(
            f"a cluster needs Dask ({one_line(error)}); install it: pip install 'sysid-tbptt[cluster]'"
        ) from error
    if sum(one is not None for one in (scheduler, workers, file)) != 1:
        raise ConfigError("connect: expected one of scheduler, workers and file")
    resources = resources or {}
    with _quiet(), _started(scheduler, workers, file, resources) as (there, awaited):
        try:
            client = distributed.Client(there, timeout=_CONNECT_SECONDS, set_as_default=False)
        except DASK_ERRORS as error:  # also where a transport is not installed or set up
            raise EngineError(f"no scheduler answers at {there} ({one_line(error)}); is it running?") from error
        with _closing(client):
            yield Cluster(client, resources, awaited)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps Dask's client from logging tracebacks when its scheduler is gone, which an error of ours says."""
    log = logging.getLogger("distributed.client")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(level)


@contextmanager
def _started(
    scheduler: str | None, workers: int | None, file: str | Path | None, resources: Mapping[str, float]
) -> Iterator[tuple[Any, int]]:
    """An address, or a cluster that was started and is ended; and the workers that are awaited there."""
    if scheduler is not None:
        yield _address(scheduler), 0
    elif file is not None:
        description = _read(Path(file))
        with _described(description, Path(file)) as cluster:
            yield cluster, description.awaited
    else:
        with _local(workers or 1, resources) as cluster:
            yield cluster, 0


def _address(scheduler: str) -> str:
    """A client of an address that is none would wait at its end."""
    from distributed.comm.addressing import get_address_host_port

    try:
        get_address_host_port(scheduler, strict=True)
    except Exception as error:  # of each transport its own
        raise ConfigError(f"'{scheduler}' is no address, such as tcp://host:8786 ({one_line(error)})") from error
    return scheduler


@contextmanager
def _local(workers: int, resources: Mapping[str, float]) -> Iterator[Any]:
    """A cluster of this machine alone: whoever reaches a worker may run code there, so that all is encrypted. Each
    worker has the resources."""
    from distributed import LocalCluster
    from distributed.security import Security

    try:
        security = Security.temporary()
    except ImportError as error:
        raise EngineError(f"{one_line(error)}: pip install 'sysid-tbptt[cluster]'") from error
    try:
        local = LocalCluster(
            n_workers=0, processes=False, host=LOCAL, dashboard_address=f"{LOCAL}:0", protocol="tls", security=security
        )
    except DASK_ERRORS as error:
        raise EngineError(f"no cluster can be started on this machine ({one_line(error)})") from error
    with (
        _closing(local) as cluster,
        kept_alive(cluster.scheduler_address, security, workers, resources, lambda: len(cluster.scheduler.workers)),
    ):
        yield cluster


@contextmanager
def _described(description: _Description, file: Path) -> Iterator[Any]:
    with ExitStack() as stack:
        try:
            cluster = stack.enter_context(_closing(_class(description.cluster)(**description.options), file))
            if description.adapt is not None:
                cluster.adapt(**description.adapt)
            else:
                cluster.scale(description.jobs or 1)
        except DASK_ERRORS as error:  # whatever somebody else's class raises
            raise ConfigError(f"{file}: '{description.cluster}' cannot be started ({one_line(error)})") from error
        yield cluster


@contextmanager
def _closing(started: Any, file: Path | None = None) -> Iterator[Any]:
    """Enters a client or a cluster for the time of the block.

    An error in closing is ignored if the scheduler is gone or the block itself failed. But jobs that a ``file`` started
    may keep running, and cost money.

    Raises:
        EngineError: the cluster of a file cannot be closed after a block that ended well.
    """
    entered = started.__enter__()
    try:
        yield entered
    except BaseException:
        _close(started)
        raise
    error = _close(started)
    if error is not None and file is not None:
        said = f"the runs are done, but the cluster cannot be closed ({one_line(error)}); end its jobs by hand"
        raise EngineError(f"{file}: {said}") from error


def _close(started: Any) -> BaseException | None:
    try:
        started.__exit__(None, None, None)
    except DASK_ERRORS as error:
        return error
    return None


def _class(name: str) -> Any:
    from distributed.deploy.cluster import Cluster as DaskCluster

    module, _, attribute = name.rpartition(".")
    found = getattr(import_module(module), attribute)
    if not (isinstance(found, type) and issubclass(found, DaskCluster)):
        raise TypeError("it is no class of a Dask cluster")
    return found


def _read(file: Path) -> _Description:
    import yaml

    try:
        content = limits.read_bytes(file, limits.TOML_BYTES, ConfigError)
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read ({one_line(error)})") from error
    try:
        said = yaml.safe_load(content)
    except Exception as error:  # PyYAML falls over numbers and dates in many ways
        raise ConfigError(f"{file}: is not YAML ({abridged(' '.join(str(error).split()))})") from error
    if not isinstance(said, dict):
        raise ConfigError(f"{file}: expected keys and values, such as cluster: dask_jobqueue.SLURMCluster")
    try:
        return _Description.model_validate(said)
    except ValidationError as error:
        raise ConfigError(f"{file}: {complaints(error, _Description)}") from error
