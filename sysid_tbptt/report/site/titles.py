"""What tests are called, the same wherever the page names them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Test = Mapping[str, Any]

FIRST_SUITE = "official"
"""The suite that the page opens with, where it is there."""


@dataclass(frozen=True)
class Title:
    """``test`` names test set, channel and data revision as far as they need names; numbers of one ``protocol``, suite
    and split, may be compared."""

    dataset: str
    test: str
    protocol: str

    def __str__(self) -> str:
        return f"{' '.join(filter(None, (self.dataset, self.test)))} ({self.protocol})"


def titles(tests: Sequence[Test]) -> list[Title]:
    """The titles of tests, by their suite, dataset, split, test_set, channel and revision.

    The only test set of a data set is not named, nor a channel or revision that is the only one.
    """
    channels, revisions = _of(tests, "channel"), _of(tests, "revision")
    return [_title(test, len(channels[_place(test)]) > 1, len(revisions[_place(test)]) > 1) for test in tests]


def first_suite_first(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(entries, key=lambda entry: bool(entry["suite"] != FIRST_SUITE))


def _title(test: Test, with_channel: bool, with_revision: bool) -> Title:
    words = [
        "" if test["test_set"] == "test" else test["test_set"],
        f"y{test['channel'] + 1}" if with_channel else "",
        f"data {test['revision']}" if with_revision else "",
    ]
    return Title(test["dataset"], " ".join(filter(None, words)), f"{test['suite']} · {test['split']}")


def _place(test: Test) -> tuple[Any, ...]:
    return tuple(test[name] for name in ("suite", "dataset", "split", "test_set"))


def _of(tests: Sequence[Test], name: str) -> dict[tuple[Any, ...], set[Any]]:
    found: dict[tuple[Any, ...], set[Any]] = {}
    for test in tests:
        found.setdefault(_place(test), set()).add(test[name])
    return found
