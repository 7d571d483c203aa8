"""From a system's signals to a `Dataset`, and what all embedded systems have in common.

Every channel is recorded to a stated number of decimals, about seven digits of its full scale, which is the resolution
of float32. Rounding-off errors of another machine's mathematical functions lie near the sixteenth digit: they can
change a recorded number only where it falls on the edge between two decimals, with odds of about one in a thousand
for a whole data set. So the revision, which hashes the records, is the same on all but very few machines.

Random numbers come from numpy's PCG64, seeded by the system and the part; the parts share no draws. numpy promises to
keep this generator, but not for ever how it makes Gaussian numbers of it: should that change, the revision shows it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float64

from ...errors import DataError
from ..identity import revision
from ..scaler import Scaler
from ..series import Dataset, Series, Units
from ..source import Source, State

SPLIT = "simulated"
Part = Literal["train", "val", "test"]
PARTS: tuple[Part, ...] = ("train", "val", "test")


@dataclass(frozen=True)
class Recorder:
    """What is noted of a system: sampling time [s], units, the decimals kept of u and of each output, n_init."""

    dt: float
    units: Units
    u_decimals: int
    y_decimals: tuple[int, ...]
    n_init: int

    def input(self, u: Float64[np.ndarray, " T"]) -> Float64[np.ndarray, " T"]:
        """The input as recorded; systems are driven with exactly this."""
        return _rounded(u, self.u_decimals)

    def series(self, part: Part, u: Float64[np.ndarray, " T"], y: Float64[np.ndarray, "T n_y"]) -> Series:
        outputs = [_rounded(y[:, i], decimals) for i, decimals in enumerate(self.y_decimals)]
        return Series(u[:, np.newaxis], np.column_stack(outputs), self.dt, self.units, self.n_init, part)


def _rounded(values: Float64[np.ndarray, " T"], decimals: int) -> Float64[np.ndarray, " T"]:
    return np.round(values, decimals) + 0.0  # + 0.0: no negative zero


def generator(seed: int, part: Part) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64((seed, PARTS.index(part))))


def embedded(
    name: str,
    record: Callable[[Part], Series],
    *,
    protocol: str,
    citation: str,
    split: str = SPLIT,
    scaler: Scaler | None = None,
) -> Source:
    """The source of a system whose ``record`` simulates one part; nothing is simulated before it is loaded.

    ``scaler`` stands where the signals are not to be standardised.
    """

    def load(wanted: str) -> Dataset:
        if wanted != split:
            raise DataError(f"{name} has no split {wanted!r}; the one it has is named {split!r}")
        train, val, test = (record("train"),), (record("val"),), (record("test"),)
        told, cut = f"{split} split: {protocol}", revision(train, val, test)
        return Dataset(name, split, train, val, test, citation, told, cut, given_scaler=scaler)

    return Source(
        name=name,
        splits=(split,),
        load=load,
        state=_state,
        size="0 MB",
        origin="embedded",
        licence="BSD-3-Clause (this package)",
        citation=citation,
    )


def _state() -> State:
    return "embedded"
