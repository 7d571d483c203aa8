"""How train, validation and test are made of what a benchmark gives.

Its test records stay as they are, and the validation part lies within what it gives to train on; only a set
without any training records is cut otherwise, and says so in its rule.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from .series import Series

VAL_FRACTION = 0.2
"""Share of a train_val part that validates."""

TANKS_CHAMPNEYS_TRAIN = 700
"""Samples of the 1024 of the tanks' train_val record that train under the split ``champneys``."""

Records = tuple[Series, ...]


@dataclass(frozen=True)
class Given:
    """What a benchmark gives: records to train on and test records, in reporting units, named."""

    train_val: Records
    test: Records


@dataclass(frozen=True)
class Parts:
    """The three parts of a `Dataset`."""

    train: Records
    val: Records
    test: Records


@dataclass(frozen=True)
class Cut:
    """A named way to make three parts: the rule in words, and the rule."""

    rule: str
    apply: Callable[[Given], Parts]


def _pieces(given: Given, part: str, bounds: Callable[[Series], tuple[int, int]]) -> Records:
    """The same piece of every record, named by its part, and by its record where there are several."""
    several = len(given.train_val) > 1
    return tuple(s.slice(*bounds(s), name=f"{part}_{s.name}" if several else part) for s in given.train_val)


def _cut_each(given: Given, boundary: Callable[[Series], int]) -> Parts:
    train = _pieces(given, "train", lambda s: (0, boundary(s)))
    val = _pieces(given, "val", lambda s: (boundary(s), len(s)))
    return Parts(train, val, given.test)


def _hold_out(given: Given, validates: Callable[[Series], bool]) -> Parts:
    return Parts(
        tuple(s for s in given.train_val if not validates(s)),
        tuple(s for s in given.train_val if validates(s)),
        given.test,
    )


def _hold_out_last(given: Given) -> Parts:
    first = len(given.train_val) - round(VAL_FRACTION * len(given.train_val))
    return Parts(given.train_val[:first], given.train_val[first:], given.test)


def _cut_in_three(given: Given) -> Parts:
    """Each record in time; the last pieces are the test records, under the names of theirs."""

    def fifth(s: Series) -> int:
        return round(VAL_FRACTION * len(s))

    train = _pieces(given, "train", lambda s: (0, len(s) - 2 * fifth(s)))
    val = _pieces(given, "val", lambda s: (len(s) - 2 * fifth(s), len(s) - fifth(s)))
    return Parts(train, val, tuple(s.slice(len(s) - fifth(s), len(s)) for s in given.train_val))


LAST_FIFTH = Cut(
    f"validation: the last {VAL_FRACTION:.0%} of each train_val record",
    partial(_cut_each, boundary=lambda s: len(s) - round(VAL_FRACTION * len(s))),
)
HALVES = Cut(
    "validation: the second half of each train_val record (Champneys et al. 2024)",
    partial(_cut_each, boundary=lambda s: len(s) // 2),
)
TANKS_700 = Cut(
    f"validation: the train_val record from sample {TANKS_CHAMPNEYS_TRAIN} on (Champneys et al. 2024)",
    partial(_cut_each, boundary=lambda _: TANKS_CHAMPNEYS_TRAIN),
)
F16_LEVEL_5 = Cut(
    "validation: the records of level 5, which lies between levels trained on as the test levels do; output: the "
    "first acceleration",
    partial(_hold_out, validates=lambda s: "Level5" in s.name),
)
PARWH_PHASES = Cut(
    "validation: the last 4 of 20 phase realisations, at all amplitudes; the two periods of a record are laid end to "
    "end (the package puts them side by side)",
    partial(_hold_out, validates=lambda s: s.name.startswith(("phase-16-", "phase-17-", "phase-18-", "phase-19-"))),
)
LAST_RECORDS = Cut(
    f"no official split; validation: the last {VAL_FRACTION:.0%} of the training records", _hold_out_last
)
PROCESS_NOISE = replace(LAST_FIFTH, rule=f"no official split; test: the benchmark's test file; {LAST_FIFTH.rule}")
IN_THREE = Cut(
    "no official split and no training records: the two test signals, each cut in time into "
    f"{1 - 2 * VAL_FRACTION:.0%} train, {VAL_FRACTION:.0%} val, {VAL_FRACTION:.0%} test; not comparable with published "
    "scores, whose models were trained on data simulated by their authors",
    _cut_in_three,
)
