"""The faults: each hurts a run, or its results folder, as it may happen to a user. To add one, add a function here.

A fault may leave the command to be typed again: the program does so until all is done, and counts what is there.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from fault_trial import START, Trial, kill_group

SPREAD = 0.6180339887
"""Moments this far apart, on a circle, are spread evenly however many there are."""
DAY = 86400
CLUSTER = ("--workers", "2")
MIB = 2**20

CLOCK = """
import datetime, time
from sysid_tbptt.runs import provenance
began, real = time.monotonic(), time.time
back = lambda: {day} if time.monotonic() - began > {jump} else 0
time.time = lambda: real() - back()
class Clock(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return super().now(tz) - datetime.timedelta(seconds=back())
provenance.datetime = Clock
"""
"""Sets the clock of a process one day back, ``jump`` seconds after its start."""


class Skipped(Exception):
    """A fault that cannot be had here."""


@dataclass(frozen=True)
class Fault:
    """``hurt`` does it, on the runs of ``engine``; ``said`` names it in the table.

    It is tried ``tries`` times, of which up to ``blows`` hit one folder; ``where`` the runs go are options of ``run``.
    """

    name: str
    said: str
    hurt: Callable[[Trial], None]
    tries: int = 10
    engine: str = "cpu"
    blows: int = 1
    where: tuple[str, ...] = ("--threads", "2")


# Killed


def kill(trial: Trial) -> None:
    """Again and again, until the runs are done or the blows are spent; what is typed again is killed again."""
    for number in range(trial.blows):
        process = trial.start()
        alive = trial.wait_to_strike(process, (trial.part + number * SPREAD) % 1)
        if not alive:
            trial.code = process.returncode
            break
        kill_group(process)
        trial.look()
    if trial.code != 0:
        trial.run()
    trial.listen("done already")


def kill_worker(trial: Trial) -> None:
    """A worker is missed while there is work: of more runs without a record than workers, one at least is not done."""
    process = trial.start()
    trial.wait_to_strike(process)
    trial.wait(process, lambda: workers_of(process.pid))
    if workers := workers_of(process.pid):
        os.kill(trial.rng.choice(workers), signal.SIGKILL)
    missed = trial.undone() > len(workers)
    trial.code = trial.wait(process)
    if missed or trial.code or "worker process" in trial.said():
        trial.listen("worker process")


def kill_cluster_workers(trial: Trial) -> None:
    """One worker of a cluster at work and then another; they are started again, and the run ends by itself.

    One that has not begun, or has nothing left to do, is not missed; of all tries one at least must be told.
    """
    process = trial.start()
    for number in range(2):
        trial.wait_to_strike(process, START + (1 - START) * ((trial.part + number * SPREAD) % 1))
        if workers := workers_of(process.pid, b"dask_worker"):
            os.kill(trial.rng.choice(workers), signal.SIGKILL)
    trial.code = trial.wait(process)
    trial.lost += trial.code != 0
    if "its worker died" in trial.said():
        trial.listen("its worker died")


def workers_of(parent: int, mark: bytes = b"popen_loky") -> list[int]:
    """The worker processes of a run, by their command lines."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended
            status, command = (folder / "stat").read_text(), (folder / "cmdline").read_bytes()
            if int(status.rpartition(")")[2].split()[1]) == parent and mark in command:
                found.append(int(folder.name))
    return found


# The disk


def disk_full(trial: Trial) -> None:
    """The disk has room for a part of what the runs write: a small one where it may be mounted, else a limit on the
    size of a file."""
    sizes = [path.stat().st_size for path in trial.sound.rglob("*") if path.is_file()]
    if mount(trial, int(4096 + trial.part * sum(sizes))):
        trial.run()
        remount(trial, f"size={100 * MIB}")
    else:
        most = int(trial.part * max(sizes))
        trial.run(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)))
    if trial.code:
        trial.listen("cannot be written (")


def read_only(trial: Trial) -> None:
    """The folder cannot be written any more when the command is typed again after a kill."""
    mounted = mount(trial, 100 * MIB)
    process = trial.start()
    trial.wait_to_strike(process)
    kill_group(process)
    remount(trial, "ro") if mounted else protect(trial, 0o555)
    trial.run()
    remount(trial, "rw") if mounted else protect(trial, 0o755)
    trial.listen("cannot be written (")


def mount(trial: Trial, size: int) -> bool:
    """Puts the folder on a disk of its own of so many bytes; False where that is not allowed."""
    trial.results.mkdir(parents=True, exist_ok=True)
    asked = ("mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(trial.results))
    try:
        allowed = os.geteuid() == 0 and subprocess.run(asked, capture_output=True).returncode == 0
    except OSError:
        allowed = False
    if allowed:
        trial.undo.append(lambda: subprocess.run(("umount", "--lazy", str(trial.results)), check=True))
    return allowed


def remount(trial: Trial, option: str) -> None:
    subprocess.run(("mount", "-o", f"remount,{option}", str(trial.results)), check=True)


def protect(trial: Trial, mode: int) -> None:
    """Permissions of all folders; the superuser, who may not mount, is stopped by none."""
    if os.geteuid() == 0:
        raise Skipped("the superuser may write everywhere, and may not mount a disk that is read-only")
    for folder in [trial.results, *trial.results.rglob("*/")]:
        folder.chmod(mode)


# The records


def half_a_line(trial: Trial) -> None:
    trial.copy_sound()
    path = trial.rng.choice(trial.files())
    content = path.read_bytes()
    last = len(content.splitlines()[-1])
    path.write_bytes(content[: len(content) - trial.rng.randint(2, last)])
    trial.run()
    trial.listen("set aside, and to be run again")


def doubled(trial: Trial) -> None:
    """A line is there twice, in its own file or in another."""
    trial.copy_sound()
    line = trial.rng.choice(trial.rng.choice(trial.files()).read_bytes().splitlines(keepends=True))
    path = trial.rng.choice([*trial.files(), trial.files()[0].with_name("copy.jsonl")])
    before = path.read_bytes() if path.exists() else b""
    path.write_bytes(before + line)
    trial.run()
    trial.listen("is there already")


def newer_schema(trial: Trial) -> None:
    """A line is of a newer version of the package: the run leaves it alone, and goes on when it is put elsewhere."""
    trial.copy_sound()
    path = trial.rng.choice(trial.files())
    before = path.read_bytes()
    lines = before.splitlines(keepends=True)
    place = trial.rng.randrange(len(lines))
    lines[place] = json.dumps(json.loads(lines[place]) | {"schema": 99}).encode() + b"\n"
    path.write_bytes(newer := b"".join(lines))
    trial.run()
    trial.listen("use a newer version of sysid-tbptt")
    trial.lost += path.read_bytes() != newer
    path.write_bytes(before)


# The rest


def clock_back(trial: Trial) -> None:
    """The clock is set back a day under a run that is then killed; what it wrote seems to be of tomorrow."""
    jump = trial.rng.random() * (trial.life.start + trial.life.work)
    process = trial.start(CLOCK.format(day=DAY, jump=jump))
    trial.wait_to_strike(process)
    kill_group(process)
    for path in trial.results.rglob("*"):
        os.utime(path, (time.time() + DAY,) * 2)
    trial.run(prelude=CLOCK.format(day=DAY, jump=trial.rng.random() * (trial.life.start + trial.life.work)))
    trial.listen("done already")


def second_run(trial: Trial) -> None:
    """Another run is started on the same folder while one is at it: one of the two ends with a message, unharmed.

    On a busy machine one may end before the other looks at the folder, which then finds all done.
    """
    first = trial.start()
    trial.wait_to_strike(first, 0.5 * START * trial.part)
    trial.wait(trial.start())
    refused = "another run is writing here"
    if trial.wait(first):  # the second was quicker
        trial.output.pop()
    elif refused not in trial.said():  # one began when the other had ended, or both have written
        trial.lost += not any(", 0 to do" in trial.said(which) for which in (-1, -2))
        return
    trial.listen(refused)


FAULTS = (
    Fault("kill", "all processes killed (kill -9), threads", kill, tries=70, blows=4),
    Fault(
        "kill-processes",
        "all processes killed (kill -9), worker processes",
        kill,
        tries=30,
        engine="reference",
        blows=4,
    ),
    Fault("kill-worker", "one worker process killed (kill -9)", kill_worker, engine="reference"),
    Fault("kill-cluster", "the driver of a cluster killed (kill -9)", kill, engine="reference", blows=4, where=CLUSTER),
    Fault(
        "cluster-workers",
        "two workers of a cluster killed (kill -9)",
        kill_cluster_workers,
        tries=20,
        engine="reference",
        where=CLUSTER,
    ),
    Fault("disk-full", "disk full, then freed", disk_full),
    Fault("read-only", "folder read-only, then unlocked", read_only),
    Fault("half-a-line", "half a line at the end of a file", half_a_line),
    Fault("doubled", "a record twice, in one file or in two", doubled),
    Fault("newer-schema", "a record of a newer schema", newer_schema),
    Fault("clock", "clock set back a day, and a kill", clock_back),
    Fault("second-run", "a second run on the same folder", second_run),
)
"""In the order of the table."""
