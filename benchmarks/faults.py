"""Hurts runs in every way there is a fault for, and counts what is lost: ``python benchmarks/faults.py``.

``--only NAME`` chooses faults, ``--tries N`` says how often. The table is written after every try
(results/reliability/faults.json and table.md); a call that is stopped goes on with the same command. Needs POSIX.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import fault_table
from fault_kinds import FAULTS, SPREAD, Fault, Skipped
from fault_trial import Life, NotEnding, Trial, undisturbed


def main() -> int:
    options = parser().parse_args()
    path = Path(options.results) / "reliability" / "faults.json"
    faults = [fault for fault in FAULTS if fault.name in options.only]
    tries = {fault.name: options.tries or fault.tries for fault in faults}
    rows = begin(fault_table.read(path), options.seed, tries)
    fault_table.update(path, rows)
    print(f"seed {options.seed}; table: {path.with_name('table.md')}", flush=True)
    with tempfile.TemporaryDirectory(prefix="sysid-tbptt-faults-") as folder:
        session = Session(Path(folder), path, rows)
        for fault in faults:
            session.perform(fault)
    if options.page:
        fault_table.write_into(Path(options.page), fault_table.read(path))
    return int(session.bad)


def parser() -> argparse.ArgumentParser:
    names = [fault.name for fault in FAULTS]
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--only", nargs="+", choices=names, default=names, metavar="NAME", help=", ".join(names))
    options.add_argument("--tries", type=int, metavar="N", help="tries of each (default: 10 to 70)")
    options.add_argument("--seed", type=int, default=0, metavar="S", help="draws the moments (default: 0)")
    options.add_argument("--results", default="results", metavar="FOLDER", help="where the table goes")
    options.add_argument("--page", metavar="FILE", help="a page that has the marks of a place for the table")
    return options


def begin(rows: Mapping[str, dict[str, Any]], seed: int, tries: Mapping[str, int]) -> dict[str, dict[str, Any]]:
    """The rows to go on with: those of a call that asked for the same and was stopped, else new ones.

    A row that was skipped tells nothing of that call.
    """
    said = {fault.name: fault.said for fault in FAULTS}
    known = {name: rows.get(name, {}) for name in tries}
    told = {name: row for name, row in known.items() if not row.get("skipped")}
    same = all((row.get("seed"), row.get("wanted")) == (seed, tries[name]) for name, row in told.items())
    if same and any(map(left, told.values())):
        return known
    return {name: fault_table.new_row(said[name], seed, wanted) for name, wanted in tries.items()}


def left(row: Mapping[str, Any]) -> int:
    """Tries of a row that are to be done; none where the fault cannot be had here."""
    return 0 if row.get("skipped") else row["wanted"] - row["tries"]


def hear(row: dict[str, Any]) -> None:
    """A row all of whose tries were told nothing has a loss: some were to be told."""
    if row["tries"] and not left(row) and not row["told"]:
        row["lost"] += 1
        row["told"] = "NOT TOLD in any try"


class Session:
    """One call: the undisturbed runs of each engine, and the tries done and left."""

    def __init__(self, folder: Path, path: Path, rows: Mapping[str, dict[str, Any]]) -> None:
        self.folder, self.path, self.rows = folder, path, rows
        self.sound: dict[str, tuple[Path, Life]] = {}
        self.spent: list[tuple[float, int]] = []
        self.bad = False

    def perform(self, fault: Fault) -> None:
        """All tries of a fault."""
        row = self.rows[fault.name]
        while left(row):
            began = time.monotonic()
            try:
                done = self.attempt(fault, row)
            except Skipped as reason:
                print(f"{fault.name}: left out: {reason}", flush=True)
                row["skipped"] = str(reason)
                done = 0
            hear(row)
            fault_table.update(self.path, {fault.name: row})
            self.spent.append((time.monotonic() - began, done))
            self.say(fault, row)

    def attempt(self, fault: Fault, row: dict[str, Any]) -> int:
        """Hurts one folder at moments spread over the life of the run; returns how often."""
        if fault.engine not in self.sound:
            self.sound[fault.engine] = undisturbed(self.folder, fault.engine)
        sound, life = self.sound[fault.engine]
        rng = random.Random(f"{row['seed']} {fault.name} {row['tries']} {len(self.spent)}")
        part = (row["tries"] * SPREAD + rng.random() / row["wanted"]) % 1
        place = Path(tempfile.mkdtemp(dir=self.folder)) / "results"
        blows = min(fault.blows, left(row))
        trial = Trial(place, sound, fault.engine, life, part, rng, blows, fault.where)
        try:
            fault.hurt(trial)
            trial.recover()
            trial.wait_for_none()
            done = len(trial.phases) if fault.blows > 1 else 1
            if trial.lost:
                print(f"{fault.name}: {trial.told}", flush=True)
            fault_table.add(row, trial.count(), tries=done, told=trial.told, phases=trial.phases)
        finally:
            trial.kill_all()
            for undo in trial.undo:
                undo()
        shutil.rmtree(place.parent)
        return done

    def say(self, fault: Fault, row: dict[str, Any]) -> None:
        counts = {name: row[name] for name in fault_table.COUNTS}
        self.bad |= any(value for name, value in counts.items() if name != "records")
        seconds, done = map(sum, zip(*self.spent, strict=True))
        minutes = sum(map(left, self.rows.values())) * seconds / max(1, done) / 60
        told = ", ".join(f"{name} {value}" for name, value in counts.items())
        print(f"{fault.name} {row['tries']}/{row['wanted']}: {told}; about {minutes:.0f} min left", flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except NotEnding as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("stopped; the same command goes on")
