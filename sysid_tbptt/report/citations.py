"""What to cite for numbers: data sets, models, method, software, and the published values shown beside them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files

from ..runs.record import RunRecord
from .literature import SPLITS, literature

DATASETS = {
    "silverbox": "wigren2013",
    "sim_duffing": "wigren2013",
    "wiener_hammerstein": "schoukens2009",
    "sim_wiener_hammerstein": "schoukens2009",
    "cascaded_tanks": "schoukens2016",
    "sim_cascaded_tanks": "schoukens2016",
    "emps": "janot2019",
    "ced": "wigren2017",
    "f16": "noel2017",
    "parwh": "schoukens2015",
    "wh_process_noise": "schoukens2016noise",
    "bouc_wen": "noel2016",
    "sim_bouc_wen": "noel2016",
    "industrial_robot": "weigand2022",
    "rlc": "forgione2021rlc",
    "electricity": "trindade2015electricity",
    "traffic": "lai2018lstnet",
    "solar": "lai2018lstnet",
    "exchange_rate": "lai2018lstnet",
    "ett_h1": "zhou2021informer",
    "sim_rlc": "forgione2021rlc",
    "sim_linear": "schiller2026",
}
"""Keys of references.bib by data set."""

MODELS = {"rnn": "elman1990", "gru": "cho2014", "lstm": "hochreiter1997"}
OPTIMISERS = {"lm": ("levenberg1944", "marquardt1963")}
"""Keys by optimiser."""
METHOD = "schiller2026"
SOFTWARE = "sysid-tbptt"
TEXTBOOK = ("mean", "fir", "arx")
"""Models that need no reference."""

_ENGINES = {"reference": {"torch"}, "cpu": {"torch", "numba"}}


def keys(records: Iterable[RunRecord]) -> list[str]:
    """Keys of references.bib that stand for the records: data sets, models, method, optimisers, software; each once."""
    records = list(records)
    found = {SOFTWARE, METHOD}.union(*(OPTIMISERS.get(record.optimiser, ()) for record in records))
    used = {(record.config.dataset, record.config.split, record.config.model, record.engine) for record in records}
    for dataset, split, model, engine in used:
        found |= {key for key in (DATASETS.get(dataset), MODELS.get(model)) if key} | _ENGINES.get(engine or "", set())
        if split in SPLITS:
            found |= {"nonlinear-benchmarks", *literature(dataset)["source"]}
    return [key for key in _references() if key in found]


def without_reference(records: Sequence[RunRecord]) -> list[str]:
    """What no entry of references.bib stands for, each in a line of words."""
    datasets = {record.config.dataset for record in records} - DATASETS.keys()
    models = {record.config.model for record in records} - MODELS.keys() - set(TEXTBOOK)
    official = sorted({record.config.dataset for record in records if record.config.split in SPLITS})
    published = [
        f"published value of {row['method']} on {row['dataset']}: {row['citation']}"
        for dataset in official
        for row in literature(dataset).to_dict("records")
        if row["source"] not in _references()
    ]
    return [
        *(f"data set {name}: cite its own source" for name in sorted(datasets)),
        *(f"model {name}: cite its own source" for name in sorted(models)),
        *dict.fromkeys(published),
    ]


def bibtex(records: Sequence[RunRecord]) -> str:
    """The entries of `keys`, with the versions that the records were made with, and what has none as comments.

    BibTeX takes an ``@`` for the start of an entry wherever it stands, so names lose theirs.
    """
    entries = [_references()[key].replace("VERSION", _versions(records, key)) for key in keys(records)]
    comments = [f"% {' '.join(line.replace('@', ' at ').split())}" for line in without_reference(records)]
    return "\n\n".join([*entries, *(["\n".join(comments)] if comments else [])]) + "\n"


@cache
def _references() -> dict[str, str]:
    """The entries of references.bib by key."""
    text = files(__package__).joinpath("literature/references.bib").read_text(encoding="utf-8")
    entries = (entry.strip() for entry in text.split("\n\n"))
    return {match[1]: entry for entry in entries if (match := re.match(r"@\w+\{([\w-]+),", entry))}


def _versions(records: Iterable[RunRecord], package: str) -> str:
    """The package's versions in the records; plain text, since they come from files."""
    versions = {str((record.provenance.get("versions") or {}).get(package) or "unknown") for record in records}
    return ", ".join(sorted(re.sub(r"[^\w.+-]", "", version) for version in versions))
