"""The page: its parts, made from the records of a results folder, in the template ``index.html``."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ...runs.record import RunRecord
from ...runs.store import Store
from ..frame import frame
from ..leaderboard import board
from ..tables import Placed
from .curves import curves, several_n
from .files import files
from .leaderboard import leaderboard, panels
from .literature import literature
from .runs import Json, Runs
from .simulations import simulations
from .studies import studies

SCRIPTS = ("page.js", "provenance.js", "leaderboard.js", "plots.js", "curves.js", "heat.js", "simulations.js")
"""Our own, in the order in which they need each other."""


def html(store: Store, tables: Sequence[Placed]) -> str:
    """The page itself; ``tables`` are all tables of the store's records."""
    records, runs = store.records(), Runs(store)
    ranked, rows = board(records), frame(records)
    table = leaderboard(ranked, records, runs)
    parts: Json = {"curves": curves(rows, records, runs), "simulations": simulations(store, runs)}
    return _template().render(
        facts=_facts(records),
        board=table,
        literature=literature(ranked),
        studies=studies(tables),
        several_n=several_n(parts["curves"]),
        files=files(store.root),
        version=version("sysid-tbptt"),
        scripts=SCRIPTS,
        data={"board": panels(table), "runs": runs.as_json()} | parts,
        **parts,
    )


def _template() -> Any:
    environment = Environment(
        loader=PackageLoader(__package__),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"allow_nan": False, "separators": (",", ":")}
    environment.filters["breakable"] = breakable
    return environment.get_template("index.html")


def breakable(name: str) -> Markup:
    """A name, escaped, that may break after each underscore."""
    return Markup("_<wbr>").join(name.split("_"))


def _facts(records: Sequence[RunRecord]) -> dict[str, str]:
    """How much there is, and when it was made."""
    configs = [record.config for record in records]
    dates = sorted(str(made)[:10] for record in records if (made := record.provenance.get("time")))
    facts = {
        "runs": f"{len(records):,}",
        "data sets": str(len({config.dataset for config in configs})),
        "models": str(len({config.model for config in configs})),
        "seeds": str(len({config.seed for config in configs})),
        "made": " to ".join(dict.fromkeys([dates[0], dates[-1]])) if dates else "",
    }
    return {name: value for name, value in facts.items() if value}
