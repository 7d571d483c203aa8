import subprocess
import sys

import pytest
from numba.core.dispatcher import Dispatcher

from sysid_tbptt.training.engines import cpu
from sysid_tbptt.training.engines.kernels import cache, simulate

PROGRAM = """
import time, warnings
warnings.simplefilter("always")
from numba import types
from sysid_tbptt.training.engines.kernels.cache import kernel

def double(x):
    return 2 * x

twice = kernel(double)
twice(1.5)
print(sum(twice.stats.cache_hits.values()))
"""


def hits(folder, tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "default", "-c", PROGRAM],
        env={"NUMBA_CACHE_DIR": str(folder), "PYTHONPATH": ":".join(sys.path), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout), done.stderr


def test_second_process_finds_the_kernel(tmp_path):
    program = tmp_path / "cache"
    assert hits(program, tmp_path)[0] == 0
    assert hits(program, tmp_path)[0] == 1


def test_whatever_python_calls_is_kept_on_disk():
    """Otherwise each process compiles it anew, which takes seconds."""
    called = [value for module in (cpu, simulate) for value in vars(module).values() if isinstance(value, Dispatcher)]
    entries = [dispatcher for dispatcher in called if dispatcher.py_func.__name__ in ("prepare", "simulate", "train")]
    assert len({dispatcher.py_func for dispatcher in entries}) == 3
    assert all(isinstance(dispatcher._cache, cache.KernelCache) for dispatcher in entries)


def test_damaged_file_is_a_warning_and_is_compiled_anew(tmp_path):
    folder = tmp_path / "cache"
    hits(folder, tmp_path)
    for path in folder.rglob("*.nbc"):
        path.write_bytes(b"no pickle")
    found, said = hits(folder, tmp_path)
    assert found == 0
    assert "KernelCacheWarning" in said
    assert hits(folder, tmp_path) == (1, "")


def test_folder_that_cannot_be_used_is_a_warning(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    found, said = hits(tmp_path / "file", tmp_path)
    assert found == 0
    assert "compiled kernels are not kept in" in said


def test_stamp_covers_all_kernel_sources(monkeypatch, tmp_path):
    cache.sources_hash.cache_clear()
    before = cache.sources_hash()
    (tmp_path / "lstm.py").write_text("changed")
    monkeypatch.setattr(cache, "__file__", str(tmp_path / "cache.py"))
    cache.sources_hash.cache_clear()
    assert cache.sources_hash() != before
    cache.sources_hash.cache_clear()


@pytest.fixture(autouse=True)
def _fresh_stamp():
    yield
    cache.sources_hash.cache_clear()
