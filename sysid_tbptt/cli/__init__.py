"""The command ``sysid-tbptt``: one file a command, its options and the room that answers it.

Exit codes: 0 all done, 1 some runs failed or diverged (`verify`: there are faults, `reproduce`: other numbers), 2 bad
usage or input, 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

from rich.console import Console

from ..errors import SysidError
from . import choose, cite, compare, datasets, report, reproduce, run, score, stability, status, submit, verify
from .printing import BAD_INPUT, OK, STOPPED, printable

COMMANDS = (datasets, run, status, verify, reproduce, score, stability, choose, report, cite, compare, submit)
"""Each adds itself to the parser by ``add(commands)``."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns its exit code."""
    options = parser().parse_args(arguments)
    errors = Console(stderr=True)
    _end_in_order()
    try:
        return int(options.command(options))
    except SysidError as error:
        errors.print(f"error: {printable(str(error))}", markup=False, highlight=False, soft_wrap=True)
        return BAD_INPUT
    except BrokenPipeError:  # the reader of our output has gone: `sysid-tbptt datasets | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except KeyboardInterrupt:
        errors.print("stopped")
        return STOPPED


def parser() -> argparse.ArgumentParser:
    """All commands and options."""
    top = argparse.ArgumentParser(prog="sysid-tbptt", description="Burn-in studies of recurrent networks.")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add(commands)
    return top


def _end_in_order() -> None:
    """SIGTERM and SIGHUP end a command as Ctrl-C does. A SIGHUP that is ignored from the start stays ignored: nohup."""
    signal.signal(signal.SIGTERM, _interrupt)
    hang_up = getattr(signal, "SIGHUP", None)
    if hang_up is not None and signal.getsignal(hang_up) is not signal.SIG_IGN:
        signal.signal(hang_up, _interrupt)


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt
