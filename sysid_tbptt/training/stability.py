"""Exponential output stability of a trained network, measured: assumption 1 of the reference paper.

||y_t(h1) - y_t(h2)|| <= C lambda^t ||h1 - h2|| for two states h1, h2 and the same input, 0 < lambda < 1 (Schiller et
al. 2026, arXiv 2602.10911).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Float32, Float64, Int64
from torch import Tensor

from ..data.series import Dataset
from ..errors import ConfigError, ModelError
from .decay import Decay
from .forgetting import Forgetting, fit
from .inputs import check_init_outputs, fed
from .states import Network, States, distances, joined, network, picked

PAIRS, STEPS = 500, 2000
"""Pairs of states that are driven, and for how many steps at most."""

ROUNDING = 1e4 * float(np.finfo(np.float64).eps)
"""A distance between outputs of more than this times their root mean square is no matter of rounding."""

_CLOSE = 1e-3
"""Pairs of states closer than this times the median distance are left out: their ratio is of two small numbers."""
_BEYOND = 1e100
"""A larger ratio is of outputs that run away from each other."""
_CHUNK = 100


def estimate(
    module: torch.nn.Module,
    data: Dataset,
    *,
    init_outputs: int = 0,
    pairs: int = PAIRS,
    steps: int = STEPS,
    seed: int = 0,
) -> Forgetting:
    """lambda and C of a trained module on the training records of a data set, see `measure` and `fit`.

    Where the module is given ``init_outputs`` measured outputs at a record's start, states are those after them.

    Raises:
        ModelError: see `measure`; or the module forgets too fast for its rate to be measured.
        ConfigError: see `measure`; or ``init_outputs`` is more than the data set's init window.
    """
    check_init_outputs(init_outputs, data.n_init, data.name)
    scaled = [data.scaler.scale(series) for series in data.train]
    records = [fed(u, y[:init_outputs]) for u, y in scaled]
    return fit(measure(module, records, pairs=pairs, steps=steps, first=max(1, init_outputs), seed=seed), seed=seed)


@torch.no_grad()
def measure(
    module: torch.nn.Module,
    records: Sequence[Float32[np.ndarray, "_ n_in"]],
    *,
    pairs: int = PAIRS,
    steps: int = STEPS,
    first: int = 1,
    seed: int = 0,
) -> Decay:
    """Drives pairs of states from random places of the records, in float64, so that distances can fall far.

    ``records`` are what the module is fed in standardised units. The first state of a pair is the one that the
    module has at the place in a free run from a zero state; the second one is, by turns, the zero state that a
    subsequence starts from in training, and the state at another place. Places lie ``first`` steps or more after a
    record's start. It ends early where all outputs agree up to rounding, or run away from each other; ``steps`` are
    at most half of the longest record.

    Raises:
        ModelError: the module has no ``forward_from``, or a state that never changes, or one that is not finite.
        ConfigError: fewer than two pairs, or no record is long enough.
    """
    if pairs < 2:
        raise ConfigError(f"pairs={pairs} gives no interval; choose pairs >= 2")
    of, rng = network(module, records[0].shape[1]), np.random.default_rng(seed)
    lengths = [len(record) for record in records]
    steps = min(steps, max(lengths) // 2)
    starts = _starts(lengths, steps, first, pairs, rng)
    u = torch.from_numpy(np.concatenate(records)).double()
    order = torch.from_numpy(rng.permutation(pairs))
    h1 = picked(_visited(of, u, lengths, starts), order)
    h2 = _partners(h1)
    start, apart = torch.from_numpy(starts)[order], distances(h1, h2)
    kept = _usable(apart)
    return _driven(of, u, start[kept], (picked(h1, kept), picked(h2, kept)), apart[kept, None], steps)


def _starts(
    lengths: Sequence[int], steps: int, first: int, pairs: int, rng: np.random.Generator
) -> Int64[np.ndarray, " K"]:
    """Places in the records, one record after another, in ascending order."""
    begins = np.cumsum([0, *lengths[:-1]])
    places = np.concatenate([b + np.arange(first, n - steps + 1) for b, n in zip(begins, lengths, strict=True)])
    if not steps or not len(places):
        raise ConfigError(f"no training record is long enough to forget in: the longest has {max(lengths)} samples")
    return np.sort(rng.choice(places, pairs, replace=pairs > len(places)))


def _visited(
    of: Network, u: Float64[Tensor, "T n_in"], lengths: Sequence[int], starts: Int64[np.ndarray, " K"]
) -> States:
    """The states at the starts in free runs of the records."""
    states: list[States] = []
    begin = 0
    for length in lengths:
        within = starts[(begin < starts) & (starts < begin + length)] - begin
        states += of.visit(u[begin : begin + length], within.tolist())
        begin += length
    return joined(states)


def _partners(h1: States) -> States:
    """By turns the zero state, and the one of the next pair."""
    zero = torch.arange(len(h1[0])) % 2 == 0
    return tuple(torch.where(zero.view(-1, *[1] * (part.ndim - 1)), 0.0, part.roll(1, 0)) for part in h1)


def _usable(apart: Float64[Tensor, " K"]) -> Int64[Tensor, " k"]:
    """The pairs of states that are not too close."""
    if not bool(torch.isfinite(apart).all()):
        raise ModelError("the state is not finite in a free run of the training records: the network does not forget")
    kept = torch.nonzero((apart > 0) & (apart > _CLOSE * apart.median()))[:, 0]
    if not len(kept):
        raise ModelError("the state is zero throughout the training records: the network has nothing to forget")
    return kept


def _driven(
    of: Network,
    u: Float64[Tensor, "T n_in"],
    start: Int64[Tensor, " K"],
    pairs: tuple[States, States],
    apart: Float64[Tensor, "K 1"],
    steps: int,
) -> Decay:
    """The decay of pairs of states, ``apart`` from each other, each driven from its start on."""
    ratios: list[Tensor] = []
    floor = torch.zeros_like(apart)
    for one, other in _outputs(of, u, start, pairs, steps):
        if not ratios:
            floor = ROUNDING * _scale(one) / apart
        ratios.append(torch.linalg.vector_norm(one - other, dim=2) / apart)
        if bool((ratios[-1] <= floor).all()) or not bool((ratios[-1] < _BEYOND).all()):
            break
    ratio = torch.cat(ratios, dim=1)
    tame = int((ratio < _BEYOND).all(dim=0).long().cumprod(dim=0).sum())
    return Decay(ratio[:, :tame].numpy(), floor.numpy())


def _outputs(
    of: Network, u: Float64[Tensor, "T n_in"], start: Int64[Tensor, " K"], pairs: tuple[States, States], steps: int
) -> Iterator[tuple[Float64[Tensor, "K n n_y"], Float64[Tensor, "K n n_y"]]]:
    """Outputs from the first and from the second states, some steps at a time."""
    states = joined(pairs)
    for begin in range(0, steps, _CHUNK):
        at = start[:, None] + torch.arange(begin, min(begin + _CHUNK, steps))
        y, states = of.advance(u[at].repeat(2, 1, 1), states)
        one, other = y.chunk(2)
        yield one, other


def _scale(y: Float64[Tensor, "K n n_y"]) -> float:
    """Root mean square of the norm of the outputs, those that are finite."""
    squares = y.square().sum(dim=2)
    return float(squares[torch.isfinite(squares)].mean().sqrt())
