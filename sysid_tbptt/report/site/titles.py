"""What tests are called, the same wherever the page names them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Test = Mapping[str, Any]

FIRST_SUITE = "official"
"""The suite that the page opens with, where it is there."""

WORDS: Mapping[str, Callable[[Any], str]] = {
    "channel": lambda channel: f"y{channel + 1}",
    "revision": lambda revision: f"data {revision}",
    "n_init": lambda n_init: f"init window {n_init}",
}
"""How a field is told where tests differ in it."""


@dataclass(frozen=True)
class Title:
    """``test`` names test set, channel, data revision and init window as far as they need names; ``protocol`` is suite
    and split."""

    dataset: str
    test: str
    protocol: str

    def __str__(self) -> str:
        return f"{' '.join(filter(None, (self.dataset, self.test)))} ({self.protocol})"


def titles(tests: Sequence[Test]) -> list[Title]:
    """The titles of tests.

    The only test set of a data set is not named, nor the only channel, revision or init window of a test set.
    """
    varying = {name: _several(tests, name) for name in WORDS}
    return [_title(test, [name for name, places in varying.items() if _place(test) in places]) for test in tests]


def first_suite_first(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The entries with those of `FIRST_SUITE` before the others, else in their order."""
    return sorted(entries, key=lambda entry: bool(entry["suite"] != FIRST_SUITE))


def _title(test: Test, names: Sequence[str]) -> Title:
    words = ["" if test["test_set"] == "test" else test["test_set"], *(WORDS[name](test[name]) for name in names)]
    return Title(test["dataset"], " ".join(filter(None, words)), f"{test['suite']} · {test['split']}")


def _place(test: Test) -> tuple[Any, ...]:
    return tuple(test[name] for name in ("suite", "dataset", "split", "test_set"))


def _several(tests: Sequence[Test], name: str) -> set[tuple[Any, ...]]:
    """The places of tests that differ in a field."""
    found: dict[tuple[Any, ...], set[Any]] = {}
    for test in tests:
        found.setdefault(_place(test), set()).add(test.get(name))
    return {place for place, values in found.items() if len(values) > 1}
