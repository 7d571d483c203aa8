"""The command line and the signals that it is sent, as a process."""

import signal
import subprocess
import time

import pytest

from tests.conftest import FOREGROUND

RUN = """
import sys
from sysid_tbptt.cli import main
from sysid_tbptt.training.engines import reference
reference._TURN_SECONDS = 0.0
sys.exit(main(sys.argv[1:]))
"""

BACKGROUND = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); signal.signal(signal.SIGHUP, signal.SIG_IGN)"
"""As a script starts `nohup sysid-tbptt run ... &`."""


@pytest.fixture
def running(child, own_log, tmp_path):
    """Starts a long run; gives the process once it has saved its state."""

    def start(prelude):
        suite = tmp_path / "suite.toml"
        suite.write_text(
            f'name = "s"\n[[groups]]\ndataset = "{own_log}"\nsplit = "file"\nmodel = "lstm"\nhidden_size = 2\n'
            "seq_len = 10\nburn_in = 0\nbatch_size = 8\nsteps = 10000000\n"
        )
        arguments = ["run", str(suite), "--results", str(tmp_path / "results"), "--engine", "reference"]
        process = child(RUN, *arguments, "--threads", "1", "--checkpoint", "0", prelude=prelude, stderr=subprocess.PIPE)
        wait_for_states(tmp_path, 1)
        return process

    return start


def wait_for_states(tmp_path, number):
    """Waits until the state was saved so often again."""
    (seen, deadline) = (set(), time.monotonic() + 180)
    while len(seen) < number and time.monotonic() < deadline:
        seen |= {path.stat().st_mtime_ns for path in tmp_path.glob("results/checkpoints/*.safetensors")}
        time.sleep(0.01)
    assert len(seen) >= number


def ends(process):
    """Whether it ends as Ctrl-C ends it."""
    _, said = process.communicate(timeout=180)
    return process.returncode == 130 and "stopped; saved. To go on, type: " in said


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda sent: sent.name)
def test_a_run_saves_its_state_and_says_how_to_go_on(sent, running):
    process = running(FOREGROUND)
    process.send_signal(sent)
    assert ends(process)


def test_signals_that_were_ignored_from_the_start_stay_ignored_but_sigterm_ends_the_run(running, tmp_path):
    process = running(BACKGROUND)
    for sent in (signal.SIGINT, signal.SIGHUP):
        process.send_signal(sent)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1.5)
        wait_for_states(tmp_path, 3)
    process.send_signal(signal.SIGTERM)
    assert ends(process)
