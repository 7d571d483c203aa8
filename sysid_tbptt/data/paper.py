"""The cuts of Schiller, Heinrich, Lopez, Müller, Tuning the burn-in phase in training recurrent neural networks
improves their performance, ICLR 2026 (arXiv 2602.10911).

silverbox and wiener_hammerstein are segments of the whole official records, in V, rounded to 5 significant digits as
the authors' csv files are; they are not the official splits. rlc is a simulated nonlinear RLC circuit, read from
the two csv files of its authors at full precision; the paper's csv keep about 15 of their 17 digits.

The paper scores every step from a zero state, hence n_init = 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from ..errors import DataError
from . import cache, package
from .identity import revision, round_significant
from .official import SILVERBOX, WIENER_HAMMERSTEIN, Benchmark
from .series import Dataset, Series, Units
from .source import Source, State

SPLIT = "paper"
DIGITS = 5
"""Significant digits of the paper's silverbox and Wiener-Hammerstein csv files."""

_EVERY_STEP = "every step scored (n_init=0)"


@dataclass(frozen=True)
class Bounds:
    """Half-open sample ranges within a whole record."""

    train: tuple[int, int]
    val: tuple[int, int]
    test: tuple[int, int]


RLC = "rlc"
RLC_DT = 0.5e-6
"""Sampling time [s] of the RLC records."""

RLC_TRAIN = 6667
"""Samples of the identification record that train; the rest of its 10000 validate."""

RLC_TEST = 3333
"""Samples of the test record that test."""

RLC_FILES = {
    "RLC_data_id.csv": "dcab6d9435f78f361612b5b28dd4eb41012ddaa73c803a948ac16535b509aa67",
    "RLC_data_test.csv": "58b36b31442f8be3cce54a252b1fd6f9836e573adaf4fee5d1a7b4731441fd8c",
}
"""Raw files and their SHA-256."""

RLC_ORIGIN = "https://raw.githubusercontent.com/forgi86/pytorch-ident/master/examples/io/RLC/data/"
RLC_CITATION = (
    "M. Forgione, D. Piga, Continuous-time system identification with neural networks: model structures and fitting "
    "criteria, European Journal of Control 59 (2021)"
)


def load_segment(benchmark: Benchmark, bounds: Bounds, split: str) -> Dataset:
    """Silverbox or Wiener-Hammerstein as cut by the paper, u and y in V.

    Raises:
        DataError: the split is unknown, or the files cannot be had or are not what they should be.
    """
    _check_split(benchmark.name, split)
    raw = package.obtain(benchmark.raw)
    whole = _whole_record(benchmark, raw.root)
    parts = {
        part: _rounded(whole.slice(*range_, name=part))
        for part, range_ in (("train", bounds.train), ("val", bounds.val), ("test", bounds.test))
    }
    ranges = f"train {bounds.train}, val {bounds.val}, test {bounds.test}"
    return _dataset(
        benchmark.name,
        parts,
        benchmark.citation,
        f"{SPLIT} split: samples {ranges} of the whole record as read by nonlinear-benchmarks "
        f"{package.package_version()}, rounded to {DIGITS} significant digits; {_EVERY_STEP}",
        raw.sha256,
    )


def _whole_record(benchmark: Benchmark, root: Path) -> Series:
    (record,) = package.call_loader(
        benchmark.raw, root, train_test_split=False, atleast_2d=True, always_return_tuples_of_datasets=True
    )
    return Series(record.u, record.y, float(record.sampling_time), Units(u=("V",), y=("V",)), 0, "whole")


def _rounded(series: Series) -> Series:
    u, y = round_significant(series.u, DIGITS), round_significant(series.y, DIGITS)
    return Series(u, y, series.dt, series.units, series.n_init, series.name)


def load_rlc(split: str) -> Dataset:
    """The RLC circuit: u = V_IN [V], y = (I_L [A], V_C [V]) in the paper's order.

    Raises:
        DataError: the split is unknown, or the files cannot be had or are not what they should be.
    """
    _check_split(RLC, split)
    paths = {name: cache.fetch(RLC, name, url=RLC_ORIGIN + name, sha256=sha256) for name, sha256 in RLC_FILES.items()}
    identification, test = (_read_rlc(path) for path in paths.values())
    parts = {
        "train": identification.slice(0, RLC_TRAIN, name="train"),
        "val": identification.slice(RLC_TRAIN, len(identification), name="val"),
        "test": test.slice(0, RLC_TEST, name="test"),
    }
    protocol = (
        f"{SPLIT} split: RLC_data_id [0, {RLC_TRAIN}) and [{RLC_TRAIN}, {len(identification)}), RLC_data_test "
        f"[0, {RLC_TEST}); {_EVERY_STEP}"
    )
    return _dataset(RLC, parts, RLC_CITATION, protocol, RLC_FILES)


def _read_rlc(path: Path) -> Series:
    """Columns time, V_C, I_L, V_IN, and V_C once more."""
    columns: Float64[np.ndarray, "T five"] = np.loadtxt(path, delimiter=",", skiprows=1)
    return Series(columns[:, [3]], columns[:, [2, 1]], RLC_DT, Units(u=("V",), y=("A", "V")), 0, path.stem)


def _dataset(
    name: str, parts: Mapping[str, Series], citation: str, protocol: str, sha256: Mapping[str, str]
) -> Dataset:
    train, val, test = ((parts[part],) for part in ("train", "val", "test"))
    return Dataset(name, SPLIT, train, val, test, citation, protocol, revision(train, val, test), sha256)


def _check_split(name: str, split: str) -> None:
    if split != SPLIT:
        raise DataError(f"{name} has no split {split!r} here; the paper's cut is named {SPLIT!r}")


def _segment_source(benchmark: Benchmark, bounds: Bounds) -> Source:
    return Source(
        name=benchmark.name,
        splits=(SPLIT,),
        load=partial(load_segment, benchmark, bounds),
        state=partial(package.state, benchmark.raw),
        size=benchmark.size,
        origin=benchmark.raw.origin,
        licence="none stated",
        citation=benchmark.citation,
    )


def _rlc_state() -> State:
    return "cached" if all(cache.find(RLC, [name]) for name in RLC_FILES) else "missing"


SOURCES: tuple[Source, ...] = (
    _segment_source(SILVERBOX, Bounds((50000, 70000), (70000, 80000), (80000, 90000))),
    _segment_source(WIENER_HAMMERSTEIN, Bounds((5000, 25000), (25000, 35000), (35000, 45000))),
    Source(
        name=RLC,
        splits=(SPLIT,),
        load=load_rlc,
        state=_rlc_state,
        size="1.8 MB",
        origin=RLC_ORIGIN,
        licence="MIT",
        citation=RLC_CITATION,
    ),
)
