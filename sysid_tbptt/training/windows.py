"""Subsequences of the training records, and the order in which they are visited.

The windows are never copied: a batch is gathered from the records by the index of its first samples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

import numpy as np
from jaxtyping import Float32, Int64

from ..config import RunConfig
from ..errors import ConfigError
from .draws import Generator


def window_starts(lengths: Sequence[int], seq_len: int, stride: int = 1) -> Int64[np.ndarray, " S"]:
    """First sample of every window of ``seq_len`` samples, over records laid end to end.

    ``lengths`` are the records' lengths T. Each record gives one window for each ``stride`` of its T-N+1 first samples,
    or none where T < N, and no window crosses a record's end.

    Raises:
        ConfigError: all records are shorter than one window.
    """
    longest = max(lengths)
    if longest < seq_len:
        records = "the training record of" if len(lengths) == 1 else "all training records, the longest of which has"
        raise ConfigError(f"seq_len={seq_len} is longer than {records} {longest} samples; choose seq_len <= {longest}")
    offsets = np.cumsum([0, *lengths[:-1]])
    return np.concatenate(
        [
            offset + np.arange(0, max(0, length - seq_len + 1), stride)
            for offset, length in zip(offsets, lengths, strict=True)
        ]
    )


def n_long_enough(lengths: Sequence[int], seq_len: int) -> int:
    """The number of records that give windows."""
    return sum(length >= seq_len for length in lengths)


def layout(lengths: Sequence[int], config: RunConfig) -> Int64[np.ndarray, " S"]:
    """The first sample of every window that a run trains on, without those of a warm start.

    Raises:
        ConfigError: the windows, the batch or the carried state do not fit the records.
    """
    starts = window_starts(lengths, config.seq_len, config.samples_apart)
    if config.optimiser == "adam" and len(starts) < config.batch_size:
        raise ConfigError(
            f"batch_size={config.batch_size} is more than the {len(starts)} windows of seq_len={config.seq_len}; "
            f"choose batch_size <= {len(starts)}"
        )
    records = n_long_enough(lengths, config.seq_len)
    if config.init_mode == "carry" and records > 1:
        raise ConfigError(
            f"init_mode='carry' needs one training record of at least seq_len={config.seq_len} samples, there are "
            f"{records}; choose init_mode='zero'"
        )
    return starts


class BatchOrder:
    """Which windows make up each batch, epoch after epoch.

    With ``seeds``, it reproduces torch's ``DataLoader(shuffle=True, drop_last=True)`` draw by draw. ``seeds()`` yields
    the draws of torch's default generator after the model was built, from the first one on: each epoch takes the
    iterator's base seed, which nothing here uses, then the seed of the generator that permutes the windows. Without
    ``seeds`` it visits the windows in order.
    """

    def __init__(self, n_windows: int, batch_size: int, *, seeds: Callable[[], Iterator[int]] | None = None) -> None:
        self.n_windows, self.batch_size = n_windows, batch_size
        self.steps_per_epoch = n_windows // batch_size
        self._seeds = seeds

    def epochs(self, first: int = 0) -> Iterator[Int64[np.ndarray, "steps B"]]:
        """Yields from epoch ``first`` on, without end, the window indices (steps_per_epoch, B) of an epoch."""
        shape = (self.steps_per_epoch, self.batch_size)
        if self._seeds is None:
            in_order = np.arange(shape[0] * shape[1], dtype=np.int64).reshape(shape)
            while True:
                yield in_order
        for seed in islice(self._seeds(), 2 * first + 1, None, 2):
            yield Generator(seed).permutation(self.n_windows)[: shape[0] * shape[1]].reshape(shape)


def noisy_input(u: Float32[np.ndarray, "T n_u"], sigma: float, seed: int, epoch: int) -> Float32[np.ndarray, "T n_u"]:
    """The standardised input record with white noise of standard deviation ``sigma``, drawn anew each epoch."""
    noise = np.random.Generator(np.random.Philox(key=[seed, epoch])).standard_normal(u.shape, dtype=np.float32)
    return u + np.float32(sigma) * noise
