"""Fuzzes a reader: ``python tests/fuzz/run.py READER --seconds 600``, or ``--runs 1000000``; ``all`` for every reader.

Coverage-guided by atheris (``pip install 'sysid-tbptt[fuzz]'``), from seeds that are valid files, most of the inputs
mutated in keeping with their form. Each finding is kept as a file below ``--findings``; counts go to ``--out``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from contextlib import suppress
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from random import Random
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from sysid_tbptt.errors import SysidError  # noqa: E402 - needs the path
from tests.fuzz import table  # noqa: E402

READERS = {
    "record": "lines of records",
    "suite": "suites",
    "log": "descriptions of logs",
    "cluster": "descriptions of clusters",
    "csv": "logs and outputs in CSV",
    "npz": "outputs and predictions in npz",
    "safetensors": "weights and checkpoints",
    "estimate": "estimates of stability",
    "parquet": "logs in Parquet",
    "series": "downloaded series, packed",
    "mat": "MATLAB files",
    "archive": "archives of data sets",
    "report": "records made into tables and the page",
}
INSTRUMENTED = [
    "sysid_tbptt",
    "tomllib",
    "yaml",
    "zipfile",
    "numpy.lib.format",
    "numpy.lib._format_impl",
    "safetensors",
]
LARGEST = 1 << 16
"""Bytes of the largest input."""

GROWTH = 2 << 30
"""Bytes that the process may grow by: readers take up to 1 GiB of what an input of 64 KiB claims."""

BY_FORM, FROM_SEEDS = 0.75, 0.65
"""Shares: of inputs mutated in keeping with their form, and of these, of those made from a seed rather than from
what fuzzing has found. Without them most inputs end at the parser."""

EVERY = 2.0
"""Seconds between two writings of the counts."""


def main() -> int:
    options = _parser().parse_args()
    if options.child:
        return _child(options)
    readers = list(READERS) if options.reader == "all" else [options.reader]
    found = [_fuzz(reader, options) for reader in readers]
    return int(any(row["findings"] for row in found))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("reader", choices=[*READERS, "all"])
    parser.add_argument("--seconds", type=float, default=600.0, help="time to fuzz a reader (default: 600)")
    parser.add_argument("--runs", type=int, help="end after so many inputs, if that is sooner")
    parser.add_argument("--out", type=Path, default=ROOT / "results/reliability/fuzzing.json")
    parser.add_argument("--findings", type=Path, default=Path(tempfile.gettempdir()) / "sysid-tbptt-findings")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    return parser


# The parent: starts the process that fuzzes, again after each that an input killed


def _fuzz(reader: str, options: argparse.Namespace) -> dict[str, Any]:
    started = time.monotonic()
    total: dict[str, Any] = {"inputs": 0, "read": 0, "refused": 0, "coverage": 0, "killed": 0, "found": {}}
    while True:
        seconds = options.seconds - (time.monotonic() - started)
        runs = options.runs and options.runs - total["inputs"]
        if seconds <= 1 or (runs is not None and runs <= 0):
            break
        if not _one_process(reader, options, seconds, runs, total):
            break
    row = _row(reader, total, time.monotonic() - started)
    _write(options.out, row)
    print(
        f"{reader}: {row['tried']} inputs, {row['findings']} findings: {json.dumps(total['found'], indent=1)}",
        flush=True,
    )
    return row


def _one_process(
    reader: str, options: argparse.Namespace, seconds: float, runs: int | None, total: dict[str, Any]
) -> bool:
    """Whether to go on: the process was killed by an input."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as name:
        place = Path(name)
        arguments = [reader, "--child", name, "--seconds", str(seconds), "--findings", str(options.findings)]
        arguments += ["--runs", str(runs)] if runs else []
        with (place / "log").open("wb") as log:
            done = subprocess.Popen([sys.executable, __file__, *arguments], stdout=log, stderr=log)
            while done.poll() is None:
                time.sleep(10)
                _tell(reader, place)
        counts = _counts(place)
        for name_ in ("inputs", "read", "refused"):
            total[name_] += counts.get(name_, 0)
        total["found"] |= counts.get("found", {})
        said = (place / "log").read_text(errors="replace")
        covered = [int(found) for found in re.findall(r"cov: (\d+)", said)]
        total["coverage"] = max([total["coverage"], *covered])
        if counts.get("ended"):
            return False
        total["killed"] += 1
        total["found"][f"killed {total['killed']}"] = said[-1500:]
        for artifact in (*place.glob("crash-*"), *place.glob("oom-*"), *place.glob("timeout-*")):
            options.findings.mkdir(parents=True, exist_ok=True)
            shutil.copy(artifact, options.findings / f"{reader}-{artifact.name}")
        return counts.get("inputs", 0) > 0 and total["killed"] < 20


def _counts(place: Path) -> dict[str, Any]:
    try:
        return json.loads((place / "counts.json").read_text())
    except (OSError, ValueError):
        return {}


def _tell(reader: str, place: Path) -> None:
    counts = _counts(place)
    if counts and sys.stderr.isatty():
        print(f"\r{reader}: {counts['inputs']} inputs, {len(counts['found'])} findings", end="", file=sys.stderr)


def _row(reader: str, total: dict[str, Any], seconds: float) -> dict[str, Any]:
    import atheris  # noqa: F401 - its version is told

    mended = import_module(f"tests.fuzz.target_{reader}").MENDED
    names = ("sysid-tbptt", "atheris", "numpy", "pandas", "pydantic", "safetensors", "pyarrow", "scipy")
    return {
        "fault": f"hostile input: {READERS[reader]}",
        "reader": reader,
        "tried": total["inputs"],
        "read": total["read"],
        "refused": total["refused"],
        "lost": len(total["found"]),
        "findings": len(total["found"]),
        "mended": len(mended),
        "mended_by_fuzzing": sum(how == "fuzzing" for how in mended.values()),
        "seconds": round(seconds),
        "coverage": total["coverage"],
        "versions": {"python": platform.python_version()} | {name: version(name) for name in names},
    }


def _write(out: Path, row: dict[str, Any]) -> None:
    """The rows of all readers, this one's in place of its earlier one, and the table of them."""
    rows = json.loads(out.read_text()) if out.is_file() else []
    rows = [old for old in rows if old["reader"] != row["reader"]] + [row]
    rows.sort(key=lambda one: list(READERS).index(one["reader"]))
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(rows, indent=1) + "\n")
    out.with_suffix(".md").write_text(table.markdown(rows))


# The child: reads inputs until its time is over


def _child(options: argparse.Namespace) -> int:
    import atheris

    with atheris.instrument_imports(include=INSTRUMENTED):
        target = import_module(f"tests.fuzz.target_{options.reader}")
    from tests.fuzz.sandbox import Sandbox

    place: Path = options.child
    (place / "corpus").mkdir()
    (place / "work").mkdir()
    os.chdir(place / "work")
    sys.path.insert(0, "")
    for number, seed in enumerate(target.seeds()):
        (place / "corpus" / str(number)).write_bytes(seed)
        _quietly(target.fuzz, seed, place / "work")  # what is imported late is imported now
    tally = _Tally(options, place, target, Sandbox(place / "work"))
    _limit_memory()

    seeds = target.seeds()

    def mutator(data: bytes, size: int, seed: int) -> bytes:
        random, kept = Random(seed), data
        if random.random() < BY_FORM:
            data = random.choice(seeds) if random.random() < FROM_SEEDS else data
            with suppress(Exception):  # its form is lost already
                for _ in range(random.choice((1, 1, 2, 3))):
                    data = target.mutate(data, random)
            if 0 < len(data) <= size and data != kept:
                return data
        return atheris.Mutate(kept, size)

    arguments = [sys.argv[0], f"-max_len={LARGEST}", "-timeout=60", "-rss_limit_mb=0", "-len_control=0", "-reload=0"]
    arguments += ["-mutate_depth=1"]
    arguments += [f"-artifact_prefix={place}/", str(place / "corpus")]
    atheris.Setup(arguments, tally.one, custom_mutator=mutator)
    atheris.Fuzz()
    return 0


def _quietly(fuzz: Any, seed: bytes, folder: Path) -> None:
    with suppress(SysidError):  # a seed may be one that is to be refused
        fuzz(seed, folder)


def _limit_memory() -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + 2 * GROWTH
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


class _Tally:
    """Counts inputs and keeps findings, one of each kind."""

    def __init__(self, options: argparse.Namespace, place: Path, target: Any, sandbox: Any) -> None:
        self.options, self.place, self.target, self.sandbox = options, place, target, sandbox
        self.counts: dict[str, Any] = {"inputs": 0, "read": 0, "refused": 0, "found": {}, "ended": False}
        self.began = self.told = time.monotonic()
        self.peak = _peak()
        self.refused = False

    def one(self, data: bytes) -> None:
        self.counts["inputs"] += 1
        try:
            self.sandbox.run(self._counted, data)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            self._found(data, error)
        if _peak() - self.peak > GROWTH:
            self._found(data, MemoryError(f"grew by {(_peak() - self.peak) >> 20} MiB"))
            self.peak = _peak()
        now = time.monotonic()
        runs = self.options.runs
        over = now - self.began > self.options.seconds or (runs is not None and self.counts["inputs"] >= runs)
        if over or now - self.told > EVERY:
            self.told = now
            self._tell(over)

    def _counted(self, data: bytes, folder: Path) -> None:
        self.counts["refused"] += 1
        self.target.fuzz(data, folder)
        self.counts["refused"] -= 1
        self.counts["read"] += 1

    def _found(self, data: bytes, error: BaseException) -> None:
        frames = traceback.extract_tb(error.__traceback__)
        last = [frame for frame in frames if "/sysid_tbptt/" in frame.filename or "/fuzz/target_" in frame.filename][
            -1:
        ]
        where = f"{Path(last[0].filename).name}:{last[0].lineno}" if last else "?"
        kind = f"{type(error).__name__} at {where}"
        if kind not in self.counts["found"]:
            self.counts["found"][kind] = f"{error}"[:300]
            self.options.findings.mkdir(parents=True, exist_ok=True)
            name = f"{self.options.reader}-{hashlib.sha1(kind.encode()).hexdigest()[:8]}"
            (self.options.findings / name).write_bytes(data)
            told = "".join(traceback.format_exception(error))
            (self.options.findings / f"{name}.txt").write_text(f"{kind}\n{told[-6000:]}", errors="backslashreplace")
            self._tell(False)

    def _tell(self, over: bool) -> None:
        self.counts["ended"] = over
        whole = self.place / "counts.tmp"
        whole.write_text(json.dumps(self.counts))
        whole.replace(self.place / "counts.json")
        if over:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(0)


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    sys.exit(main())
