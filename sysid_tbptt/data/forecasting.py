"""Series to forecast, one at a time: electricity, traffic and solar of Schiller et al. 2026, exchange_rate, ett_h1.

The input is the series, and so is the output; `sysid_tbptt.data.horizon` makes forecasts of it. Validation and test
records begin with the samples before their part, so that a look-back window of any length reaches back: n_init leads to
the last sample before the part, where the first forecast is made, and scores are over the same forecasts for every N.

Each split has a second stage, named ``<split>-retrain``: the training part is train and validation together, the scaler
is fitted there, and the validation part, which is then trained on, decides nothing.

Sources and citations stand with each series below.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float64

from ..config import RETRAIN
from ..errors import DataError, shown
from . import cache, unpacked
from .cuts import Records
from .identity import revision
from .series import Dataset, Series, Units
from .source import Source, State

_FOLDER = "forecasting"
_LSTNET = "https://raw.githubusercontent.com/laiguokun/multivariate-time-series-data/master/"
_LSTNET_CITATION = (
    "G. Lai, W.-C. Chang, Y. Yang, H. Liu, Modeling long- and short-term temporal patterns with deep neural networks, "
    "SIGIR 2018 (arXiv 1703.07015)"
)
_TOLERANCE = 1e-5

Values = Float64[np.ndarray, " T"]
Candidates = Iterator[tuple[str, Values]]
"""Series that a file may mean, each with what tells it apart."""


@dataclass(frozen=True)
class Raw:
    """One series: its file, where that comes from, and how it is cut.

    ``lengths`` are the samples of train, val and test. Of a file whose bytes are not known (``sha256`` None) the series
    is checked: ``variances`` holds the population variance of its first n samples, and the candidate that has them is
    it.
    """

    name: str
    split: str
    file: str
    url: str
    sha256: str | None
    candidates: Callable[[Path], Candidates]
    lengths: tuple[int, int, int]
    dt: float
    unit: str
    size: str
    licence: str
    citation: str
    variances: Mapping[int, float] | None = None

    def splits(self) -> tuple[str, str]:
        return self.split, self.split + RETRAIN

    def load(self, split: str) -> Dataset:
        """The series under one of its splits.

        Raises:
            DataError: the split is unknown, or the file cannot be had or is not what it should be.
        """
        if split not in self.splits():
            raise DataError(f"{self.name} has no split {split!r}; choose one of {', '.join(self.splits())}")
        path = cache.fetch(_FOLDER, self.file, url=self.url, sha256=self.sha256)
        try:
            which, values = self._picked(path)
        except DataError:
            raise
        except Exception as error:  # gzip, zipfile and pandas raise of every kind
            raise DataError(
                f"{path}: cannot be read ({shown(str(error))}); {cache.remedy(path)} (source: {self.url})"
            ) from error
        return self._cut(values, which, split, path)

    def state(self) -> State:
        return "cached" if cache.find(_FOLDER, [self.file]) else "missing"

    def _picked(self, path: Path) -> tuple[str, Values]:
        """The one candidate, or the one that has the variances."""
        found = []
        for which, values in self.candidates(path):
            if len(values) < sum(self.lengths):
                raise DataError(f"{path}: {len(values)} samples, expected {sum(self.lengths)}; {cache.remedy(path)}")
            variances = {n: float(values[:n].var()) for n in self.variances or ()}
            if all(np.isclose(variances[n], var, rtol=_TOLERANCE) for n, var in (self.variances or {}).items()):
                return which, values
            found.append(f"{which}: {', '.join(f'{variance:.7g}' for variance in variances.values())}")
        raise DataError(
            f"{path}: no series in it has the variances {', '.join(map(str, (self.variances or {}).values()))} of the "
            f"first {', '.join(map(str, self.variances or ()))} samples ({'; '.join(found)}): it is another edition of "
            f"the file; {cache.remedy(path)} (source: {self.url})"
        )

    def _cut(self, values: Values, which: str, split: str, path: Path) -> Dataset:
        ends = [int(end) for end in np.cumsum(self.lengths)]
        again = split.endswith(RETRAIN)
        units = Units((self.unit,), (self.unit,))
        whole = Series(values[:, np.newaxis], values[:, np.newaxis], self.dt, units, 0, self.name)
        train, val, test = parts(whole, ends, again=again)
        ranges = f"train [0, {len(train[0])}), val [{ends[0]}, {ends[1]}), test [{ends[1]}, {ends[2]})"
        return Dataset(
            name=self.name,
            split=split,
            train=train,
            val=val,
            test=test,
            citation=self.citation,
            protocol=f"{split} split: {which} of {self.file}, {ranges}; windows of val and test reach back",
            revision=revision(train, val, test),
            sha256={self.file: cache.sha256_of(path)},
            forecasts=True,
        )


def parts(whole: Series, ends: Sequence[int], *, again: bool) -> tuple[Records, Records, Records]:
    """Train, val and test of one record, by where they end; in the second stage, ``again``, train ends with val."""

    def part(name: str, stop: int, n_init: int) -> Records:
        return (Series(whole.u[:stop], whole.y[:stop], whole.dt, whole.units, n_init, name),)

    train = part("train", ends[1] if again else ends[0], whole.n_init)
    return train, part("val", ends[1], ends[0] - 1), part("test", ends[2], ends[1] - 1)


def of_log(data: Dataset, split: str) -> Dataset:
    """A user's own log, whose parts follow one another, under its split or the second stage of it."""
    records = (*data.train, *data.val, *data.test)
    u, y = np.concatenate([record.u for record in records]), np.concatenate([record.y for record in records])
    first, again = records[0], split.endswith(RETRAIN)
    whole = Series(u, y, first.dt, first.units, first.n_init, first.name)
    train, val, test = parts(whole, np.cumsum([len(record) for record in records]).tolist(), again=again)
    told = f"{data.protocol}; {'trained on train and val; ' if again else ''}windows of val and test reach back"
    cut = revision(train, val, test)
    return replace(data, split=split, train=train, val=val, test=test, protocol=told, revision=cut)


def lstnet(column: int, path: Path) -> Candidates:
    """Columns about the one named, which may be counted from 0 or 1, the first line taken for a header or not."""
    with unpacked.opened(path) as file:
        table = pd.read_csv(file, header=None, dtype=float).to_numpy()
    for at in (column, column - 1):
        for first in (1, 0):
            yield f"column {at + 1}{', first line left out' if first else ''}", table[first:, at]


def uci_electricity(column: int, path: Path) -> Candidates:
    """Hourly kWh of a client, of which the file has quarter-hours in kW; from its start or from 2012 on."""
    for client in (f"MT_{column + 1:03d}", f"MT_{column:03d}"):
        with unpacked.opened(path, "LD2011_2014.txt") as file:
            text = io.TextIOWrapper(file, encoding="utf-8")
            table = pd.read_csv(text, sep=";", decimal=",", usecols=[client])
        quarters = table[client].to_numpy(dtype=float)
        hours = quarters[: len(quarters) // 4 * 4].reshape(-1, 4).sum(axis=1) / 4
        for year, start in ((2012, 365 * 24), (2011, 0)):
            for first in (1, 0):
                told = f"{client} hourly from {year}{', first hour left out' if first else ''}"
                yield told, hours[start + first :]


def column_of(column: str | int, path: Path) -> Candidates:
    """One column by its name, or by its number where the file has no header."""
    with unpacked.opened(path) as file:
        table = pd.read_csv(file, header=0 if isinstance(column, str) else None)
    yield f"column {column if isinstance(column, str) else column + 1}", table[column].to_numpy(dtype=float)


_PAPER = (6640, 3360, 3360)

SERIES = (
    Raw(
        name="electricity",
        split="paper",
        file="electricityloaddiagrams20112014.zip",
        url="https://archive.ics.uci.edu/static/public/321/electricityloaddiagrams20112014.zip",
        sha256=None,
        candidates=partial(uci_electricity, 5),
        lengths=_PAPER,
        dt=3600.0,
        unit="kWh",
        size="250 MB",
        licence="CC BY 4.0",
        citation="A. Trindade, ElectricityLoadDiagrams20112014, UCI Machine Learning Repository, 2015",
        variances={6640: 3323.069, 10000: 4009.495},
    ),
    Raw(
        name="traffic",
        split="paper",
        file="traffic.txt.gz",
        url=_LSTNET + "traffic/traffic.txt.gz",
        sha256=None,
        candidates=partial(lstnet, 9),
        lengths=_PAPER,
        dt=3600.0,
        unit="-",
        size="25 MB",
        licence="none stated",
        citation=f"Road occupancy, California Department of Transportation; {_LSTNET_CITATION}",
        variances={6640: 0.00117473127, 10000: 0.00116588393},
    ),
    Raw(
        name="solar",
        split="paper",
        file="solar_AL.txt.gz",
        url=_LSTNET + "solar-energy/solar_AL.txt.gz",
        sha256=None,
        candidates=partial(lstnet, 2),
        lengths=(15000, 5000, 5000),
        dt=600.0,
        unit="MW",
        size="5 MB",
        licence="none stated",
        citation=f"Solar power production 2006, National Renewable Energy Laboratory; {_LSTNET_CITATION}",
        variances={15000: 77.95335, 20000: 81.03085},
    ),
    Raw(
        name="exchange_rate",
        split="standard",
        file="exchange_rate.txt.gz",
        url=_LSTNET + "exchange_rate/exchange_rate.txt.gz",
        sha256="6a4fbb561dcdee43f071a83badbeec9223a335552278348656738b556f1c2e9d",
        candidates=partial(column_of, 7),
        lengths=(5311, 760, 1517),
        dt=86400.0,
        unit="-",
        size="0.2 MB",
        licence="none stated",
        citation=f"Daily exchange rates 1990 to 2016; {_LSTNET_CITATION}",
    ),
    Raw(
        name="ett_h1",
        split="standard",
        file="ETTh1.csv",
        url="https://raw.githubusercontent.com/zhouhaoyi/ETDataset/main/ETT-small/ETTh1.csv",
        sha256="f18de3ad269cef59bb07b5438d79bb3042d3be49bdeecf01c1cd6d29695ee066",
        candidates=partial(column_of, "OT"),
        lengths=(8640, 2880, 2880),
        dt=3600.0,
        unit="°C",
        size="2.6 MB",
        licence="CC BY-ND 4.0",
        citation="H. Zhou et al., Informer: Beyond efficient transformer for long sequence time-series forecasting, "
        "AAAI 2021",
    ),
)

SOURCES: tuple[Source, ...] = tuple(
    Source(
        name=raw.name,
        splits=raw.splits(),
        load=raw.load,
        state=raw.state,
        size=raw.size,
        origin=raw.url,
        licence=raw.licence,
        citation=raw.citation,
    )
    for raw in SERIES
)
