"""The suite of the final runs: the chosen setting of each model and optimiser with many seeds, and the same with
another burn-in.

Where validation chose m > 0, the runs at m = 0 stand beside; where it chose m = 0, those of the m > 0 that validated
best in the same setting. N stays, and so does a stride that the setting names; the default stride of lm, N - m, follows
m, so that the runs at m = 0 score each sample once too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from ..config import RunConfig
from .choice import Setting, choose, eligible, settings
from .record import RunRecord
from .sealed import sealed

_Method = tuple[str, str, str, str]
"""Data set, split, model and optimiser."""


def final_suite(records: Iterable[RunRecord], *, search: str, name: str, seeds: int) -> str:
    """The text of the TOML file of a suite made of the records of suite ``search``, sealed (see `sealed`).

    It has one group for each data set, split, model and optimiser, sorted by their names. A model that is solved in
    closed form has one run; the others have the seeds 0 to ``seeds`` - 1.
    """
    methods: dict[_Method, list[Setting]] = {}
    for setting in settings(records):
        config = setting.config
        methods.setdefault((config.dataset, config.split, config.model, setting.optimiser), []).append(setting)
    description = f"The settings that validation chose in {search}, with {seeds} seeds, and beside them another burn-in"
    head = (
        f"# Written by `sysid-tbptt choose {search}`: change the search, not this file.\n"
        f"name = {_toml(name)}\ndescription = {_toml(description)}\n"
    )
    return sealed("\n".join([head, *(_group(methods[one], seeds) for one in sorted(methods))]))


def _group(tried: Sequence[Setting], seeds: int) -> str:
    chosen = choose(tried)
    fields = _fields(chosen.config)
    if chosen.records[0].regime != "closed_form":
        fields |= {"burn_in": _burn_ins(chosen, tried), "seed": list(range(seeds))}
    said = (
        f"# validation RMSE {chosen.validation:.4g}, median over {len(chosen.records)} seeds; "
        f"the least of {len(eligible(tried))} settings\n"
    )
    return "[[groups]]\n" + said + "".join(f"{key} = {_toml(value)}\n" for key, value in fields.items())


def _fields(config: RunConfig) -> dict[str, Any]:
    """Those that say something: the width, and what is not at its default."""
    changed = config.model_dump(exclude_defaults=True, exclude={"suite", "epochs", "seed"})
    return config.model_dump(include={*changed, "hidden_size"})


def _burn_ins(chosen: Setting, tried: Sequence[Setting]) -> list[int]:
    """The chosen m, and the one to set beside it."""
    if chosen.config.burn_in:
        return [chosen.config.burn_in, 0]
    alike = [one for one in tried if _but_burn_in(one.config) == _but_burn_in(chosen.config) and one is not chosen]
    return [0, choose(alike).config.burn_in] if alike else [0]


def _but_burn_in(config: RunConfig) -> RunConfig:
    return config.model_copy(update={"burn_in": 0})


def _toml(value: Any) -> str:
    """Strings, numbers, true, false and lists of them are the same in TOML as in JSON."""
    return json.dumps(value, ensure_ascii=False)
