"""Between torch's parameters, laid end to end in one flat vector, and the matrices that the kernels read.

Each packed number is the sum of at most two parameters (two biases), each parameter's gradient is one packed
gradient; so packing is a table of indices. Index ``n`` of n parameters stands for the number zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .shapes import Shape

GATES = {"lstm": 4, "gru": 3, "rnn": 1}
"""Row blocks of torch's weights."""


@dataclass(frozen=True)
class Parameters:
    """Torch's parameters of a shape: names, sizes and places in the flat vector."""

    shape: Shape

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
    def _matrix(self) -> tuple[np.ndarray, np.ndarray]:
        """W as indices of parameters, and the second index where two biases add up."""
        ih, hh, b_ih, b_hh, _, _ = self.views(np.arange(self.n)).values()
        columns = [hh, b_ih[:, None], ih]
        if self.shape.cell != "gru":
            second = np.full((self.shape.rows, self.shape.columns), self.n)
            second[:, self.shape.H] = b_hh
            return np.hstack(columns), second
        return self._gru_matrix(columns, b_hh)

    def _gru_matrix(self, columns: list[np.ndarray], b_hh: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Rows r, z as in other cells; n_h without u and b_in, n_u without h."""
        H = self.shape.H
        first = np.full((self.shape.rows, self.shape.columns), self.n)
        second = first.copy()
        whole = np.hstack(columns)
        first[: 2 * H] = whole[: 2 * H]
        second[: 2 * H, H] = b_hh[: 2 * H]
        first[2 * H : 3 * H, :H] = whole[2 * H :, :H]
        first[2 * H : 3 * H, H] = b_hh[2 * H :]
        first[3 * H :, H:] = whole[2 * H :, H:]
        return first, second

    @cached_property
    def packing(self) -> np.ndarray:
        """(2, packed) indices: each packed number is the sum of the two parameters."""
        s = self.shape
        first, second = self._matrix
        *_, weight, bias = self.views(np.arange(self.n)).values()
        readout = np.hstack([weight, bias[:, None]])
        firsts = [first, first[: s.recurrent_rows, : s.H].T, readout, weight.T]
        table = np.full((2, s.packed), self.n)
        table[0] = np.concatenate([part.ravel() for part in firsts])
        table[1, : second.size] = second.ravel()
        return table

    @cached_property
    def gradient(self) -> np.ndarray:
        """(n,) places of the parameters' gradients in the packed gradient."""
        s = self.shape
        first, second = self._matrix
        place = np.zeros(self.n + 1, np.int64)
        whole = np.arange(first.size)
        place[first.ravel()] = whole
        place[second.ravel()] = whole
        *_, weight, bias = self.views(np.arange(self.n)).values()
        place[np.hstack([weight, bias[:, None]]).ravel()] = first.size + np.arange(s.n_y * s.state_and_one)
        return place[: self.n]
