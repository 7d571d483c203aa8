"""One try of a fault: a results folder, the command that is hurt, and the count of what is left at the end."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sysid_tbptt.runs.verification import verify

SUITE = Path(__file__).parent / "suites" / "faults.toml"
STARTS = 5
"""Times that a run is started again before it counts as one that does not end."""

END_SECONDS = 60.0
"""Within these the processes of a run that was killed end by themselves: workers of a cluster, in half of them."""

TOLD = 130
"""Characters that the table has of what the user is told."""

STEPS = {"cpu": 15000, "reference": 60}
"""Steps of each run, so that the six take seconds."""


class NotEnding(Exception):
    """The command does not come to an end, whatever is done."""


@dataclass(frozen=True)
class Life:
    """Seconds from the start of an undisturbed run to its first file, and from there to its end."""

    start: float
    work: float


START = 0.25
"""Part of all blows that fall before the first file is there."""


@dataclass
class Trial:
    """``results`` is the folder that is hurt, ``sound`` one of the same runs undisturbed, which took ``life``.

    ``part`` from 0 to 1 says at which part of it this try strikes, ``blows`` how often; ``where`` the runs go.
    ``lost`` counts what the fault itself found lost, ``told`` is what the user was told of it; ``undo`` is called when
    all is counted. ``code`` is that of the last run.
    """

    results: Path
    sound: Path
    engine: str
    life: Life
    part: float
    rng: random.Random
    blows: int = 1
    where: tuple[str, ...] = ("--threads", "2")
    lost: int = 0
    told: str = ""
    phases: list[str] = field(default_factory=list)
    code: int | None = None
    output: list[Path] = field(default_factory=list)
    undo: list[Callable[[], object]] = field(default_factory=list)

    @property
    def mark(self) -> dict[str, str]:
        """What all processes of this try have in their environment."""
        return {"TMPDIR": str(self.results.parent)}

    def copy_sound(self) -> None:
        """Begins with the folder of the undisturbed run."""
        shutil.copytree(self.sound, self.results, dirs_exist_ok=True)

    def files(self) -> list[Path]:
        """The files of records."""
        return sorted((self.results / "records").rglob("*.jsonl"))

    def start(self, prelude: str = "", **options: Any) -> subprocess.Popen[bytes]:
        """Starts ``sysid-tbptt run`` in a process group of its own, after some Python code, if any."""
        arguments = ["run", str(SUITE), "--results", str(self.results), "--engine", self.engine]
        arguments += ["--steps", str(STEPS[self.engine]), *self.where, "--checkpoint", "0", "--keep-weights"]
        code = f"{prelude}\nimport sys\nfrom sysid_tbptt.cli import main\nsys.exit(main({arguments!r}))"
        self.output.append(self.results.with_suffix(f".{len(self.output)}.txt"))
        options |= {"start_new_session": True, "env": os.environ | self.mark}
        with self.output[-1].open("wb") as output:
            return subprocess.Popen([sys.executable, "-c", code], stdout=output, stderr=output, **options)

    def wait(self, process: subprocess.Popen[bytes], event: Callable[[], object] = lambda: False) -> int | None:
        """Waits for the end of a run, or for an event before it; returns the exit code, None where it still lives.

        Raises:
            NotEnding: neither comes; it is killed.
        """
        patience = 120 + 20 * (self.life.start + self.life.work)
        deadline = time.monotonic() + patience
        while process.poll() is None and not event():
            if time.monotonic() > deadline:
                kill_group(process)
                raise NotEnding(f"{self.results}: no end after {patience:.0f} s")
            time.sleep(0.005)
        return process.poll()

    def wait_to_strike(self, process: subprocess.Popen[bytes], part: float | None = None) -> bool:
        """Waits for that part of the run's life (default: this try's), or for its end; whether it still lives."""
        part = self.part if part is None else part
        seconds = self.life.start * part / START
        if part > START:
            self.wait_for_work(process)
            seconds = self.life.work * (part - START) / (1 - START)
        with suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
        return process.poll() is None

    def wait_for_work(self, process: subprocess.Popen[bytes]) -> None:
        """Waits until the run writes a file, or ends."""
        before = self.written()
        self.wait(process, lambda: self.written() != before)

    def written(self) -> set[tuple[str, int]]:
        """The files of the folder that a run writes at work, each with its time."""
        found = set()
        for path in (*self.results.glob("checkpoints/*"), *self.files()):
            with suppress(OSError):  # it has just gone
                found.add((path.name, path.stat().st_mtime_ns))
        return found

    def run(self, **options: Any) -> int | None:
        """Runs the command to its end; returns the exit code."""
        self.code = self.wait(self.start(**options))
        return self.code

    def said(self, which: int = -1) -> str:
        """What the command that was started last, or ``which`` of all, has written."""
        return self.output[which].read_text(errors="replace")

    def listen(self, expected: str) -> None:
        """Takes the line with this text for what the user is told; its absence counts as lost."""
        lines = [line.strip() for line in self.said().splitlines() if expected in line]
        self.lost += not lines
        told = lines[0].replace(str(self.results), "results") if lines else f"NOT TOLD: {expected}"
        self.told = textwrap.shorten(told, TOLD, placeholder=" ...")

    def recover(self) -> None:
        """Types the same command until all is done, as a user would."""
        for _ in range(STARTS):
            if self.code == 0 or self.run() == 0:
                return
        raise NotEnding(f"{self.results}: not done after {STARTS} starts: {self.said()}")

    def look(self) -> None:
        """Tells by what is on disk how far a run that was killed had come."""
        if list(self.results.rglob(".*.tmp")):
            self.phases.append("half a write")
        elif not self.undone():
            self.phases.append("all records")
        elif self.files() or list(self.results.glob("checkpoints/*")):
            self.phases.append("a part")
        else:
            self.phases.append("nothing")

    def processes(self) -> list[int]:
        """The processes of this try, also those that outlive the run that has started them."""
        found, wanted = [], {f"{name}={value}".encode() for name, value in self.mark.items()}
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # it has ended, or is another user's
                if wanted <= set((folder / "environ").read_bytes().split(b"\0")):
                    found.append(int(folder.name))
        return found

    def wait_for_none(self) -> None:
        """Waits until no process of this try is left; what does not end by itself counts as lost, and is told."""
        deadline = time.monotonic() + END_SECONDS
        while (left := self.processes()) and time.monotonic() < deadline:
            time.sleep(0.2)
        self.lost += len(left)
        if left:
            self.told = f"STILL THERE after {END_SECONDS:.0f} s: {len(left)} processes"

    def kill_all(self) -> None:
        for process in self.processes():
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)

    def undone(self) -> int:
        """Runs that have no record."""
        return len(records(self.sound)[0]) - len(records(self.results)[0])

    def count(self) -> dict[str, int]:
        """What the folder has, beside what it should have."""
        found, unreadable = records(self.results)
        expected, _ = records(self.sound)
        times = Counter(record["run_id"] for record in found)
        by_id = {record["run_id"]: numbers(record) for record in found if record["status"] == "ok"}
        changed = sum(by_id.get(record["run_id"], text) != text for record in expected if (text := numbers(record)))
        return {
            "records": len(expected),
            "lost": self.lost + sum(record["run_id"] not in by_id for record in expected),
            "twice": sum(n - 1 for n in times.values()),
            "unreadable": unreadable + len(verify(self.results).faults),
            "changed": changed + differing(self.results / "weights", self.sound / "weights"),
        }


def records(results: Path) -> tuple[list[dict[str, Any]], int]:
    """The records of a folder, read without the package; and the number of lines that are none."""
    found, unreadable = [], 0
    for path in (results / "records").rglob("*.jsonl"):
        for line in path.read_bytes().splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:
                unreadable += 1
    return found, unreadable


def numbers(record: dict[str, Any]) -> str:
    """All of a record that must be the same to the bit: everything but times and the command line."""
    kept = {key: value for key, value in record.items() if key != "time"}
    kept["provenance"] = {k: v for k, v in record["provenance"].items() if k not in ("time", "command", "git")}
    return json.dumps(kept, sort_keys=True)


def differing(folder: Path, expected: Path) -> int:
    """Files that are missing or have other bytes."""
    return sum(
        not (folder / path.name).exists() or (folder / path.name).read_bytes() != path.read_bytes()
        for path in expected.iterdir()
    )


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kills a process and all that it started, at once."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def undisturbed(folder: Path, engine: str) -> tuple[Path, Life]:
    """The folder of the runs undisturbed, and how long they took; done twice, since the first may compile.

    Raises:
        NotEnding: they do not end well, or the second time not with the same numbers.
    """
    sound = folder / f"{engine}-0"
    trials = [Trial(folder / f"{engine}-{k}", sound, engine, Life(30, 30), 0.0, random.Random(0)) for k in (0, 1)]
    for trial in trials:
        life = lived(trial)
        if trial.code:
            raise NotEnding(f"undisturbed runs do not end well: {trial.said()}")
    if any(value for key, value in trials[1].count().items() if key != "records"):
        raise NotEnding(f"undisturbed runs of engine {engine} do not repeat themselves: {trials[1].count()}")
    return sound, life


def lived(trial: Trial) -> Life:
    began = time.monotonic()
    process = trial.start()
    trial.wait_for_work(process)
    at_work = time.monotonic()
    trial.code = trial.wait(process)
    return Life(at_work - began, time.monotonic() - at_work)
