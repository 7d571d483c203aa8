"""A file is replaced only if it is as the package wrote it: nothing that a user wrote is lost."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sysid_tbptt.cli import main
from sysid_tbptt.errors import ConfigError
from sysid_tbptt.runs.sealed import is_sealed, sealed, write_sealed
from sysid_tbptt.runs.store import Store
from tests.report.made_up import record

SUITES = Path(__file__).parents[2] / "benchmarks" / "suites"


@pytest.fixture
def choose(tmp_path, capsys):
    """`sysid-tbptt choose` among two records; gives the exit code and the line on stderr."""
    store = Store(tmp_path / "results")
    for m, val in ((0, 3.0), (4, 1.0)):
        store.save(record(m, 0.0, val, 0.0, suite="search", dataset="sim_duffing", split="simulated"))

    def choose(path, *options):
        code = main(["choose", "search", str(path), "--results", str(store.root), *options])
        said = capsys.readouterr().err
        assert said.count("\n") == bool(code)
        return code, said

    return choose


@given(st.text(), st.text(min_size=1), st.integers(0, 200))
def test_every_change_breaks_the_seal(text, put_in, place):
    whole = sealed(f"{text}\nend\n")
    place = min(place, len(whole) - 1)
    assert is_sealed(whole)
    assert not is_sealed(whole[:place] + put_in + whole[place:])
    assert not is_sealed(whole[:place] + whole[place + 1 :])
    assert not is_sealed(f"{text}\nend\n")


def test_what_choose_wrote_is_replaced(choose, tmp_path):
    path = tmp_path / "final.toml"
    assert choose(path, "--seeds", "2") == (0, "")
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))  # a checkout on Windows
    assert choose(path, "--seeds", "3") == (0, "")
    assert "with 3 seeds" in path.read_text()
    assert is_sealed(path.read_text())


def test_the_committed_suite_that_choose_wrote_is_replaced_and_those_written_by_hand_are_not(choose, tmp_path):
    replaced = []
    for suite in sorted(SUITES.glob("*.toml")):
        copy = tmp_path / suite.name
        copy.write_bytes(suite.read_bytes())
        code, _ = choose(copy)
        assert (copy.read_bytes() == suite.read_bytes()) == (code == 2)
        replaced += [suite.name] if code == 0 else []
    assert replaced == ["official.toml"]


def edited(path):
    path.write_text(path.read_text().replace("steps", "# mine\nsteps", 1))


def header_edited(path):
    path.write_text(f"# My own header.\n{path.read_text()}")


def appended(path):
    path.write_text(path.read_text() + '\n[[groups]]\ndataset = "silverbox"\n')


def by_hand(path):
    path.write_text('name = "mine"\n')


def only_the_header(path):
    path.write_text(path.read_text().splitlines()[0] + "\n")


def empty(path):
    path.write_text("")


def not_text(path):
    path.write_bytes(b"\xff\xfe\0")


@pytest.mark.parametrize("change", [edited, header_edited, appended, by_hand, only_the_header, empty, not_text])
def test_what_was_written_by_hand_or_changed_since_is_left(change, choose, tmp_path):
    path = tmp_path / "final.toml"
    choose(path)
    change(path)
    before = path.read_bytes()
    code, said = choose(path)
    assert code == 2
    assert f"{path}: not written by this command, or changed since" in said
    assert "move it away, or name another file" in said
    assert path.read_bytes() == before


def test_what_is_no_plain_file_is_left(choose, tmp_path):
    target = tmp_path / "final.toml"
    choose(target)
    before = target.read_bytes()
    for name, leads_to in (
        ("link.toml", target),
        ("dangling.toml", tmp_path / "none.toml"),
        ("loop.toml", "loop.toml"),
    ):
        link = tmp_path / name
        link.symlink_to(leads_to)
        code, said = choose(link)
        assert (code, link.is_symlink(), f"{link}: a link" in said) == (2, True, True)
    os.mkfifo(tmp_path / "pipe.toml")
    assert "pipe.toml: not a plain file" in choose(tmp_path / "pipe.toml")[1]
    assert "cannot be replaced (Is a directory); name another file" in choose(tmp_path)[1]
    assert "cannot be replaced (File name too long)" in choose(tmp_path / ("x" * 300))[1]
    said = choose(target / "below.toml")[1]
    assert "cannot be written (" in said
    assert "or name another file" in said
    assert target.read_bytes() == before
    assert sorted(path.name for path in tmp_path.glob(".*")) == []


def test_a_file_that_cannot_be_read_is_left(tmp_path, monkeypatch):
    path = tmp_path / "final.toml"
    path.write_text(sealed("a\n"))

    def denied(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(ConfigError, match=r"final.toml: cannot be replaced \(Permission denied\); name another file"):
        write_sealed(path, sealed("b\n"))
    monkeypatch.undo()
    assert path.read_text() == sealed("a\n")
