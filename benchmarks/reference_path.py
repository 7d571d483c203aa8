"""A training as the reference implementation runs it: DataLoader, torch.nn.LSTM, Adam."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from sysid_tbptt.training.job import Job

CELLS = {"rnn": torch.nn.RNN, "gru": torch.nn.GRU, "lstm": torch.nn.LSTM}


class Windows(Dataset):  # type: ignore[type-arg]
    """All subsequences of a record."""

    def __init__(self, u: np.ndarray, y: np.ndarray, seq_len: int) -> None:
        self.u, self.y, self.seq_len = torch.from_numpy(u), torch.from_numpy(y), seq_len

    def __len__(self) -> int:
        return len(self.u) - self.seq_len + 1

    def __getitem__(self, i: int) -> tuple[torch.Tensor, torch.Tensor]:
        return self.u[i : i + self.seq_len], self.y[i : i + self.seq_len]


def losses(job: Job) -> Iterator[float]:
    """One optimiser step for each loss taken; the same draws, so the same weights and batches, as the job's."""
    config = job.config
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        rnn = CELLS[config.model](job.u.shape[1], config.hidden_size, batch_first=True)
        readout = torch.nn.Linear(config.hidden_size, job.y.shape[1])
        windows = Windows(job.u, job.y, config.seq_len)
        loader = DataLoader(windows, batch_size=config.batch_size, shuffle=True, drop_last=True)
        adam = torch.optim.Adam([*rnn.parameters(), *readout.parameters()], lr=config.learning_rate)
        while True:
            for u, y in loader:
                y_hat = readout(rnn(u)[0])
                loss = torch.nn.functional.mse_loss(y_hat[:, config.burn_in :], y[:, config.burn_in :])
                adam.zero_grad()
                loss.backward()
                adam.step()
                yield loss.item()
