"""Between torch's parameters, laid end to end in one flat vector, and the matrices that the kernels read.

Each packed number is the sum of at most two parameters (two biases), each parameter's gradient is one packed
gradient; so packing is a table of indices, in a batch as in a sequence. Index ``n`` of n parameters stands for the
number zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ...draws import GATES
from .rows import empty
from .simd import LANES


@dataclass(frozen=True)
class Parameters:
    """Torch's parameters of a shape: names, sizes and places in the flat vector."""

    shape: Any

    @cached_property
    def sizes(self) -> dict[str, tuple[int, ...]]:
        s, rows = self.shape, GATES[self.shape.cell] * self.shape.H
        return {
            "rnn.weight_ih_l0": (rows, s.n_u),
            "rnn.weight_hh_l0": (rows, s.H),
            "rnn.bias_ih_l0": (rows,),
            "rnn.bias_hh_l0": (rows,),
            "readout.weight": (s.n_y, s.H),
            "readout.bias": (s.n_y,),
        }

    @cached_property
    def bounds(self) -> np.ndarray:
        """The first number of each parameter, and the end."""
        return np.cumsum([0, *(int(np.prod(size)) for size in self.sizes.values())])

    @property
    def n(self) -> int:
        return int(self.bounds[-1])

    def views(self, flat: np.ndarray) -> dict[str, np.ndarray]:
        """The parameters as views of a flat vector."""
        parts = np.split(flat[: self.n], self.bounds[1:-1])
        return {name: part.reshape(size) for (name, size), part in zip(self.sizes.items(), parts, strict=True)}

    def flat(self, arrays: dict[str, np.ndarray]) -> np.ndarray:
        return np.concatenate([arrays[name].ravel() for name in self.sizes])

    @cached_property
    def matrix(self) -> tuple[np.ndarray, np.ndarray]:
        """W as indices of parameters, and the second index where two biases add up."""
        ih, hh, b_ih, b_hh, _, _ = self.views(np.arange(self.n)).values()
        whole = np.hstack([hh, b_ih[:, None], ih])
        if self.shape.cell != "gru":
            second = np.full(whole.shape, self.n)
            second[:, self.shape.H] = b_hh
            return whole, second
        return self._gru_matrix(whole, b_hh)

    def _gru_matrix(self, whole: np.ndarray, b_hh: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Rows r, z as in other cells; n_h without u and b_in, n_u without h."""
        H = self.shape.H
        first = np.full((4 * H, self.shape.columns), self.n)
        second = first.copy()
        first[: 2 * H] = whole[: 2 * H]
        second[: 2 * H, H] = b_hh[: 2 * H]
        first[2 * H : 3 * H, :H] = whole[2 * H :, :H]
        first[2 * H : 3 * H, H] = b_hh[2 * H :]
        first[3 * H :, H:] = whole[2 * H :, H:]
        return first, second

    @cached_property
    def readout(self) -> np.ndarray:
        """The read-out with its bias as the last column."""
        *_, weight, bias = self.views(np.arange(self.n)).values()
        return np.hstack([weight, bias[:, None]])

    @cached_property
    def packing(self) -> np.ndarray:
        """(2, numbers) indices: each packed number is the sum of the two parameters."""
        H, (first, second) = self.shape.H, self.matrix
        recurrent, weight = first[: self.shape.recurrent, :H], self.readout[:, :H]
        ones = [(first, self.shape.gates), (recurrent.T, 1), (self.readout, 1), (weight.T, 1)]
        table = np.concatenate([self._in_lanes(*part) for part in ones])
        twos = self._in_lanes(second, self.shape.gates)
        return np.stack([table, np.append(twos, np.full(len(table) - len(twos), self.n))])

    def _in_lanes(self, matrix: np.ndarray, groups: int) -> np.ndarray:
        """A matrix of indices as it is packed; in a sequence each group's rows fill whole rows of lanes."""
        if not self.shape.lanes_are_units:
            return matrix.ravel()
        rows = matrix.reshape(groups, -1, matrix.shape[1])
        spare = -rows.shape[1] % LANES
        padded = np.pad(rows, ((0, 0), (0, spare), (0, 0)), constant_values=self.n)
        return padded.reshape(-1, LANES, matrix.shape[1]).transpose(0, 2, 1).ravel()

    @cached_property
    def places(self) -> np.ndarray:
        """(n,) where in the packed gradient each parameter's is: a row of lanes, or one lane of a row."""
        s, (first, second) = self.shape, self.matrix
        place = np.zeros(self.n + 1, np.int64)
        for indices in (first, second):
            packed = self._in_lanes(indices, s.gates)
            place[packed] = np.arange(len(packed))
        lanes = LANES if s.lanes_are_units else 1
        row, lane = np.divmod(np.append(np.arange(s.H), s.units * lanes), lanes)
        output = np.arange(s.n_y)[:, None]
        place[self.readout] = (s.at_readout_gradient + row * s.n_y + output) * lanes + lane
        return place[: self.n]


def packed_with(parameters: Parameters, weights: np.ndarray) -> np.ndarray:
    """Packed weights, on a boundary of 64 bytes; ``weights`` is flat, with a zero at the end."""
    first, second = parameters.packing
    packed = empty(-(-len(first) // LANES)).ravel()[: len(first)]
    packed[:] = weights[first] + weights[second]
    return packed
