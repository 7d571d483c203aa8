"""Torch is the oracle."""

import llvmlite.binding
import numpy as np
import pytest
import torch

from sysid_tbptt.models.rnn import CELLS, Recurrent
from sysid_tbptt.training.draws import Generator, recurrent_weights

SEEDS = [0, 1, 7, 2**31, 2**32 - 1, 2**32 + 5, 2**63 - 1]
FUSED = llvmlite.binding.get_host_cpu_features().get("fma", False)


def same(ours, theirs, bound):
    """To the bit where torch has a fused multiply-add, otherwise to the last digit."""
    return np.allclose(ours, theirs, rtol=0, atol=0 if FUSED else bound * 2.0**-23)


@pytest.fixture(params=SEEDS)
def pair(request):
    return Generator(request.param), torch.Generator().manual_seed(request.param)


def test_draws_in_sequence_equal_torchs(pair):
    ours, theirs = pair
    for n in (1, 5, 700, 20_000, 0):
        assert next(ours.seeds()) == int(torch.empty((), dtype=torch.int64).random_(generator=theirs))
        assert np.array_equal(ours.permutation(n), torch.randperm(n, generator=theirs).numpy())
        bound = 1 / (n + 3) ** 0.5
        expected = torch.empty((n, 3)).uniform_(-bound, bound, generator=theirs).numpy()
        assert same(ours.uniform((n, 3), bound), expected, bound)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("sizes", [(1, 1, 1, 1), (3, 2, 7, 1), (1, 1, 8, 2), (2, 5, 96, 1)], ids=str)
def test_initial_weights_equal_torchs(cell, sizes):
    n_u, n_y, H, layers = sizes
    for seed in SEEDS:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            expected = Recurrent(cell, n_u=n_u, n_y=n_y, hidden_size=H, num_layers=layers).state_dict()
            following = int(torch.empty((), dtype=torch.int64).random_())
        ours = Generator(seed)
        drawn = recurrent_weights(ours, cell, n_u, n_y, H, layers)
        assert list(drawn) == list(expected)
        for name, tensor in expected.items():
            assert same(drawn[name], tensor.numpy(), 1 / H**0.5), name
        assert next(ours.seeds()) == following
