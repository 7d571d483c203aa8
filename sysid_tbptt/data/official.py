"""The benchmarks of nonlinear-benchmarks under their own splits.

``official``: train, validation and test; the validation part is cut from the package's train_val part, the test
records and the init window are the package's own. ``champneys``: the same test records, train_val cut in halves
(tanks 700/324) as in M. D. Champneys, G. I. Beintema, R. Tóth, M. Schoukens, T. J. Rogers, Baseline results for
selected nonlinear system identification benchmarks, 2024. ``records``: sets that the package does not split.

``y`` is in the unit in which the benchmark's RMSE is reported.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

from .. import limits
from ..errors import DataError
from . import cuts, package
from .cuts import Cut, Given, Parts, Records
from .identity import revision
from .package import RawSet
from .series import Dataset, Series, Units
from .source import Source

MILLI = 1e3
"""Factor from V to mV and from m to mm."""

BOUC_WEN_RATE = 750.0
"""Samples per second of the Bouc-Wen test signals (benchmark description; the package gives none)."""

ROBOT_DT = 0.1
"""Sampling time [s] of the industrial robot's prepared records (data set description; the package gives none)."""


@dataclass(frozen=True)
class Benchmark:
    """A data set of the package: where it lies, how it is read, in what unit it is reported, how it is cut."""

    name: str
    raw: RawSet
    read: Callable[[Benchmark, Path], Given]
    units: Units
    cuts: Mapping[str, Cut]
    size: str
    citation: str
    y_factor: float = 1.0
    test_names: tuple[str, ...] = ("test",)
    train_val_names: tuple[str, ...] = ("train_val",)

    def series(self, record: Any, name: str, n_init: int, dt: float | None = None) -> Series:
        """A record of the package as a `Series` in reporting units; its own sampling time unless ``dt`` is given."""
        u, y = _two_dimensional(record.u), _two_dimensional(record.y) * self.y_factor
        return Series(u, y, float(record.sampling_time) if dt is None else dt, self.units, n_init, name)


def _two_dimensional(signal: Any) -> Float64[np.ndarray, "T n"]:
    array = np.asarray(signal, dtype=np.float64)
    return array[:, None] if array.ndim == 1 else array


def load(benchmark: Benchmark, split: str) -> Dataset:
    """The benchmark under a named split.

    Raises:
        DataError: the split is unknown, or the files cannot be had or are not what they should be.
    """
    if split not in benchmark.cuts:
        raise DataError(f"{benchmark.name} has no split {split!r}; choose one of {', '.join(benchmark.cuts)}")
    raw = package.obtain(benchmark.raw)
    cut = benchmark.cuts[split]
    with package.reading(raw.root / benchmark.raw.folder, benchmark.raw):
        given = benchmark.read(benchmark, raw.root)
    parts = cut.apply(given)
    _check_not_empty(benchmark, parts)
    n_init = parts.test[0].n_init
    return Dataset(
        name=benchmark.name,
        split=split,
        train=parts.train,
        val=parts.val,
        test=parts.test,
        citation=benchmark.citation,
        protocol=f"{split} split on nonlinear-benchmarks {package.package_version()}, n_init={n_init}; {cut.rule}",
        revision=revision(parts.train, parts.val, parts.test),
        sha256=raw.sha256,
    )


def _check_not_empty(benchmark: Benchmark, parts: Parts) -> None:
    empty = [part for part in ("train", "val", "test") if not getattr(parts, part)]
    if empty:
        raise DataError(
            f"{benchmark.name}: no record is left for {', '.join(empty)}; the files in {benchmark.raw.folder} are not "
            f"all there, or of another version (source: {benchmark.raw.origin})"
        )


# Readers


def _read_split(benchmark: Benchmark, root: Path) -> Given:
    """The package's split; names by position, since the package names two of Silverbox's test records alike."""
    options: dict[str, Any] = {"atleast_2d": True, "always_return_tuples_of_datasets": True}
    train_val, test = package.call_loader(benchmark.raw, root, **options)
    n_init = test[0].state_initialization_window_length
    return Given(
        _all_series(benchmark, train_val, benchmark.train_val_names, n_init),
        _all_series(benchmark, test, benchmark.test_names, n_init),
    )


def _all_series(benchmark: Benchmark, records: Sequence[Any], names: Sequence[str], n_init: int) -> Records:
    return tuple(benchmark.series(record, name, n_init) for record, name in zip(records, names, strict=True))


def _read_f16(benchmark: Benchmark, root: Path) -> Given:
    """Records by file; only files whose checksum is known, whatever else lies in the folder.

    The output is the package's default, the acceleration at the excitation point (the first of three).
    """
    known = {Path(name).name for name in benchmark.raw.files}
    train_val, test = package.call_loader(benchmark.raw, root, atleast_2d=True)
    n_init = test[0].state_initialization_window_length

    def named(records: Sequence[Any]) -> Records:
        return tuple(
            benchmark.series(record, record.name.removeprefix("F16Data_").removesuffix(".mat"), n_init)
            for record in records
            if record.name in known
        )

    return Given(named(train_val), named(test))


def _read_parwh(benchmark: Benchmark, root: Path) -> Given:
    """Records by phase realisation and amplitude, their two periods end to end."""
    train_val, test = package.call_loader(benchmark.raw, root, atleast_2d=True)
    n_init = test[0].state_initialization_window_length

    def named(records: Sequence[Any]) -> Records:
        names = [record.name.removeprefix("Est-").removeprefix("Val-") for record in records]
        return tuple(periods_end_to_end(s) for s in _all_series(benchmark, records, names, n_init))

    return Given(named(train_val), named(test))


def periods_end_to_end(series: Series) -> Series:
    """A record of two periods in the order of time.

    nonlinear-benchmarks 1.0.1 reshapes (sample, period) so that sample k of both periods stand side by side, which
    is no signal in time; such a record is put right, and one that is right is left alone.
    """
    half = len(series) // 2
    side_by_side = np.abs(series.u[0::2] - series.u[1::2]).mean()
    end_to_end = np.abs(series.u[:half] - series.u[half:]).mean()
    if end_to_end <= side_by_side:
        return series
    u, y = (np.concatenate([signal[0::2], signal[1::2]]) for signal in (series.u, series.y))
    return replace(series, u=u, y=y)


def _read_bouc_wen(benchmark: Benchmark, root: Path) -> Given:
    records = package.call_loader(benchmark.raw, root, train_test_split=False)
    names = ("multisine", "sinesweep")
    return Given(
        tuple(benchmark.series(r, name, 0, 1 / BOUC_WEN_RATE) for r, name in zip(records, names, strict=True)), ()
    )


def _read_process_noise(benchmark: Benchmark, root: Path) -> Given:
    """Records by file and realisation, in the order of their names.

    The files are listed by the package and read here: its own reader takes them in the order of the disk, drops
    their names, and looks for the word Test in the whole path.
    """
    files = package.call_loader(benchmark.raw, root, train_test_split=False, data_file_locations=True)
    train_val: list[Series] = []
    test: list[Series] = []
    for file in sorted(map(Path, files)):
        with package.reading(file, benchmark.raw):
            records = _process_noise_records(benchmark, file)
        (test if "Test" in file.name else train_val).extend(records)
    return Given(tuple(train_val), tuple(test))


def _process_noise_records(benchmark: Benchmark, file: Path) -> Records:
    """The realisations in one file: u and y are (T, realisations), after the reference and before the rate [1/s]."""
    from scipy.io import loadmat

    limits.check_plain(file, limits.RAW_BYTES, DataError)
    _, u, y, rate = loadmat(file, variable_names=["dataMeas"])["dataMeas"][0, 0]
    dt = 1 / float(rate[0, 0])
    return tuple(
        Series(_two_dimensional(u_k), _two_dimensional(y_k), dt, benchmark.units, 0, f"{file.stem}-{k}")
        for k, (u_k, y_k) in enumerate(zip(u.T, y.T, strict=True))
    )


def _read_robot(benchmark: Benchmark, root: Path) -> Given:
    train_val, test = package.call_loader(benchmark.raw, root, train_test_split=False)

    def numbered(records: Sequence[Any], prefix: str) -> Records:
        return tuple(benchmark.series(r, f"{prefix}-{k}", 0, ROBOT_DT) for k, r in enumerate(records))

    return Given(numbered(train_val, "train_val"), numbered(test, "test"))


# The benchmarks

_MAIN, _UNSPLIT = "nonlinear_benchmarks", "nonlinear_benchmarks.not_splitted_benchmarks"
_SITE = "nonlinearbenchmark.org"
_F16_FILES = tuple(
    f"F16GVT_Files/BenchmarkData/F16Data_{signal}_Level{level}{'' if level % 2 else '_Validation'}.mat"
    for signal in ("FullMSine", "SineSw")
    for level in range(1, 8)
)
_BOUC_WEN_FILES = tuple(
    f"BoucWenFiles/Test signals/Validation signals/{signal}val_{kind}.mat"
    for signal in ("u", "y")
    for kind in ("multisine", "sinesweep")
)

SILVERBOX = Benchmark(
    name="silverbox",
    raw=RawSet(
        f"{_MAIN}:Silverbox",
        "Silverbox",
        "SilverboxFiles.zip",
        ("SilverboxFiles/SNLS80mV.mat",),
        f"{_SITE} (Google Drive)",
    ),
    read=_read_split,
    units=Units(u=("V",), y=("mV",)),
    y_factor=MILLI,
    cuts={"official": cuts.LAST_FIFTH, "champneys": cuts.HALVES},
    test_names=("multisine", "arrow_full", "arrow_no_extrapolation"),
    size="5.8 MB",
    citation="T. Wigren, J. Schoukens, Three free data sets for development and benchmarking in nonlinear system "
    "identification, European Control Conference 2013",
)
WIENER_HAMMERSTEIN = Benchmark(
    name="wiener_hammerstein",
    raw=RawSet(
        f"{_MAIN}:WienerHammerBenchMark",
        "WienerHammerBenchMark",
        "WienerHammerBenchMark.mat",
        ("WienerHammerBenchMark.mat",),
        "www.ee.kth.se/~hjalmars/ifac_tc11_benchmarks",
    ),
    read=_read_split,
    units=Units(u=("V",), y=("mV",)),
    y_factor=MILLI,
    cuts={"official": cuts.LAST_FIFTH, "champneys": cuts.HALVES},
    size="1.7 MB",
    citation="J. Schoukens, J. Suykens, L. Ljung, Wiener-Hammerstein benchmark, SYSID 2009",
)
CASCADED_TANKS = Benchmark(
    name="cascaded_tanks",
    raw=RawSet(
        f"{_MAIN}:Cascaded_Tanks",
        "Cascaded_Tanks",
        "CascadedTanksFiles.zip",
        ("CascadedTanksFiles/dataBenchmark.mat",),
        f"{_SITE} (data.4tu.nl)",
    ),
    read=_read_split,
    units=Units(u=("V",), y=("V",)),
    cuts={"official": cuts.LAST_FIFTH, "champneys": cuts.TANKS_700},
    size="7.5 MB",
    citation="M. Schoukens, P. Mattsson, T. Wigren, J.-P. Noël, Cascaded tanks benchmark combining soft and hard "
    "nonlinearities, 2016",
)
EMPS = Benchmark(
    name="emps",
    raw=RawSet(
        f"{_MAIN}:EMPS", "EMPS", "EMPS.zip", ("DATA_EMPS.mat", "DATA_EMPS_PULSES.mat"), f"{_SITE} (Google Drive)"
    ),
    read=_read_split,
    units=Units(u=("V",), y=("mm",)),
    y_factor=MILLI,
    cuts={"official": cuts.LAST_FIFTH, "champneys": cuts.HALVES},
    size="1.9 MB",
    citation="A. Janot, M. Gautier, M. Brunot, Data set and reference models of EMPS, Workshop on Nonlinear System "
    "Identification Benchmarks 2019",
)
CED = Benchmark(
    name="ced",
    raw=RawSet(f"{_MAIN}:CED", "CED", "FULLTEXT01.zip", ("DATAUNIF.MAT",), "uu.diva-portal.org (diva2:1165531)"),
    read=_read_split,
    units=Units(u=("V",), y=("ticks/s",)),
    cuts={"official": cuts.LAST_FIFTH, "champneys": cuts.HALVES},
    test_names=("low", "high"),
    train_val_names=("low", "high"),
    size="0.3 MB",
    citation="T. Wigren, M. Schoukens, Coupled electric drives data set and reference models, Uppsala University "
    "technical report 2017-024",
)
F16 = Benchmark(
    name="f16",
    raw=RawSet(f"{_MAIN}:F16", "F16", "F16GVT_Files.zip", _F16_FILES, f"{_SITE} (data.4tu.nl)"),
    read=_read_f16,
    units=Units(u=("N",), y=("m/s^2",)),
    cuts={"official": cuts.F16_LEVEL_5},
    size="148 MB",
    citation="J.-P. Noël, M. Schoukens, F-16 aircraft benchmark based on ground vibration test data, 2017",
)
PARWH = Benchmark(
    name="parwh",
    raw=RawSet(f"{_MAIN}:ParWH", "ParWH", "ParWHFiles.zip", ("ParWHFiles/ParWHData.mat",), f"{_SITE} (data.4tu.nl)"),
    read=_read_parwh,
    units=Units(u=("V",), y=("V",)),
    cuts={"official": cuts.PARWH_PHASES},
    size="58 MB",
    citation="M. Schoukens, A. Marconato, R. Pintelon, G. Vandersteen, Y. Rolain, Parametric identification of "
    "parallel Wiener-Hammerstein systems, Automatica 51 (2015)",
)
PROCESS_NOISE_WH = Benchmark(
    name="wh_process_noise",
    raw=RawSet(
        f"{_UNSPLIT}:WienerHammerstein_Process_Noise",
        "WienHammer",
        "WienerHammersteinFiles.zip",
        ("WienerHammersteinFiles/*.mat",),
        f"{_SITE} (data.4tu.nl)",
    ),
    read=_read_process_noise,
    units=Units(u=("V",), y=("V",)),
    cuts={"records": cuts.PROCESS_NOISE},
    size="423 MB",
    citation="M. Schoukens, J.-P. Noël, Wiener-Hammerstein benchmark with process noise, Workshop on Nonlinear System "
    "Identification Benchmarks 2016",
)
BOUC_WEN = Benchmark(
    name="bouc_wen",
    raw=RawSet(
        f"{_UNSPLIT}:BoucWen",
        "BoucWen",
        "Hysteretic Benchmark with a Dynamic Nonlinearity_1_all.zip",
        _BOUC_WEN_FILES,
        f"{_SITE} (data.4tu.nl)",
    ),
    read=_read_bouc_wen,
    units=Units(u=("N",), y=("m",)),
    cuts={"records": cuts.IN_THREE},
    size="5.6 MB",
    citation="J.-P. Noël, M. Schoukens, Hysteretic benchmark with a dynamic nonlinearity, 2016",
)
INDUSTRIAL_ROBOT = Benchmark(
    name="industrial_robot",
    raw=RawSet(
        f"{_UNSPLIT}:Industrial_robot",
        "Industrial_robot",
        "Robot_Identification_Benchmark_Without_Raw_Data.rar",
        ("forward_identification_without_raw_data.mat",),
        "fdm-fallback.uni-kl.de",
    ),
    read=_read_robot,
    units=Units(u=("Nm",) * 6, y=("deg",) * 6),
    cuts={"records": cuts.LAST_RECORDS},
    size="12.7 MB",
    citation="J. Weigand, J. Götz, J. Ulmen, M. Ruskowski, Dataset and baseline for an industrial robot identification "
    "benchmark, 2022",
)

BENCHMARKS = (
    SILVERBOX,
    WIENER_HAMMERSTEIN,
    CASCADED_TANKS,
    EMPS,
    CED,
    F16,
    PARWH,
    PROCESS_NOISE_WH,
    BOUC_WEN,
    INDUSTRIAL_ROBOT,
)


SOURCES: tuple[Source, ...] = tuple(
    Source(
        name=benchmark.name,
        splits=tuple(benchmark.cuts),
        load=partial(load, benchmark),
        state=partial(package.state, benchmark.raw),
        size=benchmark.size,
        origin=benchmark.raw.origin,
        licence="none stated",
        citation=benchmark.citation,
    )
    for benchmark in BENCHMARKS
)
