"""Every reader on hypothesis' inputs, by the targets that the fuzzer runs: read, or refused by an error of ours."""

import sys
import warnings
from importlib import import_module
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sysid_tbptt.errors import SysidError
from tests.fuzz.run import READERS
from tests.fuzz.sandbox import CANARY, Escape, Sandbox

SLOW = {"report": 3, "mat": 15}
"""Examples of readers that take long; of the others `EXAMPLES`."""
EXAMPLES = 60


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    return Sandbox(tmp_path_factory.mktemp("fuzzed"))


def target(reader):
    return import_module(f"tests.fuzz.target_{reader}")


def run(sandbox, reader, data):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of numbers near the largest
        sandbox.run(target(reader).fuzz, data)


@pytest.mark.parametrize("reader", READERS)
def test_a_seed_at_least_is_read(reader, tmp_path):
    (tmp_path / "work").mkdir()
    read = []
    for seed in target(reader).seeds():
        try:
            target(reader).fuzz(seed, tmp_path / "work")
        except SysidError:
            continue
        read.append(seed)
    assert read


@pytest.mark.parametrize("reader", READERS)
def test_a_changed_file_is_read_or_refused(reader, sandbox):
    @settings(max_examples=SLOW.get(reader, EXAMPLES), deadline=None, database=None)
    @given(st.integers(0, 2**32), st.integers(1, 3))
    def changed(number, times):
        random = Random(number)
        data = random.choice(target(reader).seeds())
        for _ in range(times):
            try:
                data = target(reader).mutate(data, random)
            except Exception:  # its form is lost
                break
        run(sandbox, reader, data)

    changed()


@pytest.mark.parametrize("reader", sorted(READERS.keys() - SLOW.keys()))
@settings(
    max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(reader, sandbox, data):
    run(sandbox, reader, data)


HARMS = {
    "a file outside": lambda folder: (folder.parent / "outside").write_text("x"),
    "a file that is moved out": lambda folder: (folder / f"{CANARY}.py").rename(folder.parent / "out"),
    "a program": lambda folder: __import__("subprocess").run(["true"], check=True),
    "a pickle": lambda folder: __import__("pickle").loads(b"cbuiltins\nlen\n."),
    "an import": lambda folder: __import__(CANARY),
    "a module of Python's own that acts": lambda folder: __import__("antigravity"),
    "a long message": lambda folder: (_ for _ in ()).throw(SysidError("x" * 10**6)),
}


@pytest.mark.parametrize("harm", HARMS)
def test_what_no_input_may_do_is_noticed(harm, sandbox, monkeypatch):
    monkeypatch.syspath_prepend(sandbox.folder)
    monkeypatch.delitem(sys.modules, "antigravity", raising=False)
    with pytest.raises(Escape):
        sandbox.run(lambda data, folder: HARMS[harm](folder), b"")


def test_memory_that_ran_out_is_noticed_behind_an_error_of_ours(sandbox):
    def refuse(data, folder):
        raise SysidError("not a file") from MemoryError()

    with pytest.raises(Escape, match="out of memory"):
        sandbox.run(refuse, b"")
