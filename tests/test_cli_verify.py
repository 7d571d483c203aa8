"""`sysid-tbptt verify`, from the command line."""

import pytest

from sysid_tbptt.cli import main
from sysid_tbptt.runs.harness import train
from tests.conftest import config_of


@pytest.fixture
def results(tmp_path):
    folder = tmp_path / "results"
    config = config_of(dataset="sim_linear", split="simulated", seq_len=20, steps=2)
    train([config], engine="reference", workers=1, results=folder)
    return folder


@pytest.fixture
def verify(capsys):
    def verify(*arguments):
        capsys.readouterr()
        code = main(["verify", *map(str, arguments)])
        return code, capsys.readouterr()

    return verify


def test_a_sound_folder_ends_with_0(verify, results):
    code, said = verify(results)
    assert (code, said.err) == (0, "")
    assert f"1 records and 0 other files in {results}: 0 faults, 0 warnings" in said.out


def test_a_fault_is_told_by_file_and_line_with_1_until_it_is_mended(verify, results):
    (path,) = results.rglob("*.jsonl")
    path.write_text(path.read_text() + "half a li\x1b\n")
    code, said = verify(results)
    assert code == 1
    assert f"{path}, line 2: not a line of JSON" in said.err
    assert "`sysid-tbptt verify --fix` sets it aside" in said.err
    assert "\x1b" not in said.err
    code, said = verify(results, "--fix")
    assert code == 0
    assert f"set aside: {path}, line 2: not a line of JSON" in said.err
    assert "1 mended, 0 faults" in said.out
    assert verify(results)[0] == 0


def test_no_such_folder_ends_with_2(verify, tmp_path):
    code, said = verify(tmp_path / "none")
    assert code == 2
    assert "no such results folder" in said.err
