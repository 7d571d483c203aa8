"""Models that misbehave, and what tests do to worker processes."""

import os
import tempfile
from pathlib import Path
from typing import Any

import torch


class Suicidal(torch.nn.Module):
    """Ends its process when it is trained, but for the one named in TEST_DRIVER."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = torch.nn.Parameter(torch.ones(1))

    def forward(self, u: torch.Tensor) -> torch.Tensor:
        if torch.is_grad_enabled() and os.environ["TEST_DRIVER"] != str(os.getpid()):
            os._exit(7)
        return self.gain * u


def suicidal(**_: int) -> Suicidal:
    return Suicidal()


class Moody(torch.nn.Module):
    """Notes in the file TEST_MOODS where it is trained, and fails there unless it has been tried `patience` times."""

    def __init__(self, patience: int) -> None:
        super().__init__()
        self.gain, self.patience = torch.nn.Parameter(torch.ones(1)), patience

    def forward(self, u: torch.Tensor) -> torch.Tensor:
        if torch.is_grad_enabled() and "TEST_MOODS" in os.environ:  # a worker that was started since is calm
            with Path(os.environ["TEST_MOODS"]).open("a+") as moods:
                moods.write(f"{os.getpid()}\n")
                moods.seek(0)
                if len(moods.readlines()) <= self.patience:
                    raise RuntimeError("not today")
        return self.gain * u


def hopeless(**_: int) -> Moody:
    return Moody(10**9)


def calm(**_: int) -> Moody:
    return Moody(0)


def moody(**_: int) -> Moody:
    return Moody(1)


def set_moods(path: str) -> None:
    os.environ["TEST_MOODS"] = path


async def gain_a_card(dask_worker: Any) -> None:
    await dask_worker.set_resources(TEST_CARD=1)


def set_temporary(folder: str | None) -> None:
    """Where this process puts temporary files; None for where they belong."""
    tempfile.tempdir = folder
