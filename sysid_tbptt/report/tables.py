"""Burn-in tables as Markdown, CSV and LaTeX, written from records alone."""

from __future__ import annotations

import csv
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ..runs.atomic import write_whole
from ..runs.record import RunRecord
from ..runs.store import file_name
from .burn_in import PARTS, PUBLISHED, burn_in_table
from .caption import provenance_line
from .frame import by_study, frame
from .published import PAPER_CITATION
from .selection import RULES

MSE_SCALE = 100
"""Tables to read show MSE in standardised units times this, as the paper does; the CSV holds it as it is."""

HEADINGS = {"m0": "m=0", "mstar": "m*", "change": "change %", "stateful": "stateful", "bptt": "BPTT"}
VARYING = {
    "split": "split",
    "revision": "data revision",
    "test_set": "test set",
    "model": "model",
    "hidden_size": "H",
    "setting": "setting",
    "batch_size": "B",
}
"""Columns shown where they vary, and their headings."""

_WORDS = ("split", "data revision", "test set", "model", "setting", "budget", "rule")
_MISSING = "–"


def write_tables(records: Sequence[RunRecord], folder: Path) -> list[Path]:
    """Writes ``folder/<suite>/<dataset>`` as .md, .csv and .tex, the burn-in tables; returns the files, .md first.

    Raises:
        StoreError: the folder cannot be written.
    """
    written: list[Path] = []
    for (suite, dataset), part in by_study(records).items():
        table = burn_in_table(frame(part))
        if len(table):
            written += _write(table, part, folder / file_name(suite) / file_name(dataset))
    return sorted(written, key=lambda path: (path.suffix != ".md", path))


def _write(table: pd.DataFrame, records: Sequence[RunRecord], stem: Path) -> list[Path]:
    title = f"{records[0].config.suite}: {records[0].config.dataset}"
    notes = _notes(table, records)
    texts = {
        ".md": to_markdown(table, title, notes),
        ".csv": to_csv(table, notes),
        ".tex": to_latex(table, title, notes),
    }
    for suffix, text in texts.items():
        write_whole(stem.with_name(stem.name + suffix), text.encode())
    return [stem.with_name(stem.name + suffix) for suffix in texts]


def _notes(table: pd.DataFrame, records: Sequence[RunRecord]) -> list[str]:
    rules = "; ".join(f"m* by rule {rule.name}: {rule.told}" for rule in RULES)
    notes = [
        "MSE of the free-run simulation from a zero state, all steps, standardised units; change: of m* against m=0; "
        "of m: how many values of m there are to choose from; more than one seed: median (least to largest). "
        f"{rules}. Test data decide nothing."
    ]
    if anchors := _anchors(records):
        notes.append(f"Without a network, test MSE x {MSE_SCALE}: {anchors}")
    if (table["rule"] == PUBLISHED).any():
        notes.append(f"published: {PAPER_CITATION}, rounded as published")
    return [*notes, f"Provenance: {provenance_line(records)}"]


def _anchors(records: Sequence[RunRecord]) -> str:
    """Errors of the models that are solved in closed form."""
    rows = frame(record for record in records if record.regime == "closed_form" and record.status == "ok")
    return ", ".join(_anchor(row, several_tests=rows["test_set"].nunique() > 1) for row in rows.to_dict("records"))


def _anchor(row: dict[Hashable, Any], *, several_tests: bool) -> str:
    order = "" if row["model"] == "mean" else f" of order {row['hidden_size']}"
    test_set = f" on {row['test_set']}" if several_tests else ""
    return f"{row['model']}{order}{test_set} {row['test_mse'] * MSE_SCALE:.3f}"


def to_csv(table: pd.DataFrame, notes: Sequence[str]) -> str:
    """The notes as comments, then the table as it is; words are quoted, since a ``#`` outside quotes is a comment."""
    return "".join(f"# {note}\n" for note in notes) + table.to_csv(
        index=False, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC
    )


def to_markdown(table: pd.DataFrame, title: str, notes: Sequence[str]) -> str:
    """A heading, a pipe table with MSE x 100, and the notes under it."""
    shown = readable(table)
    body = shown.map(_markdown).to_markdown(index=False, disable_numparse=True, colalign=_alignment(shown))
    text = [f"## {_markdown(title)}", _markdown(f"MSE x {MSE_SCALE}; {shared(table)}"), body, *map(_markdown, notes)]
    return "\n\n".join(text) + "\n"


def to_latex(table: pd.DataFrame, title: str, notes: Sequence[str]) -> str:
    """A booktabs table; the notes are its caption. Needs the package booktabs."""
    shown = readable(table).replace(_MISSING, "--")
    shown.columns = pd.Index([_escaped(column) for column in shown.columns])
    body = shown.map(_escaped).style.hide(axis="index").to_latex(hrules=True, column_format=_columns(shown))
    under = " ".join(note.rstrip(".") + "." for note in notes)
    caption = f"{_escaped(title)}. MSE $\\times$ {MSE_SCALE}; {_escaped(shared(table))}. {_escaped(under)}"
    return f"\\begin{{table}}\n\\centering\n{body}\\caption{{{caption}}}\n\\end{{table}}\n"


def readable(table: pd.DataFrame) -> pd.DataFrame:
    """The table as people read it: rounded text, and columns that never vary left out."""
    shown = pd.DataFrame({"N": table["seq_len"].astype(str)})
    for name, heading in VARYING.items():
        if table[name].nunique() > 1:
            shown[heading] = table[name].astype(str)
    shown["budget"], shown["rule"] = table["budget"], table["rule"]
    shown["m*"] = table["m_star"].astype(str)
    shown["of m"] = [_MISSING if pd.isna(tried) else f"{tried:.0f}" for tried in table["m_tried"]]
    if table["seeds"].max() > 1:
        shown["seeds"] = table["seeds"].astype(str)
    for part in PARTS:
        for value, heading in HEADINGS.items():
            if table[f"{value}_{part}"].notna().any():
                shown[f"{part} {heading}"] = [_cell(row, f"{value}_{part}") for row in table.to_dict("records")]
    return shown


def shared(table: pd.DataFrame) -> str:
    """What all rows have in common, and no column shows."""
    alike = {heading: table[name].iloc[0] for name, heading in VARYING.items() if table[name].nunique() == 1}
    return ", ".join(f"{heading} {value}" for heading, value in alike.items() if value != "")


def _cell(row: dict[Hashable, Any], name: str) -> str:
    if pd.isna(row[name]):
        return _MISSING
    if name.startswith("change"):
        return f"{row[name]:.1f}"
    median, least, largest = (
        f"{row.get(key, row[name]) * MSE_SCALE:.3f}" for key in (name, f"{name}_min", f"{name}_max")
    )
    return f"{median} ({least} to {largest})" if row["seeds"] > 1 else median


def _alignment(shown: pd.DataFrame) -> list[str]:
    return ["left" if column in _WORDS else "right" for column in shown.columns]


def _columns(shown: pd.DataFrame) -> str:
    return "".join(alignment[0] for alignment in _alignment(shown))


def _markdown(text: str) -> str:
    """Text that is no markup: neither HTML, nor code, nor the end of a cell."""
    return "".join(f"\\{character}" if character in "\\<`|" else character for character in text)


def _escaped(text: str) -> str:
    replacements = {
        "\\": r"\textbackslash{}",
        "^": r"\textasciicircum{}",
        "~": r"\textasciitilde{}",
        "<": "$<$",
        ">": "$>$",
    }
    replacements |= {character: f"\\{character}" for character in "&%$#_{}"}
    return "".join(replacements.get(character, character) for character in text)
