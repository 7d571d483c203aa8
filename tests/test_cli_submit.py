"""`sysid-tbptt submit`, from the command line to the pull request."""

import subprocess

import pytest

from sysid_tbptt.cli import main
from sysid_tbptt.cli.printing import SHOWN
from sysid_tbptt.runs.harness import train
from sysid_tbptt.runs.store import Store
from tests.conftest import config_of


@pytest.fixture
def results(tmp_path):
    """Two records of the harness, with their predictions."""
    folder = tmp_path / "results"
    configs = [config_of(dataset="sim_linear", split="simulated", seq_len=20, steps=2, seed=seed) for seed in (0, 1)]
    train(configs, engine="reference", workers=1, results=folder, keep_weights=True)
    return folder


@pytest.fixture
def submit(capsys):
    def submit(*arguments):
        capsys.readouterr()
        code = main(["submit", *map(str, arguments)])
        return code, capsys.readouterr()

    return submit


def files(folder):
    return sorted(folder.rglob("*.jsonl"))


def test_what_to_put_into_a_pull_request(submit, results):
    code, said = submit(results)
    assert code == 0
    assert "2 records in 2 files, 0 errors; 2 scored anew from their predictions" in said.out
    assert "Title: Results of lstm on sim_linear" in said.out
    assert all(f"  {path}\n" in said.out for path in files(results))
    assert "sim_linear, simulated split, test set test" in said.out
    assert any(line.startswith("> ") for line in said.out.splitlines())


def test_only_what_git_does_not_have_is_listed(submit, results):
    committed, new = files(results)
    identity = ("-c", "user.name=x", "-c", "user.email=x@example.org")
    for arguments in (("init", "-q"), ("add", committed), (*identity, "commit", "-q", "-m", "x")):
        subprocess.run(("git", *arguments), cwd=results, check=True)
    said = submit(results)[1].out
    assert (f"  {committed}\n" in said, f"  {new}\n" in said) == (False, True)
    assert f"  {committed}\n" in submit(committed)[1].out


def test_errors_are_told_by_file_and_line_with_code_2(submit, results):
    first, second = files(results)
    first.write_text(first.read_text().replace('"burn_in":3', '"burn_in":4'))
    second.write_text("half a li\n")
    code, said = submit(results)
    assert code == 2
    assert f"{first}, line 1: run_id " in said.err
    assert f"{second}, line 1: not a line of JSON" in said.err
    assert "2 errors" in said.out
    assert "pull request" not in said.out


def test_very_many_errors_are_counted(submit, results):
    first, second = files(results)
    second.unlink()
    first.write_text("x\n" * (SHOWN + 7))
    assert submit(results)[1].err.splitlines()[SHOWN:] == ["... and 7 more"]


def test_what_a_record_says_reaches_the_terminal_as_text(submit, results):
    path = files(results)[0]
    path.write_text(
        path.read_text()
        .replace('"status":"ok"', '"status":"failed"')
        .replace('"reason":null', r'"reason":"\u001b[2J\nerror: x"')
    )
    (line, *_) = submit(results)[1].err.splitlines()
    assert r"the run failed (\x1b[2J error: x)" in line


def test_predictions_of_another_folder(submit, results, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "0 scored anew" in submit(results, "--predictions", tmp_path / "empty", "--check")[1].out


def test_nothing_to_submit_is_one_line_and_code_2(submit, tmp_path):
    for path, reason in ((tmp_path / "none", "no such file or folder"), (tmp_path, "no records")):
        code, said = submit(path)
        assert (code, said.out, said.err.count("\n")) == (2, "", 1)
        assert reason in said.err


def test_a_checked_folder_is_left_as_it_was(submit, results):
    def content():
        return {path: path.read_bytes() for path in results.rglob("*") if path.is_file()}

    before = content()
    submit(results)
    assert content() == before
    assert len(Store(results).records()) == 2
