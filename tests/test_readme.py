"""The numbers of the README's leaderboard against the committed records of the official suite."""

import re
from pathlib import Path

import pytest

from sysid_tbptt.config import method
from sysid_tbptt.report.formats import with_interval
from sysid_tbptt.report.leaderboard import board
from sysid_tbptt.report.ranks import standings
from sysid_tbptt.runs.store import Line, read_lines

ROOT = Path(__file__).parents[1]
RECORDS = ROOT / "results" / "records"
README = (ROOT / "README.md").read_text(encoding="utf-8")
NAMES = {
    "Silverbox": "silverbox",
    "Wiener-Hammerstein": "wiener_hammerstein",
    "Cascaded Tanks": "cascaded_tanks",
    "EMPS": "emps",
    "Coupled drives": "ced",
}


def lines(suite):
    found = [line for path in sorted((RECORDS / suite).rglob("*.jsonl")) for line in read_lines(path)]
    assert all(isinstance(line, Line) for line in found)
    return [line.record for line in found]


@pytest.fixture(scope="module")
def official():
    return board(lines("official"))


def table():
    """Data set, test set, row and RMSE of each line."""
    (rows,) = re.findall(r"\| data set: test \|.*\n\|[-:|]+\n((?:\|.*\n)+)", README)
    for row in rows.splitlines():
        name, model, rmse, *_ = (cell.strip() for cell in row.strip("|").split("|"))
        data, _, test = name.partition(": ")
        yield NAMES[data], test or "test", model, rmse


def test_the_leaderboard_shows_the_model_that_validation_chooses(official):
    chosen = official[official["chosen"]].to_dict("records")
    assert sorted(table()) == sorted(
        (
            row["dataset"],
            row["test_set"],
            f"{method(row['model'], row['optimiser'])}, H {row['hidden_size']}, N {row['seq_len']}, m {row['burn_in']}",
            f"{with_interval(row['rmse'], row['rmse_low'], row['rmse_high'])} {row['unit']}",
        )
        for row in chosen
    )


def test_average_ranks_and_critical_difference_are_those_of_the_records(official):
    (standing,) = standings(official)
    names = (re.sub(r"^\w+", lambda model: model[0].upper(), name) for name in standing.ranking.ranks.index)
    ranks = ", ".join(f"{name} {rank:.2f}" for name, rank in zip(names, standing.ranking.ranks, strict=True))
    text = README.replace("\n", " ")
    assert f"Average ranks over the {standing.ranking.n_tests} test sets: {ranks}." in text
    assert f"Ranks less than {standing.ranking.critical_difference:.2f} apart" in text


def test_the_runs_of_the_search_are_counted():
    assert f"[{len(lines('official-search'))} runs of the search]" in README
