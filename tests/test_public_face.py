import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import sysid_tbptt


@pytest.mark.parametrize("name", sysid_tbptt.__all__)
def test_name_is_that_of_its_home(name):
    home = import_module(f"sysid_tbptt.{sysid_tbptt._HOMES[name]}")
    assert getattr(sysid_tbptt, name) is getattr(home, name)


def test_dir_lists_the_names():
    assert dir(sysid_tbptt) == sorted(sysid_tbptt.__all__)


def test_type_checkers_see_the_same_names():
    text = Path(sysid_tbptt.__file__).read_text(encoding="utf-8")
    seen = [line.rpartition(" as ")[2] for line in text.splitlines() if line.startswith("    from .")]
    assert sorted(seen) == sorted(sysid_tbptt.__all__)


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'sysid_tbptt' has no attribute 'trian'"):
        sysid_tbptt.trian  # noqa: B018


def test_import_is_light():
    code = "import sys, sysid_tbptt; assert not {'torch', 'numpy', 'pandas'} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_run_on_the_cpu_engine_does_without_torch():
    """Importing it takes longer than a short run."""
    code = """
import sys, sysid_tbptt as st
run = st.RunConfig(suite="s", dataset="sim_duffing", split="simulated", model="rnn", seq_len=20, steps=2)
assert st.train([run], workers=1)[0].status == "ok"
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
