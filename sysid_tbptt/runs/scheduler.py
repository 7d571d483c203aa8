"""All requests of this process to a Dask scheduler. They raise EngineError if it is gone, whatever Dask raises."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from ..errors import EngineError, one_line

if TYPE_CHECKING:
    from distributed import Client, Future

    from .bundle import Bundle, Message

_P = ParamSpec("_P")
_R = TypeVar("_R")

DASK_ERRORS = (Exception, asyncio.CancelledError)
"""What Dask raises when a scheduler dies, by the state that it is in then: OSError, TimeoutError, CommClosedError,
RuntimeError, KeyError, AttributeError, or asyncio's CancelledError, which is not an Exception."""

_ANSWER_SECONDS = 300.0
"""Longest wait for an answer: a busy scheduler answers sooner, and one that hangs never answers."""


class WorkersDied(Exception):
    """A bundle failed because worker after worker died."""


def answered(ask: Callable[_P, _R]) -> Callable[_P, _R]:
    """Wraps a function that asks a scheduler.

    Raises:
        EngineError: in place of `DASK_ERRORS`.
    """

    @wraps(ask)
    def ask_or_tell(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        try:
            return ask(*args, **kwargs)
        except DASK_ERRORS as error:
            raise EngineError(
                f"the cluster's scheduler is gone, or does not answer ({one_line(error)}); what it sent is saved, and "
                "the same command goes on from there"
            ) from error

    return ask_or_tell


class Scheduler:
    """A scheduler by a client of it, with the queue ``name`` that workers write to."""

    @answered
    def __init__(self, client: Client, name: str) -> None:
        from distributed import Queue

        self._client, self._queue, self._given = client, Queue(name, client=client), dict[str, Any]()

    @property
    def running(self) -> bool:
        """Whether the client is still connected, as far as it knows."""
        return bool(self._client.status == "running")

    @answered
    def submit(
        self, bundle: Bundle, *, priority: int, resources: Mapping[str, float], workers: Iterable[str]
    ) -> Future:
        """Sends a bundle to the workers with the ``resources``, or only to ``workers`` where there are any."""
        from .bundle import perform_bundle

        return self._client.submit(
            perform_bundle,
            bundle,
            key=bundle.name,
            pure=False,
            priority=priority,
            resources=dict(resources) or None,
            workers=list(workers) or None,
        )

    @answered
    def has_ended(self, future: Future) -> bool:
        """Whether a bundle is done, has failed, or was cancelled or lost."""
        return bool(future.done())

    @answered
    def error_of(self, future: Future) -> Exception | None:
        """What a bundle failed with, if it did."""
        from distributed import KilledWorker

        error = future.exception() if future.status == "error" else None
        return WorkersDied() if isinstance(error, KilledWorker) else error

    @answered
    def cancel(self, futures: Iterable[Future]) -> None:
        """Takes bundles back."""
        self._client.cancel(list(futures))

    @answered
    def received(self) -> list[Message]:
        """The messages that workers have put into the queue since the last call."""
        messages = self._queue.get(batch=True, callback_timeout=_ANSWER_SECONDS)
        return [tuple(message) for message in messages]

    @answered
    def give(self, name: str, content: bytes) -> None:
        """Keeps ``content`` on the scheduler for workers, as the variable ``name``."""
        from distributed import Variable

        variable = Variable(name, client=self._client)
        variable.set(content)
        self._given[name] = variable

    @answered
    def sent_away(self, worker: str) -> bool:
        """Whether a worker left in good order, as one of an adaptive cluster does."""
        events = [event for _, event in self._client.get_events(worker) if event.get("action") == "remove-worker"]
        return any(event.get("expected") for event in events)

    @answered
    def clear(self, openings: int) -> None:
        """Deletes the variables and closes the queue as often as it was opened, here and by workers: it exists until
        all have closed it, and some are dead."""
        for variable in self._given.values():
            variable.delete()
        for _ in range(openings):
            self._queue.close()
