"""Models that misbehave."""

import os

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
