"""Engines: runs in, trained weights and loss curves out. This file only picks one and says why."""

from __future__ import annotations

from importlib import import_module
from typing import Literal, Protocol, cast, runtime_checkable

from ...config import ENGINES, KERNELS
from ...errors import EngineError
from ..job import Arrays, Control, Job, Trained
from ..simulator import Simulator

CLOSED_FORM, IPOPT = "closed_form", "ipopt"
"""They take what they are for, whatever was asked for: models that need no gradient, and ``optimiser = "ipopt"``."""


@runtime_checkable
class Engine(Protocol):
    """What each engine module offers; all give the same numbers up to float rounding.

    ``PARALLEL`` tells how several runs share a machine: jobs that release the GIL in ``threads``, others in
    ``processes``. ``declines`` gives the reason why a job cannot be taken, or None.
    """

    NAME: str
    PARALLEL: Literal["threads", "processes"]

    def declines(self, job: Job) -> str | None: ...
    def train(self, job: Job, control: Control) -> Trained: ...
    def simulator(self, job: Job, weights: Arrays) -> Simulator: ...


def load_engine(name: str) -> Engine:
    """The engine module of that name.

    Raises:
        EngineError: there is no such engine.
    """
    if name not in (*ENGINES[1:], CLOSED_FORM, IPOPT):
        raise EngineError(f"unknown engine '{name}'; choose one of {', '.join(ENGINES)}")
    return cast(Engine, import_module(f".{name}", __name__))


def pick(name: str, job: Job) -> tuple[Engine, str | None]:
    """The engine for a job, and, when ``auto`` passed a faster one over, the reason in one line.

    A model that is solved in closed form goes to that engine whatever the name, and so does a run to an optimum.

    Raises:
        EngineError: an engine asked for by name, or every engine, declines the job.
    """
    if job.cell is None:
        from . import closed_form

        if closed_form.is_for(job.module):
            return _checked(CLOSED_FORM, job), None
    if job.config.optimiser == IPOPT:
        return _checked(IPOPT, job), None
    if name != "auto":
        return _checked(name, job), None
    passed_over = []
    for kernel in KERNELS:
        engine = load_engine(kernel)
        if not (reason := engine.declines(job)):
            return engine, None
        passed_over.append(f"{kernel}: {reason}")
    return _checked("reference", job), "; ".join(passed_over) or None


def _checked(name: str, job: Job) -> Engine:
    engine = load_engine(name)
    if reason := engine.declines(job):
        raise EngineError(f"engine '{name}' cannot take {job.config.model}: {reason}")
    return engine
