"""The random numbers of torch's CPU generator, without torch.

Torch takes longer to import than a short run takes to train. Both generators are the Mersenne Twister MT19937
(M. Matsumoto, T. Nishimura, ACM TOMACS 8(1), 1998); the tests compare every kind of draw with torch's.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod, sqrt
from typing import Any, cast

import numpy as np
from jaxtyping import Float32, Int64

GATES = {"rnn": 1, "gru": 3, "lstm": 4}
"""Blocks of H rows in torch's recurrent weights of the zoo's cells."""

_LOW_32, _LOW_63 = 2**32 - 1, 2**63 - 1
_LOW_24 = np.uint32(2**24 - 1)


class Generator:
    """The draws that follow ``torch.manual_seed(seed)``."""

    def __init__(self, seed: int) -> None:
        self._bits = np.random.MT19937()
        self._bits.state = cast(Any, np.random.RandomState(seed & _LOW_32).get_state(legacy=False))

    def seeds(self) -> Iterator[int]:
        """Draws of 63 bits without end, each as ``torch.empty((), dtype=torch.int64).random_()``."""
        while True:
            high, low = map(int, self._bits.random_raw(2))
            yield (high << 32 | low) & _LOW_63

    def uniform(self, shape: tuple[int, ...], bound: float) -> Float32[np.ndarray, ...]:
        """As ``torch.empty(shape).uniform_(-bound, bound)``, with the rounding of a fused multiply-add."""
        low, width = np.float32(-bound), np.float32(bound) - np.float32(-bound)
        fractions = (self._words(prod(shape)) & _LOW_24) / 2**24
        return (fractions * np.float64(width) + np.float64(low)).astype(np.float32).reshape(shape)

    def permutation(self, n: int) -> Int64[np.ndarray, " n"]:
        """As ``torch.randperm(n)``, for n below 200 million; torch takes 64 bits a number for longer ones."""
        from .engines.kernels.permute import permute  # here, since the engines import this file

        order = np.arange(n, dtype=np.int64)
        permute(order, self._words(max(0, n - 1)))
        return order

    def _words(self, n: int) -> np.ndarray:
        return np.asarray(self._bits.random_raw(n)).astype(np.uint32)


def recurrent_weights(
    generator: Generator, cell: str, n_in: int, n_y: int, H: int, num_layers: int = 1
) -> dict[str, Float32[np.ndarray, ...]]:
    """The initial weights of a zoo network under torch's names, in the order in which torch draws them.

    They equal torch's to the bit where torch has a fused multiply-add, and otherwise to the last digit. All are uniform
    between -1/sqrt(H) and 1/sqrt(H).
    """
    bound, rows = 1 / sqrt(H), GATES[cell] * H
    weights: dict[str, np.ndarray] = {}
    for layer in range(num_layers):
        sizes = {
            "weight_ih": (rows, H if layer else n_in),
            "weight_hh": (rows, H),
            "bias_ih": (rows,),
            "bias_hh": (rows,),
        }
        weights |= {f"rnn.{name}_l{layer}": generator.uniform(size, bound) for name, size in sizes.items()}
    # torch computes the bound of a linear layer's weights as a product of three roots, which rounds differently
    weights["readout.weight"] = generator.uniform((n_y, H), sqrt(3.0) * (sqrt(2.0 / (1 + sqrt(5) ** 2)) / sqrt(H)))
    weights["readout.bias"] = generator.uniform((n_y,), bound)
    return weights
